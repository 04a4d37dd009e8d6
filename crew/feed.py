"""What a front end may read of a run: one protocol, live in a process or followed on disk."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Consecutive complete lines of a transcript.

    Attributes:
        start: The place where the first of them starts; only good for asking again.
        end: The place behind the last of them.
        entries: In file order; a damaged line is an `ErrorEntry`.
    """

    start: int = 0
    end: int = 0
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sieve:
    """Which entries of a transcript are wanted.

    Attributes:
        wants: Judges an entry.
        hints: Texts, one of which the line of a wanted entry has; spares judging the others.
            A line that can't be read is always judged.
    """

    wants: Callable[[Entry], bool]
    hints: tuple[str, ...]


class TranscriptPages(Protocol):
    """Reads any part of a transcript; the calls may block, and suit a thread.

    The first place of every transcript is 0.
    """

    @property
    def resets(self) -> int:
        """How often the transcript turned out to be another one; then all places are void."""
        ...

    def sifted(self, sieve: Sieve) -> "TranscriptPages":
        """The same transcript with the wanted entries alone; places mean the same in both.

        A page of it may be followed by unwanted lines: `end` is behind all that were looked at.
        """
        ...

    def last(self, want: int) -> Page:
        """The last lines, at most `want` of them."""
        ...

    def before(self, place: int, want: int) -> Page:
        """The lines that end at a place."""
        ...

    def after(self, place: int, want: int) -> Page:
        """The lines from a place on; empty when there are none yet."""
        ...

    def in_flight(self, line: int) -> str:
        """The text of the part that streams now and will be line `line` or one behind it."""
        ...

    def find(
        self,
        says: Callable[[Entry], bool],
        place: int,
        *,
        backwards: bool,
        hint: str = "",
        stop: Callable[[], bool] = ...,
    ) -> Page | None:
        """The nearest line from a place on, or before it, whose entry `says` accepts.

        Args:
            hint: Text that such a line has, in whatever case; spares judging the others.
            stop: Asked now and then; True ends the search.
        """
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

    def pages(self, session: str) -> TranscriptPages:
        """Open a session's transcript anywhere; an absent one is empty."""
        ...
