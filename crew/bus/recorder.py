"""The one writer of a live run: what happens is on disk first, and then announced."""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar, cast

import anyio
import anyio.to_thread
from anyio.abc import TaskStatus

from crew.bus.coalescer import INTERVAL, Coalescer
from crew.bus.live import LiveFeed
from crew.bus.progress_file import ProgressFile
from crew.bus.session_recorder import SessionRecorder
from crew.errors import StoreError
from crew.events import Event, EventBase, RunEnded
from crew.progress import Progress
from crew.store.artifacts import ArtifactStore
from crew.store.atomic import fsync
from crew.store.folder import RunFolder
from crew.store.journal import Journal
from crew.store.jsonl import AppendLog, DescriptorPool
from crew.store.redact import Redactor
from crew.store.unsynced import Unsynced

E = TypeVar("E", bound=EventBase)

AT_ONCE = 16
"""Sessions that are sent for in one go; a hundred would hold up everything else."""

_NEVER = float("inf")


def _nothing() -> None:
    return None


class Recorder:
    """Writes a run's journal, transcripts, progress and artifacts, and feeds its observers.

    Events are announced in the order of the journal. One that waits for its sync holds back
    those recorded behind it. Once the disk has refused a write of record, every later one
    raises the same error, and nothing more is announced.

    Args:
        folder: The run.
        epoch: The attempt that writes.
        now: The wall clock.
        redact: Keeps secrets out of every file.
        sync: Has a descriptor's bytes on the disk, or raises `OSError`.
        fence: Raises `StoreError` once another process has taken the run over.

    Attributes:
        feed: What observers of this process read.
        artifacts: The run's artifacts; what a committed event refers to is synced before it.
        failed: The first error of the disk.
        refused: Set with it.

    Raises:
        StoreError: The journal can't be opened.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        epoch: int,
        now: Callable[[], datetime],
        redact: Redactor,
        sync: Callable[[int], None] = fsync,
        fence: Callable[[], None] = _nothing,
    ) -> None:
        self.folder = folder
        self.epoch = epoch
        self.now = now
        self.redact = redact
        self._unsynced = Unsynced(sync)
        self._settling = anyio.Lock()
        self.artifacts = ArtifactStore(folder, redact, made=self._unsynced.add)
        self.failed: StoreError | None = None
        self.refused = anyio.Event()
        self._fence = fence
        self._journal = Journal(
            folder,
            run=folder.id,
            epoch=epoch,
            now=now,
            redact=redact,
            sync=sync,
            prior=self._unsynced.sync,
        )
        self.feed = LiveFeed(folder, announced=self._journal.seq, epoch=epoch)
        self._unannounced: deque[tuple[EventBase, bool]] = deque()
        self._abandoned = False
        self._pool = DescriptorPool()
        self._sessions: dict[str, SessionRecorder] = {}
        self._progress: Coalescer[str] = Coalescer()
        self._progress_file = ProgressFile(folder.progress, redact)
        self._streams: deque[tuple[float, SessionRecorder]] = deque()
        self._closed = False
        self._wake = anyio.Event()
        self._asleep_until = -_NEVER

    def record(self, event: E) -> E:
        """Write an event and announce it, in journal order.

        Returns:
            The stamped event.

        Raises:
            ValueError: The event is durable; that takes `commit`.
            StoreError: The disk refused, now or before.
        """
        if event.durable:
            raise ValueError(f"{type(event).__name__} is durable: commit it")
        stamped = self._write(event)
        if self._unannounced:
            self._unannounced.append((stamped, False))
        else:
            self.feed.publish(cast("Event", stamped))
        return stamped

    async def commit(self, event: E, *consequences: EventBase) -> E:
        """Write an event, wait until it is on the disk, and announce it.

        A cancelled wait leaves the event written; it is announced with the next sync, which
        `run` does soon.

        Args:
            event: What must not be lost.
            consequences: Ordinary events that nothing may come before, written right behind it.

        Returns:
            The stamped event.

        Raises:
            StoreError: The disk refused, now or before.
        """
        if isinstance(event, RunEnded):
            self._progress_file.write(anyio.current_time())
        stamped = self._write(event)
        self._unannounced.append((stamped, True))
        for consequence in consequences:
            self.record(consequence)
        try:
            await self._sync(stamped.seq)
        except anyio.get_cancelled_exc_class():
            self._abandoned = True
            self._wake_by(-_NEVER)
            raise
        return stamped

    def session(self, session: str, snapshot: Callable[[], Progress]) -> SessionRecorder:
        """Start to record a session.

        Args:
            session: Its id.
            snapshot: Its progress as it is when called.

        Raises:
            ValueError: The session is being recorded already.
            StoreError: Its transcript can't be opened, or the disk refused before.
        """
        if session in self._sessions:
            raise ValueError(f"session {session} is being recorded")
        self.check()
        transcript = self.folder.transcript(session)
        try:
            log = AppendLog(transcript, redact=self.redact, pool=self._pool)
            recorder = SessionRecorder(self, session, snapshot, log, self._pool)
        except StoreError as error:
            raise self.fail(error) from error
        self._sessions[session] = recorder
        return recorder

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Send what was held back when its time comes, until `close`; idle without a timer."""
        task_status.started()
        while not self._closed:
            self._wake = wake = anyio.Event()
            self._asleep_until = self._next_due()
            with anyio.CancelScope(deadline=self._asleep_until):
                await wake.wait()
            self._asleep_until = -_NEVER
            self._send_due(anyio.current_time())
            if self._abandoned:
                await self._sync_abandoned()

    async def close(self) -> None:
        """Write the last progress, sync the journal, end the feed and close the files.

        Raises:
            StoreError: The disk refused, and had not before.
        """
        if self._closed:
            return
        self._closed = True
        self._wake_by(-_NEVER)
        try:
            if self.failed is None:
                self._progress_file.write(anyio.current_time())
                await self._sync(self._journal.seq)
        finally:
            self.feed.close()
            self._journal.close()
            self._pool.close()

    def fail(self, error: StoreError) -> StoreError:
        """Remember the disk's first refusal, and give it."""
        self.failed = self.failed or error
        self.refused.set()
        return self.failed

    def check(self) -> None:
        """Raise what forbids every further write, if something does.

        Raises:
            StoreError: The disk refused before, or another process has taken the run over.
        """
        if self.failed is None:
            try:
                self._fence()
            except StoreError as error:
                self.fail(error)
        if self.failed is not None:
            raise self.failed

    def sync_with_next(self, path: Path) -> None:
        """Have a file on the disk before the next event that is committed."""
        self._unsynced.add(path)

    async def sync(self) -> None:
        """Have every event that was recorded so far on the disk.

        Raises:
            StoreError: The disk refused, now or before.
        """
        self.check()
        await self._sync(self._journal.seq)

    async def settle(self) -> None:
        """Have artifacts, and what asked to be synced, on the disk before an event names them.

        Raises:
            StoreError: The disk refused, now or before.
        """
        self.check()
        unsynced = self._unsynced
        last = unsynced.added
        while unsynced.synced < last:
            async with self._settling:  # one sync serves all who wait
                if unsynced.synced >= last:
                    return
                try:
                    await anyio.to_thread.run_sync(unsynced.sync)
                except OSError as error:
                    failure = StoreError.from_os(f"syncing {self.folder.root}", error)
                    raise self.fail(failure) from error

    def touched(self, session: SessionRecorder) -> bool:
        """Send a session's progress, now or when its interval is over; True when it waits."""
        now = anyio.current_time()
        if self._progress.offer(session.id, now):
            self._send(session, now)
            return False
        if (due := self._progress.next_due) is not None:
            self._wake_by(due)
        return True

    def flushed(self, session: SessionRecorder) -> None:
        """Send a session's progress now."""
        now = anyio.current_time()
        if not self._progress.offer(session.id, now):
            self._progress.flush(session.id, now)
        self._send(session, now)

    def ended(self, session: SessionRecorder) -> None:
        """Send a session's last progress, and forget the session."""
        now = anyio.current_time()
        self._progress.end(session.id, now)
        self._send(session, now)
        self._sessions.pop(session.id, None)

    def stream_later(self, session: SessionRecorder) -> float:
        """Have the session write its part in flight in one interval; returns when."""
        due = anyio.current_time() + INTERVAL
        self._streams.append((due, session))
        self._wake_by(due)
        return due

    def _write(self, event: E) -> E:
        self.check()
        try:
            return self._journal.append(event)
        except StoreError as error:
            raise self.fail(error) from error

    async def _sync(self, seq: int) -> None:
        try:
            await self._journal.commit(seq)
        except StoreError as error:
            raise self.fail(error) from error
        self._announce()

    async def _sync_abandoned(self) -> None:
        self._abandoned = False
        if self.failed is None:
            try:
                await self._sync(self._journal.seq)
            except StoreError:
                return  # every later write of record raises it

    def _announce(self) -> None:
        while self._unannounced:
            event, durable = self._unannounced[0]
            if durable and event.seq > self._journal.synced:
                return
            self._unannounced.popleft()
            self.feed.publish(cast("Event", event))

    def _send(self, session: SessionRecorder, now: float) -> None:
        progress = session.sent()
        self.feed.publish(progress)
        self._progress_file.note(progress, now)
        if (due := self._progress_file.next_due) is not None:
            self._wake_by(due)

    def _send_due(self, now: float) -> None:
        """Send what is due, but not so much that all else has to wait; the rest stays due."""
        for name in self._progress.due(now, AT_ONCE):
            self._send(self._sessions[name], now)
        for _ in range(AT_ONCE):
            if not self._streams or self._streams[0][0] > now:
                break
            due, session = self._streams.popleft()
            session.write_in_flight(due)
        due_file = self._progress_file.next_due
        if due_file is not None and due_file <= now:
            self._progress_file.write(now)

    def _next_due(self) -> float:
        if self._abandoned or self._closed:
            return -_NEVER
        dues = (self._progress.next_due, self._progress_file.next_due)
        streams = self._streams[0][0] if self._streams else _NEVER
        return min((streams, *(due for due in dues if due is not None)))

    def _wake_by(self, due: float) -> None:
        if due < self._asleep_until:
            self._wake.set()
