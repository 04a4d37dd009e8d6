"""The journal: a run's events, numbered without gaps, on disk before anyone hears of them."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeVar, cast

import anyio
import anyio.to_thread
from pydantic_core import to_json

from crew.errors import StoreError
from crew.events import Event, EventBase, parse_event
from crew.records import Record
from crew.store.atomic import fsync, sync_path
from crew.store.folder import RunFolder
from crew.store.jsonl import AppendLog
from crew.store.redact import Redactor
from crew.store.tail import Tail, read_back

E = TypeVar("E", bound=EventBase)

_BLOCK = 1 << 18
_BACK = 64


def _nothing() -> None:
    return None


class Journal:
    """The one writer of a run's journal.

    Args:
        folder: The run.
        run: The run's id, stamped on every event.
        epoch: The attempt that writes, stamped on every event.
        now: The wall clock.
        redact: Keeps secrets out of the file.
        sync: Has a descriptor's bytes on the disk, or raises `OSError`.
        prior: Runs in the worker thread before each `sync`, for what the events refer to.

    Raises:
        StoreError: The file can't be opened.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        run: str,
        epoch: int,
        now: Callable[[], datetime],
        redact: Redactor,
        sync: Callable[[int], None] = fsync,
        prior: Callable[[], None] = _nothing,
    ) -> None:
        self._log = AppendLog(folder.journal, redact=redact)
        self._run, self._epoch, self._now = run, epoch, now
        self._sync, self._prior = sync, prior
        self._lock = anyio.Lock()
        self._failed: StoreError | None = None
        self.seq = _last_seq(folder.journal)
        self.synced = 0

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._log.size

    def append(self, event: E) -> E:
        """Number, stamp and write an event.

        Returns:
            The stamped event, as the line on disk has it.

        Raises:
            StoreError: The disk refused; the number was not used.
        """
        stamp = {"seq": self.seq + 1, "at": self._now(), "run": self._run, "epoch": self._epoch}
        stamped = event.model_copy(update=stamp)
        line = to_json(stamped)
        (clean,) = self._log.append((line,))
        self.seq += 1
        return stamped if clean is line else cast("E", parse_event(clean))

    async def commit(self, seq: int) -> None:
        """Wait until an event is on the disk; one sync serves all who wait.

        A cancelled wait leaves the sync to end by itself, and a later one covers the event.

        Raises:
            StoreError: The disk refused. What was not synced by then never will be: a system
                forgets the error after telling it once.
        """
        while self.synced < seq:
            async with self._lock:
                if self.synced >= seq:
                    return
                if self._failed is not None:
                    raise self._failed
                await anyio.to_thread.run_sync(self._sync_up_to, self.seq, abandon_on_cancel=True)

    def close(self) -> None:
        """Let go of the file."""
        self._log.close()

    def _sync_up_to(self, seq: int) -> None:
        """Runs in a worker thread; opens the file itself, since `close` may come meanwhile."""
        try:
            self._prior()
            sync_path(self._log.path, self._sync)
        except OSError as error:
            self._failed = StoreError.from_os(f"syncing {self._log.path}", error)
            raise self._failed from error
        self.synced = max(self.synced, seq)


def read(folder: RunFolder, after: int = 0, *, offset: int = 0) -> Iterator[Event]:
    """The journal's events in order, each number once.

    Lines that can't be read are left out (`check` names them), and so is a last line that has
    no newline yet. A journal that is not there has no events.

    Args:
        folder: The run.
        after: Number of the last event that is not wanted.
        offset: Start of a line from which to read.
    """
    for line in _lines(folder.journal, offset):
        event = _parsed(line)
        if event is not None and event.seq > after:
            after = event.seq
            yield event


def sync(folder: RunFolder) -> None:
    """Have on the disk what a process that is gone has written, as far as it is there.

    Raises:
        StoreError: The disk refused.
    """
    try:
        sync_path(folder.journal)
    except OSError as error:
        raise StoreError.from_os(f"syncing {folder.journal}", error) from error


class Damage(Record):
    """A place where a journal is not what its writer wrote.

    Attributes:
        line: From 1.
    """

    line: int
    what: str


def check(folder: RunFolder) -> list[Damage]:
    """Every line of a journal that can't be read, and every gap in its numbers."""
    damages: list[Damage] = []
    last = 0
    for number, line in enumerate(_lines(folder.journal, 0), start=1):
        event = _parsed(line)
        if event is None:
            damages.append(Damage(line=number, what=f"not an event: {line[:80]!r}"))
            continue
        if event.seq != last + 1:
            damages.append(
                Damage(line=number, what=f"expected event {last + 1}, found {event.seq}")
            )
        last = max(last, event.seq)
    return damages


def _lines(path: Path, offset: int) -> Iterator[bytes]:
    tail = Tail(path, offset=offset)
    while True:
        yield from tail.poll(_BLOCK)
        if not tail.more:
            return


def _parsed(line: bytes) -> Event | None:
    try:
        return parse_event(line)
    except ValueError:
        return None


def _last_seq(path: Path) -> int:
    before: int | None = None
    while before != 0:
        before, lines = read_back(path, before, _BACK)
        events = [event for line in lines if (event := _parsed(line)) is not None and event.seq]
        if events:
            return max(event.seq for event in events)
    return 0
