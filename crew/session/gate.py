"""Pause as a gate that a session passes at its checkpoints.

Two latches hold it independently, the session's own and the run's. An allowance (`step`) lets
one turn through and is used up by it.
"""

from enum import IntEnum

import anyio

from crew.errors import NotPausedError


class Latch(IntEnum):
    """How firmly a gate is held."""

    OPEN = 0
    SOFT = 1
    HARD = 2


class Gate:
    """Opened and closed by commands, waited at by the session."""

    def __init__(self, *, run: Latch = Latch.OPEN) -> None:
        self._own = Latch.OPEN
        self._run = run
        self._allowance = False
        self._changed = anyio.Event()

    @property
    def latched(self) -> bool:
        """Whether either latch is closed, whatever a step allows."""
        return bool(self._own or self._run)

    @property
    def held(self) -> bool:
        """Whether a session at a checkpoint must wait."""
        return self.latched and not self._allowance

    @property
    def reason(self) -> str:
        """Who holds it, for people."""
        return "paused" if self._own else "the run is paused"

    def pause(self, latch: Latch) -> None:
        """Close the session's own latch; a soft pause never loosens a hard one."""
        self._own = max(self._own, latch)
        self._allowance = False

    def resume(self) -> None:
        """Open the session's own latch.

        Raises:
            NotPausedError: The session is not paused by itself.
        """
        if not self._own:
            hint = "resume the run" if self._run else ""
            raise NotPausedError("the session is not paused by itself", hint=hint)
        self._own = Latch.OPEN
        self._notify()

    def pause_run(self, latch: Latch) -> None:
        """Close the run's latch."""
        self._run = max(self._run, latch)
        self._allowance = False

    def resume_run(self) -> None:
        """Open the run's latch; the session's own stays as it is."""
        self._run = Latch.OPEN
        self._notify()

    def step(self) -> None:
        """Let one turn through.

        Raises:
            NotPausedError: Nothing holds the session.
        """
        if not self.latched:
            raise NotPausedError("the session is not paused", hint="pause it first")
        self._allowance = True
        self._notify()

    def turn_ended(self) -> None:
        """A turn ran to its end: a step's allowance is used up."""
        self._allowance = False

    async def opened(self) -> None:
        """Wait until nothing holds the session."""
        while self.held:
            await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
