"""A feed that gives items from memory, and the golden run as such items."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path

import anyio

from crew.entries import Entry
from crew.events import Event, RunEnded, Unknown, parse_event
from crew.feed import FeedItem, Grew
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

    @property
    def run(self) -> str:
        return next((item.run for item in self._items if not isinstance(item, Progress | Grew)), "")

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
                return

    def transcript(self, session: str) -> MemoryTranscript:
        return MemoryTranscript(self._transcripts.get(session, ()))


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
