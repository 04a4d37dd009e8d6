"""A feed that gives items from memory, and the golden run as such items."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path

import anyio

from crew.entries import Entry
from crew.events import Event, RunEnded, Unknown, parse_event
from crew.feed import FeedItem, Grew, Page, Sieve
from crew.progress import Progress

GOLDEN = Path(__file__).parent.parent / "golden"


class MemoryTranscript:
    """A transcript that is there at once."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries

    def poll(self) -> Sequence[Entry]:
        new, self._entries = self._entries, ()
        return new

    def in_flight(self) -> str:
        return ""

    def close(self) -> None:
        return None


class MemoryPages:
    """A transcript in memory; a place is a line's number. Tests may append to `entries`."""

    def __init__(self, entries: Sequence[Entry], in_flight: str = "") -> None:
        self.entries = list(entries)
        self.resets = 0
        self.writing = in_flight

    def last(self, want: int) -> Page:
        return self._page(max(0, len(self.entries) - want), len(self.entries))

    def before(self, place: int, want: int) -> Page:
        return self._page(max(0, place - want), place)

    def after(self, place: int, want: int) -> Page:
        return self._page(place, place + want)

    def in_flight(self, line: int) -> str:
        return self.writing if line <= len(self.entries) else ""

    def find(
        self,
        says: Callable[[Entry], bool],
        place: int,
        *,
        backwards: bool,
        hint: str = "",
        stop: Callable[[], bool] = lambda: False,
    ) -> Page | None:
        near = range(place - 1, -1, -1) if backwards else range(place, len(self.entries))
        return next((self._page(at, at + 1) for at in near if says(self.entries[at])), None)

    def sifted(self, sieve: Sieve) -> "MemorySifted":
        return MemorySifted(self, sieve)

    def _page(self, start: int, end: int) -> Page:
        entries = tuple(self.entries[start:end])
        return Page(start=start, end=start + len(entries), entries=entries)


class MemorySifted:
    """The wanted entries of a transcript in memory."""

    def __init__(self, whole: MemoryPages, sieve: Sieve) -> None:
        self._whole = whole
        self._sieve = sieve

    @property
    def resets(self) -> int:
        return self._whole.resets

    def sifted(self, sieve: Sieve) -> "MemorySifted":
        return MemorySifted(self._whole, sieve)

    def last(self, want: int) -> Page:
        return self.before(len(self._whole.entries), want)

    def before(self, place: int, want: int) -> Page:
        found = self._wanted(0, place)[-want:]
        start = found[0].id if len(found) == want else 0
        return Page(start=start, end=place, entries=tuple(found))

    def after(self, place: int, want: int) -> Page:
        found = self._wanted(place, len(self._whole.entries))[:want]
        end = found[-1].id + 1 if len(found) == want else len(self._whole.entries)
        return Page(start=place, end=end, entries=tuple(found))

    def in_flight(self, line: int) -> str:
        return self._whole.in_flight(line)

    def find(
        self,
        says: Callable[[Entry], bool],
        place: int,
        *,
        backwards: bool,
        hint: str = "",
        stop: Callable[[], bool] = lambda: False,
    ) -> Page | None:
        def both(entry: Entry) -> bool:
            return self._sieve.wants(entry) and says(entry)

        return self._whole.find(both, place, backwards=backwards)

    def _wanted(self, start: int, end: int) -> list[Entry]:
        return [entry for entry in self._whole.entries[start:end] if self._sieve.wants(entry)]


class MemoryFeed:
    """Replays items as a live run would give them, and ends with `run.ended` or the last one.

    Args:
        pace: Seconds before each item.
    """

    def __init__(
        self,
        items: Iterable[FeedItem],
        transcripts: dict[str, Sequence[Entry]] | None = None,
        *,
        pace: float = 0,
    ) -> None:
        self._items = list(items)
        self._pace = pace
        self._transcripts = transcripts or {}
        self._given = False

    @property
    def run(self) -> str:
        return next((item.run for item in self._items if not isinstance(item, Progress | Grew)), "")

    @property
    def drained(self) -> bool:
        """Whether somebody has taken every item."""
        return self._given

    def subscribe(self, *, after: int = 0) -> AbstractAsyncContextManager[AsyncIterator[FeedItem]]:
        return self._subscribe(after)

    @asynccontextmanager
    async def _subscribe(self, after: int) -> AsyncIterator[AsyncIterator[FeedItem]]:
        yield self._follow(after)

    async def _follow(self, after: int) -> AsyncIterator[FeedItem]:
        for item in self._items:
            await anyio.sleep(self._pace)
            if isinstance(item, Progress | Grew) or not item.seq or item.seq > after:
                yield item
            if isinstance(item, RunEnded):
                break
        self._given = True

    def transcript(self, session: str) -> MemoryTranscript:
        return MemoryTranscript(self._transcripts.get(session, ()))

    def pages(self, session: str) -> MemoryPages:
        return MemoryPages(self._transcripts.get(session, ()))


def golden_events() -> list[Event]:
    """The journal of the golden run: a review with a spawn, a retry, a steer and a permission."""
    return [parse_event(line) for line in _lines("review.events.jsonl")]


def golden_items() -> list[FeedItem]:
    """The golden run with its progress, as somebody who watches it live gets it."""
    progress = [Progress.model_validate_json(line) for line in _lines("review.progress.jsonl")]
    items: list[FeedItem] = [*golden_events(), *progress]
    return sorted(items, key=_time)


def _time(item: FeedItem) -> datetime:
    if isinstance(item, Progress):
        return item.updated
    if isinstance(item, Grew):
        raise TypeError("a golden run has no word of growing transcripts")
    return datetime.fromisoformat(item.raw["at"]) if isinstance(item, Unknown) else item.at


def _lines(name: str) -> list[bytes]:
    return (GOLDEN / name).read_bytes().splitlines()
