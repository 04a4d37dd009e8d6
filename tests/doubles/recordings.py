"""Recordings of a run in its folder: a disk that can fail, sessions that count their turns."""

import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import anyio
import anyio.lowlevel

from crew.bus.recorder import Recorder
from crew.bus.session_recorder import SessionRecorder
from crew.events import RunEnded
from crew.feed import Feed, FeedItem, Grew
from crew.progress import Progress
from crew.records import Status
from crew.store.folder import RunFolder
from crew.store.redact import Redactor

RUN = "20261121-094105-review-7f3a"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = "gh" + "p_" + "Ab1" * 12
END = RunEnded(status=Status.COMPLETED)


class Disk:
    """A disk whose syncs wait while it is shut, and may fail."""

    def __init__(self) -> None:
        self.syncs = 0
        self.error: OSError | None = None
        self._gate = threading.Event()
        self._gate.set()

    def shut(self) -> None:
        self._gate.clear()

    def open(self) -> None:
        self._gate.set()

    def __call__(self, handle: int) -> None:
        self.syncs += 1
        assert self._gate.wait(10)
        if self.error is not None:
            raise self.error
        os.fsync(handle)

    async def busy(self, syncs: int) -> None:
        while self.syncs < syncs:
            await anyio.lowlevel.checkpoint()


def a_recorder(
    run: RunFolder, sync: Callable[[int], None] = os.fsync, redact: Redactor | None = None
) -> Recorder:
    return Recorder(run, epoch=1, now=lambda: NOON, redact=redact or Redactor(), sync=sync)


@asynccontextmanager
async def recording(
    run: RunFolder, sync: Callable[[int], None] = os.fsync, redact: Redactor | None = None
) -> AsyncIterator[Recorder]:
    recorder = a_recorder(run, sync, redact)
    async with anyio.create_task_group() as tasks:
        await tasks.start(lambda *, task_status: recorder.run(task_status=task_status))
        yield recorder
        await recorder.close()


class Session:
    """A session whose progress is counted in turns."""

    def __init__(self, recorder: Recorder, name: str = "s") -> None:
        self.name = name
        self.turn = 0
        self.finished = False
        self.recorder: SessionRecorder = recorder.session(name, self.progress)

    def progress(self) -> Progress:
        return Progress(
            session=self.name,
            status=Status.RUNNING,
            turn=self.turn,
            started=NOON,
            updated=NOON,
            finished=self.finished,
        )

    def advance(self) -> None:
        self.turn += 1
        self.recorder.touch()


async def collect(feed: Feed, into: list[FeedItem], after: int = 0) -> None:
    async with feed.subscribe(after=after) as items:
        async for item in items:
            into.append(item)  # noqa: PERF401 - what was seen must be there while it goes on


def seqs(items: list[FeedItem]) -> list[int]:
    return [item.seq for item in items if not isinstance(item, Progress | Grew)]


def turns(items: list[FeedItem], session: str = "s") -> list[int]:
    return [item.turn for item in items if isinstance(item, Progress) and item.session == session]
