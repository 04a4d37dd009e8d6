"""The observer on a feed from memory, and a control that remembers what it was sent."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count

import anyio
from textual.pilot import Pilot

from crew.commands import Command, Control, Receipt
from crew.entries import Entry
from crew.errors import CommandError
from crew.feed import FeedItem, Grew
from crew.progress import Progress
from crew.tui import KeyRing, Observer, RunList, Subject
from crew.tui.result_screen import ReadResult
from crew.tui.stage import Stage
from tests.doubles.feeds import MemoryFeed, MemoryPages, golden_items
from tests.doubles.transcripts import golden_transcripts

NOW = datetime(2026, 1, 31, 12, 4, 48, tzinfo=UTC)


class OpenFeed(MemoryFeed):
    """A feed that goes on: a test may tell it more, and write into its transcripts."""

    def __init__(
        self, items: Sequence[FeedItem], transcripts: dict[str, Sequence[Entry]] | None = None
    ) -> None:
        super().__init__(items)
        self._more, self._take = anyio.create_memory_object_stream[FeedItem](1_000)
        self._untaken = 0
        self.books = {name: MemoryPages(said) for name, said in (transcripts or {}).items()}

    @property
    def drained(self) -> bool:
        return super().drained and not self._untaken

    def tell(self, *items: FeedItem) -> None:
        for item in items:
            self._untaken += 1
            self._more.send_nowait(item)

    def end(self) -> None:
        self._more.close()

    def write(self, session: str, *entries: Entry) -> None:
        book = self.books.setdefault(session, MemoryPages(()))
        for entry in entries:
            book.entries.append(entry.model_copy(update={"id": len(book.entries)}))
        self.tell(Grew(session=session))

    def pages(self, session: str) -> MemoryPages:
        return self.books.setdefault(session, MemoryPages(()))

    @asynccontextmanager
    async def _subscribe(self, after: int) -> AsyncIterator[AsyncIterator[FeedItem]]:
        with self._more, self._take:
            yield self._both(after)

    async def _both(self, after: int) -> AsyncIterator[FeedItem]:
        async for item in super()._follow(after):
            yield item
        async for item in self._take:
            yield item
            self._untaken -= 1


class Remembering:
    """A control that accepts everything, or refuses everything."""

    def __init__(self, refusal: str = "") -> None:
        self.sent: list[Command] = []
        self._refusal = refusal

    async def send(self, command: Command) -> Receipt:
        self.sent.append(command)
        if self._refusal:
            raise CommandError(self._refusal)
        return Receipt(command=command.id, seq=1)


def until(seq: int) -> list[FeedItem]:
    """The golden run up to an event."""
    items = golden_items()
    last = next(n for n, item in enumerate(items) if _number(item) == seq)
    return items[: last + 1]


def _number(item: FeedItem) -> int:
    return 0 if isinstance(item, Progress | Grew) else item.seq


def observer(
    items: Sequence[FeedItem] | None = None,
    *,
    control: Control | None = None,
    feed: MemoryFeed | None = None,
    stay: bool = True,
    read_result: ReadResult | None = None,
    runs: RunList | None = None,
    editor: str = "",
    keys: Mapping[str, str] | None = None,
    again: Callable[[str], Subject] | None = None,
) -> Observer:
    """The observer on the golden run, or a part of it."""
    ids = count(1)
    shown = golden_items() if items is None else items
    subject = Subject(
        feed=feed or MemoryFeed(shown, golden_transcripts()),
        control=control,
        read_result=read_result,
        again=again,
    )
    return Observer(
        None if runs is not None else subject,
        runs=runs,
        now=lambda: NOW,
        new_id=lambda: f"sent-{next(ids)}",
        tz=UTC,
        stay=stay,
        editor=editor,
        keys=KeyRing(keys),
    )


def stage(app: Observer) -> Stage:
    found = app.stage
    assert found is not None
    return found


def screen_text(app: Observer) -> list[str]:
    """What is on the screen, line by line."""
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


async def settle(pilot: Pilot[None]) -> None:
    """Wait until what the feed has told is on the screen."""
    app = pilot.app
    assert isinstance(app, Observer)
    with anyio.fail_after(10):
        while not (_drained(app) and app.settled):
            await pilot.pause(0.01)
    await pilot.pause()


def _drained(app: Observer) -> bool:
    if app.stage is None:
        return True
    assert isinstance(app.feed, MemoryFeed)
    return app.feed.drained
