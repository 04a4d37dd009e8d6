"""What a run's journal says of it, for the process that takes the run up again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from crew import __version__
from crew.bus.past import take_past
from crew.bus.transcript import DiskTranscript
from crew.commands import Cancel, Command, FollowUp, Pause, Receipt, Resume, Retry, Steer, Step
from crew.entries import Entry, Outcome, ToolResultEntry
from crew.errors import UsageError
from crew.events import (
    CommandAccepted,
    CommandRefused,
    Event,
    PermissionAnswered,
    PermissionAsked,
    RunContinued,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    SessionEnded,
    SessionStarted,
    SessionStatus,
    SteerDelivered,
    SteerUndelivered,
    TaskAdded,
    TaskEnded,
    TasksReopened,
    TaskStarted,
    TaskStatus,
    ToolBegan,
)
from crew.orchestration.again import run_again
from crew.orchestration.board import DEAD, DONE
from crew.records import NO_USAGE, ArtifactRef, Failure, Status, Usage
from crew.session.gate import Latch
from crew.session.past import Past, Standing, total, worked_before
from crew.store.folder import RunFolder
from crew.store.journal import read
from crew.store.redact import Redactor


@dataclass(slots=True, kw_only=True)
class PastTask:
    """A task by the journal.

    Attributes:
        attempt: The last attempt that began.
        began: It began and has not ended.
    """

    id: str
    step: str
    needs: tuple[str, ...] = ()
    status: TaskStatus = "pending"
    attempt: int = 0
    began: bool = False
    result: ArtifactRef | None = None
    error: Failure | None = None


@dataclass(slots=True, kw_only=True)
class PastSession:
    """A session by the journal.

    Attributes:
        worked: Seconds that it had worked until `since`, when it was seen at work last.
    """

    started: SessionStarted
    ended: SessionEnded | None = None
    waiting: dict[str, Steer | FollowUp] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    latch: Latch = Latch.OPEN
    stepping: bool = False
    granted: set[str] = field(default_factory=set)
    worked: float = 0.0
    since: datetime | None = None
    began: dict[str, str] = field(default_factory=dict)
    children: dict[str, str] = field(default_factory=dict)
    cause: tuple[Status, Failure | None] | None = None


class History:
    """A run's journal, folded for its engine.

    Args:
        folder: The run.
        redact: Keeps secrets out of what is healed.

    Attributes:
        started: The run's first event is there.
        tasks: By id, in the order in which they were added.
        sessions: By id, in the order in which they began.
        latch: How the run's own pause stands.
        told_paused: How it stands by `run.paused` and `run.resumed`, which follow the command.
        cancelled: Why the run was cancelled, where an accepted cancel has not come to its end.
        ended: The run's final event; None while it has none.
        replies: Commands that were answered, by id: the receipt, or why it was refused.
        asked: How many permission requests there were.
        asks: Requests that nobody answered: the session of each.
        epoch: The last attempt that wrote.
        attempts: What supervision goes by: attempts that began and that others followed.
        continued: How the run goes on from here, once that is decided.
    """

    def __init__(self, folder: RunFolder, redact: Redactor) -> None:
        self._folder = folder
        self._redact = redact
        self.started = False
        self.tasks: dict[str, PastTask] = {}
        self.sessions: dict[str, PastSession] = {}
        self.latch = Latch.OPEN
        self.told_paused = False
        self.cancelled: str | None = None
        self.ended: RunEnded | None = None
        self.replies: dict[str, Receipt | str] = {}
        self.asked = 0
        self.asks: dict[str, PermissionAsked] = {}
        self.epoch = 0
        self.attempts: list[Event] = []
        self.continued: RunContinued | None = None
        self._last: datetime | None = None
        self._due: tuple[str, ...] = ()
        for event in read(folder):
            self.fold(event)

    def go_on(
        self,
        again: Collection[str] = (),
        *,
        reason: Literal["interrupted", "retry", "fork"] = "interrupted",
    ) -> None:
        """Decide how the run goes on.

        Args:
            again: Tasks that ended and are to be run again, of a run that has ended.
        """
        tasks = tuple(again) or self._due
        self.continued = RunContinued(reason=reason, tasks=tasks, version=__version__)
        self._continue(self.continued)

    def to_retry(self, task: str | None) -> list[str]:
        """The tasks to run again, in board order, with all that depend on them.

        Args:
            task: The one that is wanted; None for all that did not complete.

        Raises:
            UsageError: There is no such task, or nothing to run again.
        """
        again = run_again(self.tasks, task)
        if not again:
            raise UsageError(
                "every task of the run has completed", hint="name the one to run again: RUN/TASK"
            )
        return again

    def task_statuses(self) -> dict[str, Status]:
        """Of each task the status of its last session that has ended."""
        return {
            session.started.task: session.ended.status
            for session in self.sessions.values()
            if session.ended is not None and session.started.task and not session.started.parent
        }

    def usage(self) -> Usage:
        """What the run's sessions have cost."""
        spent = NO_USAGE
        for name, session in self.sessions.items():
            if session.ended is not None:
                spent = spent + session.ended.usage
            else:
                spent = spent + total(self.entries(name))
        return spent

    def entries(self, session: str) -> Sequence[Entry]:
        """A session's transcript as it stands."""
        return DiskTranscript(self._folder, session).poll()

    def uncertain(self) -> frozenset[str]:
        """Digests of calls that began and of which nobody knows whether they ran."""
        found: set[str] = set()
        for name, session in self.sessions.items():
            if session.began:
                known = {
                    entry.call_id
                    for entry in self.entries(name)
                    if isinstance(entry, ToolResultEntry) and entry.outcome is not Outcome.UNKNOWN
                }
                found |= {d for call, d in session.began.items() if call not in known}
        return frozenset(found)

    def past(self, session: str) -> Past | None:
        """What is left of a session that has to go on; heals its transcript."""
        known = self.sessions.get(session)
        if known is not None and known.ended is not None:
            raise ValueError(f"{session} has ended")
        entries, in_flight = take_past(self._folder, session, self._redact)
        if known is None and not entries:
            return None
        if known is None:
            standing = Standing(worked=worked_before(entries, None))
        else:
            standing = self._standing(known, entries)
        return Past(entries=entries, in_flight=in_flight, standing=standing)

    def child(self, parent: str, call: str) -> str | None:
        """The session that a tool call spawned."""
        known = self.sessions.get(parent)
        return known.children.get(call) if known is not None else None

    def spawned(self) -> Mapping[tuple[str, str], int]:
        """How many sessions of each agent each session has spawned."""
        counts: dict[tuple[str, str], int] = {}
        for session in self.sessions.values():
            started = session.started
            if started.parent is not None:
                key = (started.parent, started.agent)
                counts[key] = counts.get(key, 0) + 1
        return counts

    def _standing(self, session: PastSession, entries: Sequence[Entry]) -> Standing:
        for seen in (self._last, entries[-1].at if entries else None):
            if seen is not None:
                _work_until(session, seen)
        return Standing(
            announced=True,
            waiting=tuple(session.waiting.values()),
            told=frozenset(session.told),
            latch=session.latch,
            stepping=session.stepping,
            granted=frozenset(session.granted),
            worked=session.worked + worked_before(entries, session.started.at),
            began=frozenset(session.began),
            children=session.children,
            cause=session.cause,
        )

    # Folding.

    def fold(self, event: Event) -> None:
        """Take one more event."""
        self.epoch = max(self.epoch, event.epoch)
        self._last = event.at
        match event:
            case RunStarted():
                self.started = True
            case TaskAdded() | TaskStarted() | TaskEnded():
                self._fold_task(event)
            case SessionStarted() | SessionStatus() | SessionEnded() | ToolBegan():
                self._fold_session(event)
            case CommandAccepted():
                self.replies[event.command.id] = Receipt(command=event.command.id, seq=event.seq)
                self._fold_command(event)
            case CommandRefused():
                self.replies[event.command.id] = event.reason
            case SteerDelivered() | SteerUndelivered():
                self._fold_delivery(event)
            case PermissionAsked() | PermissionAnswered():
                self._fold_permission(event)
            case RunPaused():
                self.told_paused = True
            case RunResumed():
                self.told_paused = False
            case RunContinued() | TasksReopened():
                self._continue(event)
            case RunEnded():
                self.ended = event
            case _:
                pass

    def _continue(self, event: RunContinued | TasksReopened) -> None:
        if self.ended is not None:
            self.ended = self.cancelled = None
            self.latch = Latch.OPEN
            self.told_paused = False
        self.attempts.append(event)
        self._due = ()
        for name in event.tasks:
            task = self.tasks[name]
            task.status, task.began, task.result, task.error = "pending", False, None, None

    def _ended_of(self, tasks: Collection[str]) -> tuple[str, ...]:
        return tuple(name for name in tasks if self.tasks[name].status in DONE | DEAD)

    def _fold_task(self, event: TaskAdded | TaskStarted | TaskEnded) -> None:
        name = event.task or ""
        if isinstance(event, TaskAdded):
            self.tasks.setdefault(name, PastTask(id=name, step=event.step, needs=event.needs))
            return
        self.attempts.append(event)
        task = self.tasks.setdefault(name, PastTask(id=name, step=name))
        if isinstance(event, TaskStarted):
            task.attempt, task.began = event.attempt, True
            return
        task.began = False
        task.attempt = max(task.attempt, event.attempt)
        task.status = "pending" if event.retry else event.status
        task.result, task.error = event.result, event.error

    def _fold_session(
        self, event: SessionStarted | SessionStatus | SessionEnded | ToolBegan
    ) -> None:
        name = event.session or ""
        if isinstance(event, SessionStarted):
            self.sessions[name] = PastSession(started=event, since=event.at)
            parent = self.sessions.get(event.parent or "")
            if parent is not None and event.call is not None:
                parent.children[event.call] = name
            return
        session = self.sessions.get(name)
        if session is None:
            return
        match event:
            case SessionEnded():
                session.ended = event
                self.asks = {
                    ask: asked for ask, asked in self.asks.items() if asked.session != name
                }
            case ToolBegan():
                session.began[event.call] = event.digest
            case SessionStatus():
                self._fold_status(session, event)

    def _fold_status(self, session: PastSession, event: SessionStatus) -> None:
        if event.status is Status.PAUSED:
            session.stepping = False
            _work_until(session, event.at)
            session.since = None
        elif event.status is Status.RUNNING:
            session.since = event.at

    def _fold_command(self, event: CommandAccepted) -> None:
        command = event.command
        match command:
            case Cancel(session=None):
                self.cancelled = command.why
            case Pause(session=None):
                self.latch = max(self.latch, Latch.HARD if command.hard else Latch.SOFT)
                for known in self.sessions.values():
                    known.stepping = False
            case Retry() if command.task is None or command.task in self.tasks:
                # The process may have been lost before it said what follows.
                self._due = self._ended_of(run_again(self.tasks, command.task))
            case Resume(session=None):
                self.latch = Latch.OPEN
            case _:
                pass
        if (session := self.sessions.get(event.session or "")) is not None:
            self._fold_session_command(session, command)

    def _fold_session_command(self, session: PastSession, command: Command) -> None:
        match command:
            case Steer() | FollowUp():
                session.waiting[command.id] = command
            case Pause():
                session.latch = max(session.latch, Latch.HARD if command.hard else Latch.SOFT)
                session.stepping = False
            case Resume():
                session.latch = Latch.OPEN
            case Step():
                session.stepping = True
            case Cancel(scope="session"):
                reason = command.why
                failure = Failure(title="Cancelled", message=reason)
                session.cause = session.cause or (Status.CANCELLED, failure)
            case _:
                pass

    def _fold_delivery(self, event: SteerDelivered | SteerUndelivered) -> None:
        if (session := self.sessions.get(event.session or "")) is None:
            return
        if isinstance(event, SteerDelivered):
            session.told.add(event.command)
        else:
            session.waiting.pop(event.command, None)

    def _fold_permission(self, event: PermissionAsked | PermissionAnswered) -> None:
        if isinstance(event, PermissionAsked):
            self.asked += 1
            self.asks[event.request] = event
            return
        asked = self.asks.pop(event.request, None)
        session = self.sessions.get(event.session or "")
        if asked is not None and session is not None and event.decision == "allow_session":
            session.granted.add(asked.tool)


def _work_until(session: PastSession, at: datetime) -> None:
    if session.since is not None and at > session.since:
        session.worked += (at - session.since).total_seconds()
        session.since = at
