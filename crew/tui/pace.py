"""When pictures are made: soon after something changed, and at most ten times a second."""

from collections.abc import Callable

import anyio
from textual.message_pump import MessagePump

PICTURES = 1 / 10
"""Seconds between two pictures while something happens."""


class Pace:
    """Calls `draw` once for all the changes of a tenth of a second; never while nothing changes.

    Attributes:
        due: Whether a picture is to be made.
    """

    def __init__(self, pump: MessagePump, draw: Callable[[], None]) -> None:
        self.due = False
        self._pump = pump
        self._draw = draw
        self._drawn = 0.0

    def wake(self) -> None:
        """Have a picture made soon."""
        if self.due:
            return
        self.due = True
        elapsed = anyio.current_time() - self._drawn
        if elapsed >= PICTURES:
            self._pump.call_next(self._make)
        else:
            self._pump.set_timer(PICTURES - elapsed, self._make)

    def _make(self) -> None:
        self.due = False
        self._drawn = anyio.current_time()
        self._draw()
