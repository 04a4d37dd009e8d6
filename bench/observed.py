"""An observer that can be measured: its pictures counted, a feed and transcripts made for it."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC
from itertools import count
from typing import Any

import anyio
import anyio.lowlevel
from textual import events
from textual._compositor import CompositorUpdate
from textual.pilot import Pilot

from crew.bus.disk import DiskFeed
from crew.entries import Outcome, TextEntry, ToolCallEntry, ToolResultEntry
from crew.events import RunStarted, SessionStarted, TaskAdded, TaskStarted
from crew.feed import FeedItem
from crew.records import utc_now
from crew.store.folder import RunFolder
from crew.tui import Observer, Subject
from crew.tui.session_screen import SessionScreen

SIZE = (160, 50)
_BREATH = 64
WORDS = "the agent reads a file and runs the tests because the result was not what it expected "


class Measured(Observer):
    """The observer with its pictures counted, and written as for a terminal."""

    pictures = 0
    painted = 0.0
    shown: object = None
    probe: Callable[[], object] | None = None

    def _display(self, screen: Any, renderable: Any) -> None:
        if isinstance(renderable, CompositorUpdate):
            renderable.render_segments(self.console)
        super()._display(screen, renderable)

    async def until(self, shown: object) -> None:
        """Wait for the picture in which the probe gives that."""
        while self.shown != shown:
            await anyio.lowlevel.checkpoint()

    def post_display_hook(self) -> None:
        """Note what is on the screen now."""
        self.pictures += 1
        self.painted = time.perf_counter()
        if self.probe is not None:
            self.shown = self.probe()


class LoadFeed(DiskFeed):
    """A feed on transcripts of a folder, told by the benchmark."""

    def __init__(self, folder: RunFolder) -> None:
        super().__init__(folder)
        self.tell, self._take = anyio.create_memory_object_stream[FeedItem](100_000)

    @asynccontextmanager
    async def subscribe(self, *, after: int = 0) -> AsyncIterator[AsyncIterator[FeedItem]]:
        """Give what the benchmark tells, as much at once as the feed that this one stands for."""
        with self._take:
            yield self._told()

    async def _told(self) -> AsyncIterator[FeedItem]:
        while True:
            yield await self._take.receive()
            for _ in range(_BREATH):
                try:
                    item = self._take.receive_nowait()
                except anyio.WouldBlock:
                    break
                yield item


def lines(start: int, number: int) -> bytes:
    """Lines of a transcript: calls with their results, and text."""
    made = []
    for row in range(start, start + number):
        text = WORDS * (1 + row % 9)
        match row % 3:
            case 0:
                entry: Any = ToolCallEntry(
                    id=row, call_id=f"c{row}", tool="read", args={"path": "a"}
                )
            case 1:
                entry = ToolResultEntry(
                    id=row,
                    call_id=f"c{row - 1}",
                    tool="read",
                    outcome=Outcome.OK,
                    text=text,
                    ms=120,
                )
            case _:
                entry = TextEntry(id=row, text=text)
        made.append(entry.model_dump_json().encode() + b"\n")
    return b"".join(made)


def run_of(folder: RunFolder, sessions: int) -> list[FeedItem]:
    """The events of a run whose sessions all work."""
    now, seq = utc_now(), count(1)
    items: list[FeedItem] = [
        RunStarted(
            seq=next(seq),
            at=now,
            run=folder.id,
            team="bench",
            workflow="bench",
            goal="load",
            model="m",
            workspace="/",
            version="0",
        ),
    ]
    for n in range(sessions):
        name = f"work-{n}"
        items += [
            TaskAdded(seq=next(seq), at=now, task=name, step=name, role="worker"),
            TaskStarted(seq=next(seq), at=now, task=name, attempt=1),
            SessionStarted(
                seq=next(seq),
                at=now,
                session=name,
                task=name,
                role="worker",
                agent="worker",
                model="m",
                max_turns=99,
            ),
        ]
    return items


@asynccontextmanager
async def opened(
    folder: RunFolder, sessions: int = 1
) -> AsyncIterator[tuple[Measured, Pilot[None], LoadFeed]]:
    """An observer on a run, at its run screen."""
    feed, ids = LoadFeed(folder), count()
    app = Measured(
        Subject(feed=feed, control=None), now=utc_now, new_id=lambda: str(next(ids)), tz=UTC
    )
    async with app.run_test(size=SIZE) as pilot:
        for item in run_of(folder, sessions):
            feed.tell.send_nowait(item)
        await settled(app)
        yield app, pilot, feed


async def settled(app: Measured) -> None:
    """Wait until nothing is drawn any more."""
    known = -1
    while known < app.pictures or not app.settled:
        known = app.pictures
        await anyio.sleep(0.12)


async def open_session(app: Measured, session: str = "work-0") -> float:
    """Seconds from the wish to the picture with the end of the transcript."""
    app.probe = lambda: _end_shown(app)
    app.shown = None
    began = time.perf_counter()
    app.open(session)
    while not _shown(app):
        await anyio.lowlevel.checkpoint()
    took = app.painted - began
    app.probe = None
    await settled(app)
    return took


def _shown(app: Measured) -> bool:
    return bool(app.shown)


def _end_shown(app: Measured) -> bool:
    stage = app.stage
    if not isinstance(stage, SessionScreen) or not stage.is_mounted:
        return False
    return stage.transcript.source is not None and stage.transcript.at_end


async def key_wait(app: Measured, keys: str, times: int) -> list[float]:
    """Seconds from each key to the picture in which the selection has moved."""
    waits: list[float] = []
    app.probe = lambda: _cursor(app)
    for turn in range(times):
        app.shown = before = _cursor(app)
        began = time.perf_counter()
        press(app, keys[turn % len(keys)])
        while app.shown == before and time.perf_counter() - began < 5:
            await anyio.lowlevel.checkpoint()
        waits.append(app.painted - began)
        await anyio.sleep(0.037 + 0.007 * (turn % 7))
    app.probe = None
    return waits


def press(app: Measured, key: str) -> None:
    """Press a key, as the terminal's driver does."""
    event = events.Key(key, key if len(key) == 1 else None)
    event.set_sender(app)
    assert app._driver is not None
    app._driver.send_message(event)


async def picture_of(app: Measured, act: Callable[[], object]) -> float:
    """Seconds from an act to the first picture in which the transcript has another height."""
    app.probe = lambda: _lines(app)
    app.shown = before = _lines(app)
    began = time.perf_counter()
    act()
    while app.shown == before and time.perf_counter() - began < 5:
        await anyio.lowlevel.checkpoint()
    took = app.painted - began
    app.probe = None
    await settled(app)
    return took


async def picture_after(app: Measured, act: Callable[[], Awaitable[object]]) -> float:
    """Seconds from an act to the last picture that comes of it."""
    began = time.perf_counter()
    await act()
    await settled(app)
    return app.painted - began


def _lines(app: Measured) -> object:
    stage = app.stage
    return stage.transcript.lines if isinstance(stage, SessionScreen) else None


def _cursor(app: Measured) -> object:
    stage = app.stage
    if isinstance(stage, SessionScreen):
        return stage.transcript.cursor
    return app.run_screen.tree_pane.cursor
