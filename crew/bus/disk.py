"""The feed of a run in another process: the same contract as the live one, from its files."""

import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
from watchfiles import awatch

from crew.bus.pages import DiskPages
from crew.bus.progress_file import parse_progress, read_raw_progress
from crew.bus.transcript import DiskTranscript
from crew.errors import StoreError
from crew.events import Event, RunEnded, parse_event
from crew.feed import FeedItem, Grew
from crew.progress import Progress
from crew.store.folder import RunFolder
from crew.store.journal import sync
from crew.store.tail import Tail

POLL_INTERVAL = 0.250

CALM_INTERVAL = 1.0
"""Seconds between two looks at a run that has been still for a while; changes wake it anyway."""

_CALM = 8
_DEBOUNCE = 100
_STEP, _CALM_STEP = 20, 100
_BLOCK = 256 << 10
_BREATH = 64
_SUFFIXES = (".live.jsonl", ".jsonl")

__all__ = ["POLL_INTERVAL", "DiskFeed", "DiskTranscript"]


class DiskFeed:
    """Implements `Feed` by following a run folder.

    A subscription pulls: it reads the journal and the newest states when its reader asks, so a
    slow reader costs nobody anything, and what changes all the time is read ten times a second.
    Changes wake it; since the system can't tell of all of them, it also looks every
    `POLL_INTERVAL` seconds, and every `CALM_INTERVAL` where nothing came of that for a while. It
    ends with a `run.ended` that nothing follows, and not before: whether a run without one is
    still alive is told by its lock.

    Args:
        folder: The run; its files may come later.
        watch: Whether to be woken by the system; without it only looks at intervals.
    """

    def __init__(self, folder: RunFolder, *, watch: bool = True) -> None:
        self._folder = folder
        self._watch = watch

    @property
    def run(self) -> str:
        """The run's id."""
        return self._folder.id

    @asynccontextmanager
    async def subscribe(self, *, after: int = 0) -> AsyncIterator[AsyncIterator[FeedItem]]:
        """Follow the run from the event behind `after` until `run.ended` was given."""
        subscription = _Subscription(self._folder, after, watch=self._watch)
        try:
            yield subscription
        finally:
            await subscription.leave()

    def transcript(self, session: str) -> DiskTranscript:
        """Open a session's transcript at its beginning; an absent one reads as empty."""
        return DiskTranscript(self._folder, session)

    def pages(self, session: str) -> DiskPages:
        """Open a session's transcript anywhere; an absent one is empty."""
        return DiskPages(self._folder, session)


class _Changes:
    """What the system tells of changes in a folder."""

    def __init__(self, folder: RunFolder) -> None:
        self._root = folder.root
        self._calm = False
        self._told: AsyncGenerator[Any, None] | None = None

    async def wait(self, *, calm: bool) -> None:
        """Return when something changed, or an interval passed.

        Raises:
            OSError: The system can't tell.
        """
        if self._told is None or calm is not self._calm:
            await self.leave()
            step, seconds = (_CALM_STEP, CALM_INTERVAL) if calm else (_STEP, POLL_INTERVAL)
            self._calm = calm
            self._told = awatch(
                self._root,
                watch_filter=None,
                debounce=_DEBOUNCE,
                step=step,
                rust_timeout=int(seconds * 1000),
                yield_on_timeout=True,
            )
        await anext(self._told)

    async def leave(self) -> None:
        """Have its thread end."""
        if self._told is not None:
            with anyio.CancelScope(shield=True):
                await self._told.aclose()


