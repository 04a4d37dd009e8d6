"""The live display: a calm picture of the run on a terminal, repainted only when it changed."""

from collections.abc import Callable
from datetime import datetime

import anyio
import anyio.to_thread
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from crew.console.frame import Frame
from crew.feed import Feed
from crew.view import RunFold, RunView

PAINT_INTERVAL = 1 / 8
TICK_INTERVAL = 1.0


class LiveDisplay:
    """Shows one run on a terminal until it ends, then leaves its last picture there.

    Args:
        console: The terminal.
        clock: The wall clock in UTC, for the times that tick.
    """

    def __init__(self, console: Console, *, clock: Callable[[], datetime]) -> None:
        self._console = console
        self._clock = clock
        self._fold = RunFold()
        self._note = ""
        self._changed = anyio.Event()
        self._painted: list[Text] = []

    @property
    def view(self) -> RunView:
        """The run so far."""
        return self._fold.view

    def say(self, note: str) -> None:
        """Put a word on the last line, in place of the one before."""
        self._note = note
        self._changed.set()

    async def follow(self, feed: Feed) -> None:
        """Show the run until it ends."""
        with Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as live:
            async with feed.subscribe() as items, anyio.create_task_group() as tasks:
                tasks.start_soon(self._paint_on_change, live)
                async for item in items:
                    if self._fold.apply(item):
                        self._changed.set()
                tasks.cancel_scope.cancel()
        for line in self._frame().summary(self.view, self._clock()):
            self._console.print(line, no_wrap=True, overflow="crop", crop=True)

    async def _paint_on_change(self, live: Live) -> None:
        while True:
            self._changed = anyio.Event()
            lines = self._frame().draw(self.view, self._clock(), self._note)
            if lines != self._painted:
                self._painted = lines
                # A terminal that is held (Ctrl+S) holds up this thread and nothing else.
                await anyio.to_thread.run_sync(_paint, live, lines)
            await anyio.sleep(PAINT_INTERVAL)
            with anyio.move_on_after(TICK_INTERVAL - PAINT_INTERVAL):
                await self._changed.wait()

    def _frame(self) -> Frame:
        width, height = self._console.size
        # The last column stays free: some terminals wrap when it is written.
        return Frame(width=max(20, width - 1), height=height, encoding=self._console.encoding)


def _paint(live: Live, lines: list[Text]) -> None:
    live.update(Group(*lines), refresh=True)
