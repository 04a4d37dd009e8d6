"""Writes one session of a live run: its transcript, its part in flight, its progress."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic_core import to_json

from crew.bus.live import LiveFeed
from crew.entries import EntryBase
from crew.errors import StoreError
from crew.feed import Grew
from crew.progress import Progress
from crew.records import SCHEMA_VERSION, timestamp
from crew.store.folder import RunFolder
from crew.store.jsonl import AppendLog, DescriptorPool
from crew.store.redact import Redactor, StreamRedactor

EntryT = TypeVar("EntryT", bound=EntryBase)


class RunRecorder(Protocol):
    """What a session's recorder needs of its run's."""

    folder: RunFolder
    epoch: int
    now: Callable[[], datetime]
    redact: Redactor
    feed: LiveFeed
    failed: StoreError | None

    def check(self) -> None:
        """Raise what forbids every further write, if something does."""
        ...

    def fail(self, error: StoreError) -> StoreError:
        """Remember the disk's first refusal, and give it."""
        ...

    def sync_with_next(self, path: Path) -> None:
        """Have a file on the disk before the next event that is committed."""
        ...

    def touched(self, session: "SessionRecorder") -> bool:
        """Send a session's progress, now or when its interval is over; True when it waits."""
        ...

    def flushed(self, session: "SessionRecorder") -> None:
        """Send a session's progress now."""
        ...

    def ended(self, session: "SessionRecorder") -> None:
        """Send a session's last progress, and forget the session."""
        ...

    def stream_later(self, session: "SessionRecorder") -> float:
        """Have the session write its part in flight in one interval; returns when."""
        ...


class SessionRecorder:
    """Writes one session's transcript and its part in flight, and tells of its progress.

    After `end` nothing more is written or sent.

    Attributes:
        id: The session's id.
        entries: Lines in its transcript; the next entry's id.
    """

    def __init__(
        self,
        recorder: RunRecorder,
        session: str,
        snapshot: Callable[[], Progress],
        log: AppendLog,
        pool: DescriptorPool,
    ) -> None:
        self.id = session
        self.entries = log.count_lines() if log.size else 0
        self._recorder = recorder
        self._snapshot = snapshot
        self._log = log
        self._pool = pool
        self._grew = Grew(session=session)
        self._live = self._left_in_flight() if log.size else None
        self._parts: list[str] = []
        self._stream: StreamRedactor | None = None
        self._due: float | None = None
        self._waits = False
        self._ended = False

    def append(self, *entries: EntryT, turn: int) -> tuple[EntryT, ...]:
        """Write complete entries with one system call; the part in flight has landed.

        Returns:
            The stamped entries; none after the end.

        Raises:
            StoreError: The disk refused, now or before; none of them is in the file.
        """
        if self._ended:
            return ()
        self._recorder.check()
        at, epoch = self._recorder.now(), self._recorder.epoch
        stamped = tuple(
            entry.model_copy(update={"id": row, "at": at, "turn": turn, "epoch": epoch})
            for row, entry in enumerate(entries, start=self.entries)
        )
        try:
            self._log.append(map(to_json, stamped))
            self.entries += len(stamped)
            self._clear_in_flight()
        except StoreError as error:
            raise self._recorder.fail(error) from error
        self._recorder.feed.publish(self._grew)
        return stamped

    def sync(self) -> None:
        """Have the transcript on the disk before the next event that is committed."""
        self._recorder.sync_with_next(self._log.path)

    def stream(self, text: str) -> None:
        """Take more text of the part in flight; observers see it within 150 ms or so."""
        if self._ended:
            return
        self._parts.append(text)
        if self._due is None:
            self._due = self._recorder.stream_later(self)

    def landed(self) -> None:
        """Forget the part in flight: it was dropped, and no entry comes of it."""
        if self._ended:
            return
        try:
            if self._clear_in_flight():
                self._recorder.feed.publish(self._grew)
        except StoreError as error:
            raise self._recorder.fail(error) from error

    def touch(self) -> None:
        """Say that the progress changed; sent at once, or at the end of the interval."""
        if not self._waits and not self._ended:
            self._waits = self._recorder.touched(self)

    def flush(self) -> None:
        """Send the progress now."""
        if not self._ended:
            self._recorder.flushed(self)

    def end(self) -> None:
        """Send the last progress, and nothing after it.

        A part that never landed stays readable in the live file.
        """
        if self._ended:
            return
        if self._parts or self._stream is not None:
            self._write_chunk(flush=True)
        self._ended = True
        self._recorder.ended(self)

    def sent(self) -> Progress:
        """The progress to send now; nothing waits any more."""
        self._waits = False
        return self._snapshot()

    def write_in_flight(self, due: float) -> None:
        """Write what came of the part since the last chunk, if it is this one's turn."""
        if due == self._due:
            self._due = None
            self._write_chunk(flush=False)

    def _write_chunk(self, *, flush: bool) -> None:
        self._stream = self._stream or StreamRedactor(self._recorder.redact)
        text = self._stream.feed("".join(self._parts)) + (self._stream.flush() if flush else "")
        self._parts.clear()
        if not text or self._recorder.failed is not None:
            return
        chunk = {
            "v": SCHEMA_VERSION,
            "at": timestamp(self._recorder.now()),
            "row": self.entries,
            "text": text,
        }
        try:
            if self._live is None:
                path = self._recorder.folder.live(self.id)
                self._live = AppendLog(path, redact=self._recorder.redact, pool=self._pool)
            self._live.append((to_json(chunk),))
        except StoreError:
            return  # a view; the entry that lands says what is wrong
        self._recorder.feed.publish(self._grew)

    def _left_in_flight(self) -> AppendLog | None:
        """The live file of a writer that was lost, to be emptied with the next entry."""
        path = self._recorder.folder.live(self.id)
        if not path.exists():
            return None
        return AppendLog(path, redact=self._recorder.redact, pool=self._pool)

    def _clear_in_flight(self) -> bool:
        """Drop the part; True when some of it was in the live file."""
        self._parts.clear()
        self._stream = self._due = None
        if self._live is None or not self._live.size:
            return False
        self._live.clear()
        return True