class _Subscription:
    """One reader's place in a run folder."""

    def __init__(self, folder: RunFolder, after: int, *, watch: bool) -> None:
        self._folder = folder
        self._watch = watch
        self._looked = False
        self._changes: _Changes | None = None
        self._fruitless = 0
        self._journal = Tail(folder.journal)
        self._states = _States(folder)
        self._waiting: dict[tuple[type[FeedItem], str], Progress | Grew] = {}
        self._queue: deque[Event] = deque()
        self._queued = after
        self._ended = False
        self._given = 0

    def __aiter__(self) -> AsyncIterator[FeedItem]:
        return self

    async def __anext__(self) -> FeedItem:
        self._given += 1
        if self._given % _BREATH == 0:
            await anyio.lowlevel.checkpoint()
        while True:
            if self._ended:
                raise StopAsyncIteration
            item = self._next()
            if item is not None:
                return item
            if self._looked and not self._journal.more:
                await self._changed()
            self._looked = True
            found = await anyio.to_thread.run_sync(self._look, abandon_on_cancel=True)
            self._fruitless = 0 if found else self._fruitless + 1

    async def leave(self) -> None:
        if self._changes is not None:
            await self._changes.leave()

    def _next(self) -> FeedItem | None:
        if self._queue and not self._is_last(self._queue[0]):
            return self._queue.popleft()
        if self._waiting and not self._journal.more:
            return self._waiting.pop(next(iter(self._waiting)))
        if not self._queue:
            return None
        self._ended = True
        return self._queue.popleft()

    def _is_last(self, event: Event) -> bool:
        return isinstance(event, RunEnded) and len(self._queue) == 1 and not self._journal.more

    def _look(self) -> bool:
        """Read what is new; states first, so that the events before them are read after them."""
        if self._changes is None and self._watch and self._folder.root.is_dir():
            self._changes = _Changes(self._folder)
        self._wait_with(self._states.changed())
        for line in self._journal.poll(_BLOCK):
            try:
                event = parse_event(line)
            except ValueError:
                continue
            if event.seq <= self._queued:
                continue
            self._queued = event.seq
            self._queue.append(event)
            if isinstance(event, RunEnded):
                self._keep()
                self._wait_with(self._states.changed())
        return bool(self._queue or self._waiting or self._journal.more)

    def _keep(self) -> None:
        """Have the end on the disk before it is told: its process may have died at doing so."""
        with suppress(StoreError):  # a disk that only reads has what there is
            sync(self._folder)

    def _wait_with(self, states: list[Progress | Grew]) -> None:
        for state in states:
            self._waiting[type(state), state.session] = state

    async def _changed(self) -> None:
        if self._changes is not None:
            try:
                await self._changes.wait(calm=self._fruitless > _CALM)
            except (StopAsyncIteration, OSError, RuntimeError):
                self._changes, self._watch = None, False
            else:
                return
        await anyio.sleep(POLL_INTERVAL)


class _States:
    """What is newer than at the last look: progress of sessions, sizes of transcripts."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._progress_file: tuple[int, int, int] | None = None
        self._progress: dict[str, Any] = {}
        self._sizes: dict[str, tuple[int, int]] = {}

    def changed(self) -> list[Progress | Grew]:
        """States that changed since the last call; the newest ones only."""
        return [*self._grown(), *self._moved()]

    def _grown(self) -> list[Grew]:
        sessions: dict[str, None] = {}
        try:
            with os.scandir(self._folder.sessions) as files:
                for file in files:
                    status = file.stat()
                    size = (status.st_size, status.st_mtime_ns)
                    if self._sizes.get(file.name, (0, 0)) != size:
                        self._sizes[file.name] = size
                        if session := _session_of(file.name):
                            sessions[session] = None
        except OSError:
            pass
        return [Grew(session=session) for session in sessions]

    def _moved(self) -> list[Progress]:
        try:
            status = self._folder.progress.stat()
        except OSError:
            return []
        version = (status.st_ino, status.st_mtime_ns, status.st_size)
        if version == self._progress_file:
            return []
        self._progress_file = version
        found = read_raw_progress(self._folder.progress)
        changed = [raw for session, raw in found.items() if self._progress.get(session) != raw]
        self._progress.update(found)
        return [progress for raw in changed if (progress := parse_progress(raw)) is not None]


def _session_of(name: str) -> str:
    """The session that a file in `sessions/` belongs to; empty for another file."""
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return ""
