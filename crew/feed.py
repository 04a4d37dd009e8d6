"""What a front end may read of a run: one protocol, live in a process or followed on disk."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from crew.entries import Entry
from crew.events import Event
from crew.progress import Progress
from crew.records import Record


class Grew(Record):
    """A transcript, or its part in flight, has more to read than before. Newest wins."""

    session: str


FeedItem = Event | Progress | Grew


class TranscriptReader(Protocol):
    """Reads one transcript incrementally; a damaged line is an `ErrorEntry`, never an exception."""

    def poll(self) -> Sequence[Entry]:
        """Entries that were completed since the last call, in file order."""
        ...

    def in_flight(self) -> str:
        """The text of the part that streams now, empty when none does."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class Feed(Protocol):
    """Everything a front end may know of one run."""

    @property
    def run(self) -> str:
        """The run's id."""
        ...

    def subscribe(self, *, after: int = 0) -> AbstractAsyncContextManager[AsyncIterator[FeedItem]]:
        """Follow the run from the event behind `after` until `run.ended` was given.

        Events come in order, each once, none left out, however slow the reader is; a
        `Progress` or `Grew` that a newer one of its session has overtaken is left out.
        """
        ...

    def transcript(self, session: str) -> TranscriptReader:
        """Open a session's transcript at its beginning; an absent one reads as empty."""
        ...
