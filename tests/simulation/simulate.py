"""One seed, from the start of its run through every death to its end."""

import asyncio
import hashlib
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import anyio
import anyio.to_thread

from crew.config import Config
from crew.errors import CrewError, RunLockedError, StoreError
from crew.events import RunContinued, TaskAdded, parse_event
from crew.orchestration import inbox
from crew.orchestration.engine import Sources
from crew.records import timestamp
from crew.service import ForkRequest, ResumeRequest, RunRequest, fork, resume, start
from crew.store import journal
from crew.store.folder import RunFolder
from crew.store.lock import STALE_AFTER
from tests.simulation.disk import Disk
from tests.simulation.invariants import end_of
from tests.simulation.loop import SeededLoop, run, threads
from tests.simulation.onward import files, point, records, wanted_task
from tests.simulation.people import Crowd
from tests.simulation.plans import library
from tests.simulation.schedule import Life, Onward, Schedule
from tests.simulation.watch import Watch, told
from tests.simulation.world import SimModel, World, tools

_BEGINNING = datetime(2026, 1, 1, 12, tzinfo=UTC)
_PATIENCE = 3_000.0
"""Virtual seconds after which a run that still goes on hangs."""


_LOOK = 0.6
"""Virtual seconds between two looks for commands of others; most of the time went into them."""


PLACES: list[str] = []
"""Folders of the simulations that go on, for who has to end the process."""


@dataclass(slots=True)
class Report:
    """What came of a seed.

    Attributes:
        violations: What must not be; empty when all is well.
        story: The lives of its processes and the commands of its people.
        digest: Of every journal and transcript byte.
        deaths: Processes that died.
    """

    schedule: Schedule
    violations: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    digest: str = ""
    deaths: int = 0
    operations: int = 0
    ended: str = ""


def simulate(
    schedule: Schedule, trace: Callable[[str], None] | None = None, *, under: Path | None = None
) -> Report:
    """Run a schedule.

    Args:
        trace: Takes a line for everything that happens.
        under: Where its folder is made; in memory by default.
    """
    with _root(under) as root:
        return _Simulation(schedule, root, trace).run()


@contextmanager
def _root(under: Path | None) -> Iterator[Path]:
    memory = Path("/dev/shm")
    place = tempfile.mkdtemp(prefix="crew-sim-", dir=under or (memory if memory.is_dir() else None))
    PLACES.append(place)
    try:
        yield Path(place)
    finally:
        shutil.rmtree(place, ignore_errors=True)
        PLACES.remove(place)


@dataclass(frozen=True, slots=True)
class Begin:
    """A run is started."""


@dataclass(frozen=True, slots=True)
class Again:
    """A run that has ended is run again, once.

    Attributes:
        mark: How many events it has.
    """

    task: str | None
    mark: int


@dataclass(frozen=True, slots=True)
class Fork:
    """A run is gone back to."""

    old: RunFolder
    at: str
    steer: str | None


Opening = Begin | Again | Fork


