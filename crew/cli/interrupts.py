"""Ctrl+C and its kin: the first cancels the run cleanly, the second leaves at once."""

import contextlib
import os
import signal
from collections.abc import Callable
from typing import NoReturn
from uuid import uuid4

import anyio
from anyio.abc import TaskStatus

from crew.commands import Cancel, Control
from crew.errors import CommandError, ExitCode
from crew.records import utc_now

CANCELLING = "cancelling; press Ctrl+C again to leave at once"

_REASONS = {
    signal.SIGINT: ("interrupted at the terminal", CANCELLING),
    signal.SIGTERM: ("terminated", "terminated: cancelling; a second signal ends it at once"),
    signal.SIGHUP: ("its terminal was closed", "the terminal was closed: cancelling"),
}
"""By signal: why the run is cancelled, and what the person is told."""

_ECHO_WINDOW = 0.25
_SHOW_CURSOR = b"\x1b[?25h"


class Interrupts:
    """Turns signals into a cancel of the run, or of `scope` while there is no run yet.

    Args:
        say: Tells the person what happens.
        scope: What is cancelled before `control` is known.

    Attributes:
        restore: Gives the terminal back, before the process leaves at once.
    """

    def __init__(self, say: Callable[[str], None], scope: anyio.CancelScope) -> None:
        self.control: Control | None = None
        self._say = say
        self._scope = scope
        self.restore: Callable[[], None] = lambda: None
        self._first: float | None = None

    async def obey(self, *, task_status: TaskStatus[None]) -> None:
        """Handle signals until cancelled; started once they are received."""
        with anyio.open_signal_receiver(*_signals()) as received:
            task_status.started()
            async for number in received:
                await self._interrupted(number, anyio.current_time())

    async def _interrupted(self, number: signal.Signals, now: float) -> None:
        if self._first is not None:
            # A launcher such as `uv run` passes on what the terminal has sent already.
            if now - self._first > _ECHO_WINDOW:
                self.restore()
                leave_at_once()
            return
        self._first = now
        if self.control is None:
            self._scope.cancel()
            return
        reason, said = _REASONS[number]
        self._say(said)
        with contextlib.suppress(CommandError):  # it ended by itself meanwhile
            await self.control.send(Cancel(id=uuid4().hex, at=utc_now(), reason=reason))


def leave_at_once() -> NoReturn:
    """End the process without any cleanup but the terminal's."""
    if os.isatty(2):
        with contextlib.suppress(OSError):
            os.write(2, _SHOW_CURSOR + b"\n")
    os._exit(ExitCode.CANCELLED)


def _signals() -> list[signal.Signals]:
    # What the parent ignores stays ignored: that is how `nohup` works.
    return [number for number in _REASONS if signal.getsignal(number) != signal.SIG_IGN]
