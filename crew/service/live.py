"""A run of this process: its engine, with a lock, a heartbeat and an inbox beside it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

import anyio
from anyio.abc import TaskStatus

from crew.bus.recorder import Recorder
from crew.commands import Cancel, Control
from crew.definitions.types import Plan
from crew.errors import CommandError, StoreError, UsageError
from crew.feed import Feed
from crew.models.registry import Models
from crew.orchestration.control import RunControl
from crew.orchestration.engine import Engine, RunOptions, Sources
from crew.orchestration.history import History
from crew.orchestration.inbox import serve_inbox
from crew.orchestration.outcome import RunOutcome
from crew.session.step import as_crew_error
from crew.store.folder import RunFolder
from crew.store.lock import RunLock
from crew.store.manifest import Manifest, write
from crew.store.redact import Redactor
from crew.tools.workspace import Workspace

_BEAT = 15.0


class LiveRun:
    """A run of this process.

    Attributes:
        feed: What happens, for any number of readers.
        control: Takes commands.
        before: The last event of its earlier processes; 0 where there were none.
    """

    def __init__(self, folder: RunFolder, feed: Feed, *, before: int = 0) -> None:
        self.id = folder.id
        self.folder = folder.root
        self.feed = feed
        self.before = before
        self.control: Control
        self._outcome: RunOutcome | None = None
        self._ended = anyio.Event()

    async def wait(self) -> RunOutcome:
        """Wait until the run has ended; its final event is on disk then."""
        await self._ended.wait()
        if self._outcome is None:
            raise UsageError("the run was abandoned before it ended")
        return self._outcome

    async def drive(
        self,
        engine: Engine,
        beat: Callable[[], None],
        close: Callable[[RunOutcome], None],
        *,
        task_status: TaskStatus[RunControl],
    ) -> None:
        """Run the engine to its end with a heartbeat beside it."""

        def ended(outcome: RunOutcome) -> None:
            if self._outcome is None:
                self._outcome = outcome
                close(outcome)
                self._ended.set()

        async with anyio.create_task_group() as beside:
            beside.start_soon(_every, _BEAT, beat)
            await engine.run(ended, task_status=task_status)
            beside.cancel_scope.cancel()

    async def listen(self, folder: RunFolder, told: Callable[[], int]) -> None:
        """Take commands from other processes until the run has ended."""
        async with anyio.create_task_group() as beside:
            beside.start_soon(serve_inbox, folder, self.control, told)
            await self._ended.wait()
            beside.cancel_scope.cancel()

    async def leave(self) -> None:
        """Cancel the run if it still goes on, and wait for its end."""
        if not self._ended.is_set():
            with suppress(CommandError, StoreError):
                await self.control.send(Cancel(id=f"{self.id}-left", by="crew", reason="left"))
            await self._ended.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """All that a run takes, once nothing of it can be refused any more.

    Attributes:
        lock: Held; let go when the run has ended.
        manifest: What the run's manifest is to say from now on.
        written: Generation of the manifest that is on disk; 0 for none.
        history: What earlier processes of the run have done; None for a new run.
    """

    folder: RunFolder
    lock: RunLock
    manifest: Manifest
    written: int
    plan: Plan
    options: RunOptions
    models: Models
    workspace: Workspace
    redact: Redactor
    sources: Sources
    history: History | None = None


@asynccontextmanager
async def conduct(run: Prepared) -> AsyncIterator[LiveRun]:
    """Have a run go on; leaving the context cancels it if it still does, and waits for its end.

    Raises:
        StoreError: The run folder can't be written.
    """
    try:
        recorder = Recorder(
            run.folder,
            epoch=run.manifest.epoch,
            now=run.sources.now,
            redact=run.redact,
            fence=run.lock.check,
        )
        manifest = write(run.folder, run.manifest, expected=run.written, redact=run.redact)
        engine = Engine(
            folder=run.folder,
            plan=run.plan,
            options=run.options,
            models=run.models,
            workspace=run.workspace,
            recorder=recorder,
            sources=run.sources,
            history=run.history,
        )
        live = LiveRun(run.folder, recorder.feed, before=recorder.feed.announced)
        beat = partial(_beat, run.lock, run.sources)
        close = partial(_close, run.folder, manifest, run.redact, run.sources)
        began = False
        try:
            async with anyio.create_task_group() as tasks:
                live.control = await tasks.start(live.drive, engine, beat, close)
                began = True
                tasks.start_soon(live.listen, run.folder, lambda: recorder.feed.published)
                try:
                    yield live
                finally:
                    with anyio.CancelScope(shield=True):
                        await live.leave()
                        await run.models.aclose()
        except ExceptionGroup as group:
            if began:
                raise
            raise as_crew_error(group) from group
    finally:
        run.lock.release()


def _close(
    folder: RunFolder, opened: Manifest, redact: Redactor, sources: Sources, outcome: RunOutcome
) -> None:
    """Write how the run ended into its manifest, if it did by its journal."""
    if not outcome.recorded:
        return
    changes = {
        "status": outcome.status,
        "error": outcome.error,
        "usage": outcome.usage,
        "result": outcome.artifact,
        "updated": sources.now(),
    }
    with suppress(StoreError):  # the journal has it; the manifest is a cache of it
        write(folder, opened.model_copy(update=changes), expected=opened.generation, redact=redact)


def _beat(lock: RunLock, sources: Sources) -> None:
    with suppress(StoreError):  # a disk that is full says so where something is lost by it
        lock.beat(sources.now())


async def _every(seconds: float, act: Callable[[], None]) -> None:
    while True:
        await anyio.sleep(seconds)
        act()