class _Simulation:
    def __init__(self, schedule: Schedule, root: Path, trace: Callable[[str], None] | None) -> None:
        self.schedule = schedule
        self.trace = trace
        self.chance = random.Random(f"run/{schedule.seed}")
        self.work, self.home = root / "place", root / "place" / ".crew"
        for folder in (self.work, root / "undo"):
            folder.mkdir()
        self.disk = Disk(root, random.Random(f"disk/{schedule.seed}"), trace=trace)
        self.world = World(schedule.seed, self.disk)
        self.crowd = self._people("", schedule.commands)
        self.report = Report(schedule)
        self.watch = Watch(self.world, self.crowd, schedule)
        self.folder: RunFolder | None = None
        self.opening: Opening = Begin()
        self.clock = 0.0
        self.life = Life()
        self.robbed: Mapping[str, bytes] | None = None

    def _people(self, name: str, commands: int) -> Crowd:
        chance = random.Random(f"people/{self.schedule.seed}{name}")
        return Crowd(self.world, chance, commands, self.schedule.hurry, self.schedule.again)

    def run(self) -> Report:
        work = threads(self.chance, lambda: self.chance.random() * self.schedule.slow)
        with (
            self.disk.mounted(),
            mock.patch.object(anyio.to_thread, "run_sync", work),
            mock.patch.object(inbox, "LOOK_INTERVAL", _LOOK),
            mock.patch.object(sys.modules["crew.service.resume"], "end_leftovers", _no_leftovers),
        ):
            self._live_through(self.schedule.lives)
            for number, onward in enumerate(self.schedule.onward):
                if self.folder is None or not self.watch.over or self.world.broken:
                    break
                self._go_on(number, onward, self.folder)
        self.report.violations = self.world.broken
        self.report.ended = self.watch.status
        return self.report

    def _live_through(self, lives: Sequence[Life]) -> None:
        """One process after the other, to the end of the run."""
        for life in lives:
            self.life, self.robbed = life, None
            self.disk.boot(life.faults, life.death)
            self.crowd.seen = []
            said = self._live()
            died = self.disk.dead
            self.disk.leave()
            self.report.deaths += died
            self.report.operations += self.disk.ops
            self.report.story.append(
                f"process {self.disk.image}: {life}: "
                + (f"died at operation {self.disk.ops}" if died else said)
            )
            self.report.story += self.crowd.log
            self.crowd.log = []
            if self._over(died):
                break
        self._judge()

    def _go_on(self, number: int, onward: Onward, old: RunFolder) -> None:
        """Retry the run that has ended, or fork it."""
        with self.disk.of_others():
            events = list(journal.read(old))
            at = point(onward, old) if onward.kind == "fork" else None
            before = files(old)
        if not any(isinstance(event, TaskAdded) for event in events):
            return
        if onward.kind == "retry":
            task = wanted_task(onward, events)
            self.report.story.append(f"retry of {task or 'all that did not complete'}")
            self.watch.wanted.add(task)
            self.opening = Again(task=task, mark=len(events))
            self.crowd.commands = onward.commands
            self._live_through(onward.lives)
            if not self._running(old):
                self.world.violated("a run that had ended was not run again")
            return
        if at is None:
            return
        self.report.story.append(f"fork at {at}")
        self.disk.settle()
        self.world.branch(f"fork-{number + 1}.")
        self.crowd = self._people(f"/fork-{number + 1}", onward.commands)
        self.watch = Watch(self.world, self.crowd, self.schedule, wanted=self.watch.wanted)
        steer = "the other way" if onward.steer and ":" in at else None
        self.opening = Fork(old=old, at=at, steer=steer)
        self.folder = None
        self._live_through(onward.lives)
        with self.disk.of_others():
            if files(old) != before:
                self.world.violated("a run was changed by a fork of it")

    def _live(self) -> str:
        """One process."""
        number = self.disk.image
        loop = SeededLoop(
            random.Random(f"loop/{self.schedule.seed}/{number}"), lambda: self.disk.dead
        )
        loop.now = self.clock
        try:
            said = run(loop, self._process(loop))
        except CrewError as error:
            said = f"{type(error).__name__}: {error.message}"
            self.watch.refused(error)
        except BaseExceptionGroup as errors:
            said = f"{errors!r}"
            self.watch.raised(errors)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            self.world.violated(said)
        self.clock = loop.now + 1.0
        self.world.broken += [f"the loop: {complaint}" for complaint in loop.complaints]
        return said or ""

    async def _process(self, loop: SeededLoop) -> str:
        ids = random.Random(f"ids/{self.schedule.seed}/{self.disk.image}")
        sources = Sources(
            now=lambda: _moment(loop.now),
            new_id=lambda: f"{ids.getrandbits(48):012x}",
            jitter=self.chance.random,
        )
        outcome = "no outcome"
        if known := self.folder:  # its model may be asked before the run is handed out
            self.watch.began(known)
        async with self._open(sources) as live:
            self.folder = RunFolder(self.home, live.id)
            if not known:
                self.watch.began(self.folder)
            async with anyio.create_task_group() as around:
                around.start_soon(self.crowd.attend, live, self.folder)
                around.start_soon(self._intrude, sources)
                around.start_soon(self._rob, self.folder, sources)
                with anyio.move_on_after(_PATIENCE) as waited:
                    ended = await live.wait()
                    outcome = f"{ended.status.value}: {ended.error}"
                    self.watch.slots(live)
                if waited.cancelled_caught:
                    self.world.violated("the run hangs")
                await anyio.sleep(0.2)
                around.cancel_scope.cancel()
        left = [task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}]
        if left:
            self.world.violated(f"tasks are left in the loop: {', '.join(sorted(left))}")
        return outcome

    async def _intrude(self, sources: Sources) -> None:
        """Now and then somebody tries to take a run up that lives."""
        chance = random.Random(f"intruder/{self.schedule.seed}/{self.disk.image}")
        await anyio.sleep(chance.choice([0, 1, 10, 100]) * chance.random())
        with suppress(RunLockedError, StoreError):
            async with self._open(sources):
                self.world.violated("a run that lives was taken up by another process")

    async def _rob(self, folder: RunFolder, sources: Sources) -> None:
        """A process of another host takes the run over, and does no more than that."""
        if self.life.robbed is None:
            return
        await anyio.sleep(self.life.robbed)
        with self.disk.of_others():
            if end_of(list(journal.read(folder))) is None:
                beat = timestamp(sources.now())
                thief = {"pid": 1, "host": "elsewhere", "boot": "", "started": "", "beat": beat}
                folder.lock.write_text(json.dumps(thief))
                self.robbed = records(folder)

    def _open(self, sources: Sources) -> Any:
        shared: dict[str, Any] = {
            "clients": {"sim": SimModel(self.world, self.chance, trouble=self.schedule.trouble)},
            "tools": tools(self.world),
            "config": Config(),
            "interactive": self.schedule.interactive,
            "allow": ("write", "execute") if self.schedule.granted else (),
            "home": self.home,
            "workspace": self.work,
        }
        known = library(self.schedule.scenario)
        match self.opening:
            case Again(task=task) if self.folder is not None and not self._running(self.folder):
                retry = ResumeRequest(run=self.folder.id, retry=True, task=task, **shared)
                return resume(retry, library=known, sources=sources, environ={})
            case _ if self.folder is not None:
                again = ResumeRequest(run=self.folder.id, **shared)
                return resume(again, library=known, sources=sources, environ={})
            case Fork(old=old, at=at, steer=steer):
                back = ForkRequest(run=old.id, at=at, steer=steer, **shared)
                return fork(back, library=known, sources=sources, environ={})
        request = RunRequest(team="sim", goal="simulate", model="sim", **shared)
        return start(request, library=known, sources=sources, environ={})

    def _running(self, folder: RunFolder) -> bool:
        """Whether a process has begun the retry."""
        with self.disk.of_others():
            events = list(journal.read(folder))
            torn = folder.journal.read_bytes().rpartition(b"\n")[2]
        with suppress(ValueError):  # one that only lacks its newline counts
            events.append(parse_event(torn))
        mark = self.opening.mark if isinstance(self.opening, Again) else 0
        return any(isinstance(event, RunContinued) for event in events[mark:])

    def _over(self, died: bool) -> bool:
        """Whether no further process is needed; what a dead one left is looked at."""
        self.folder = self.folder or self._left_behind()
        if self.folder is None:
            refused, forks = self.watch.refusal is not None, isinstance(self.opening, Fork)
            if not died and not self.disk.faults and not (forks and refused):
                self.world.violated("a process was undisturbed, and made no run")
            return refused or not forks
        over = self.watch.after(self.folder, self.disk, died=died)
        if self.robbed is not None:
            self.clock += STALE_AFTER.total_seconds()
            with self.disk.of_others():
                if not died and records(self.folder) != self.robbed:
                    self.world.violated("a process wrote on that had lost its run to another")
        return over

    def _left_behind(self) -> RunFolder | None:
        """The run of a process that died, or gave up, before it handed the run out."""
        old = self.opening.old if isinstance(self.opening, Fork) else None
        with suppress(OSError):
            for root in sorted((self.home / "runs").iterdir(), reverse=True):
                folder = RunFolder(self.home, root.name)
                if old is None or (root.name > old.id and folder.manifest.exists()):
                    return folder
        return None

    def _judge(self) -> None:
        if self.folder is not None and self.folder.root.exists():
            if self.trace is not None:
                with self.disk.of_others():
                    for line in told(self.folder):
                        self.trace(line)
            self.watch.at_the_end(self.folder)
            self.report.digest += _digest(self.folder)


async def _no_leftovers(run: str) -> int:
    """What a process leaves running is the machine's, and no simulated one has any there."""
    return 0


def _moment(seconds: float) -> datetime:
    at = _BEGINNING + timedelta(seconds=seconds)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _digest(folder: RunFolder) -> str:
    found = hashlib.sha256()
    for path in [folder.journal, *sorted(folder.sessions.glob("*"))]:
        with suppress(FileNotFoundError):
            found.update(path.name.encode())
            found.update(path.read_bytes().replace(str(folder.home.parent).encode(), b"ROOT"))
    return found.hexdigest()
