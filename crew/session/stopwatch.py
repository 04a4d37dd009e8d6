"""How long a session has worked: the time since it began, less the time it was held."""

import anyio


class Stopwatch:
    """Runs from the beginning on.

    Args:
        worked: Seconds to begin with.
    """

    def __init__(self, worked: float = 0.0) -> None:
        self._began = anyio.current_time() - worked
        self._held = 0.0
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        """What it shows."""
        until = anyio.current_time() if self._since is None else self._since
        return until - self._began - self._held

    def stop(self) -> None:
        """Hold it."""
        self._since = anyio.current_time()

    def go_on(self) -> None:
        """Let it run again."""
        if self._since is not None:
            self._held += anyio.current_time() - self._since
            self._since = None
