"""Who is around a run: people who command it at any instant, and observers who follow it."""

import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

import anyio

from crew.commands import Answer, Cancel, Command, FollowUp, Pause, Resume, Retry, Steer, Step
from crew.errors import CommandError, StoreError
from crew.events import Event, RunContinued, RunEnded
from crew.feed import Grew
from crew.progress import Progress
from crew.records import TERMINAL, Status
from crew.service import LiveRun
from crew.store import inbox
from crew.store.folder import RunFolder
from crew.view import RunFold, RunView
from tests.simulation.world import World

Decision = Literal["allow", "allow_session", "deny"]

_LOOK_AGAIN = 15.0
_KINDS = (
    *("steer", "steer", "wait", "follow_up", "pause", "hard", "resume", "step"),
    *("turn", "session", "run_pause", "run_hard", "run_resume", "run_cancel"),
)
_AGAIN = ("retry", "retry", "retry")


@dataclass(slots=True)
class Crowd:
    """The people around one run, over all of its processes.

    Attributes:
        commands: How many they still give, beside what it takes to let the run end.
        again: Whether they have tasks run again meanwhile.
        unanswered: Commands whose sender has heard nothing.
    """

    world: World
    chance: random.Random
    commands: int
    hurry: float
    again: bool = False
    sent: int = 0
    unanswered: list[Command] = field(default_factory=list)
    receipts: dict[str, int] = field(default_factory=dict)
    seen: list[Event] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    async def attend(self, run: LiveRun, folder: RunFolder) -> None:
        """Command the run for a while; then see to it that nothing but itself holds it up."""
        fold = RunFold()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._follow, run, fold, True)
            if self.chance.random() < 0.3:
                tasks.start_soon(self._follow, run, RunFold(), False)
            for command in self.unanswered[:]:
                if self.chance.random() < 0.5:
                    tasks.start_soon(self._send, run, command)
            while self.commands > 0:
                await anyio.sleep(self.chance.expovariate(1 / self.hurry))
                self.commands -= 1
                command = self._think_of(fold.view)
                if self.chance.random() < 0.2:
                    self._leave(folder, command)
                elif self.chance.random() < 0.3:
                    tasks.start_soon(self._send, run, command)
                else:
                    await self._send(run, command)
            while True:
                await anyio.sleep(_LOOK_AGAIN)
                for command in self._relief(fold.view):
                    await self._send(run, command)

    async def _send(self, run: LiveRun, command: Command) -> None:
        self.log.append(f"{anyio.current_time():8.2f} {_words(command)}")
        self.unanswered.append(command)
        with suppress(CommandError, StoreError):
            receipt = await run.control.send(command)
            if receipt.command != command.id:
                self.world.violated(f"{command.id} got the receipt of {receipt.command}")
            if isinstance(command, Steer | FollowUp):
                self.world.accepted[command.id] = command.session
            self.receipts[command.id] = receipt.seq
        self.unanswered.remove(command)

    def _leave(self, folder: RunFolder, command: Command) -> None:
        """Command as another process does."""
        self.log.append(f"{anyio.current_time():8.2f} {_words(command)} by file")
        with self.world.disk.of_others(), suppress(StoreError):
            inbox.put(folder, command, f"{self.sent:06}")

    def _think_of(self, view: RunView) -> Command:
        chance = self.chance
        self.sent += 1
        name = f"{self.world.disk.image}-{self.sent}"
        live = [session.id for session in view.sessions.values() if not session.over]
        known = live if live and chance.random() < 0.95 else [*view.sessions, "nobody"]
        session = chance.choice(known)
        kind = chance.choice(_KINDS + _AGAIN * self.again)
        if kind in {"session", "run_cancel"} and chance.random() < 0.6:
            kind = "steer"
        if view.asks and chance.random() < 0.5:
            return self._answer(chance.choice(view.asks).request)
        if kind == "retry":
            ended = [None, *(task.id for task in view.tasks.values() if task.ended)]
            return Retry(id=f"retry-{name}", task=chance.choice(ended))
        made = _of_session(kind, name, session) or _of_run(kind, name)
        return made or Cancel(id=f"cancel-{name}")

    def _answer(self, request: str) -> Answer:
        self.sent += 1
        decision: Decision = self.chance.choice(["allow", "allow", "allow_session", "deny"])
        name = f"answer-{self.world.disk.image}-{self.sent}"
        return Answer(id=name, request=request, decision=decision)

    def _relief(self, view: RunView) -> list[Command]:
        """What lets a run go on that waits for people."""
        self.sent += 1
        name = f"{self.world.disk.image}-{self.sent}"
        relief: list[Command] = [self._answer(ask.request) for ask in view.asks]
        if view.status is Status.PAUSED:
            relief.append(Resume(id=f"relief-{name}"))
        relief += [
            Resume(id=f"relief-{name}-{session.id}", session=session.id)
            for session in view.sessions.values()
            if session.status is Status.PAUSED
        ]
        return relief

    async def _follow(self, run: LiveRun, fold: RunFold, quick: bool) -> None:
        """Read the feed from its beginning, and hold it to its promises."""
        last, over, synced, finished = 0, False, 0, set[str]()
        journal = run.folder / "events.jsonl"
        async with run.feed.subscribe() as items:
            async for item in items:
                if isinstance(item, Progress):
                    if item.session in finished and item.status not in TERMINAL:
                        self.world.violated(f"progress of {item.session} follows its end")
                    if item.finished:
                        finished.add(item.session)
                elif not isinstance(item, Grew):
                    if item.seq != last + 1 or (over and not isinstance(item, RunContinued)):
                        self.world.violated(f"an observer saw event {item.seq} behind {last}")
                    last, over = item.seq, isinstance(item, RunEnded)
                    if quick and item.durable and last > synced:
                        synced = self.world.disk.lasting(journal).count(b"\n")
                        if last > synced:
                            self.world.violated(f"{item.kind} was announced before it was synced")
                    if quick:
                        self.seen.append(item)
                fold.apply(item)
                if not quick:
                    await anyio.sleep(self.chance.choice([0, 0.1, 3]))


def _of_session(kind: str, name: str, session: str) -> Command | None:
    match kind:
        case "steer":
            return Steer(id=f"steer-{name}", session=session, text="this way")
        case "wait":
            return Steer(id=f"steer-{name}", session=session, text="later", interrupt="wait")
        case "follow_up":
            return FollowUp(id=f"follow-{name}", session=session, text="and this")
        case "pause" | "hard":
            return Pause(id=f"pause-{name}", session=session, hard=kind == "hard")
        case "resume":
            return Resume(id=f"resume-{name}", session=session)
        case "step":
            return Step(id=f"step-{name}", session=session)
        case "turn":
            return Cancel(id=f"turn-{name}", session=session, scope="turn")
        case "session":
            return Cancel(id=f"cancel-{name}", session=session)
    return None


def _of_run(kind: str, name: str) -> Command | None:
    match kind:
        case "run_pause" | "run_hard":
            return Pause(id=f"pause-{name}", hard=kind == "run_hard")
        case "run_resume":
            return Resume(id=f"resume-{name}")
    return None


def _words(command: Command) -> str:
    more = command.model_dump(exclude={"v", "id", "at", "by", "kind", "text", "reason"})
    said = " ".join(f"{key}={value}" for key, value in more.items() if value not in (None, False))
    return f"{command.id} {command.kind} {said}"
