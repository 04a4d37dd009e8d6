"""What a front end knows of a run at one moment: frozen values, whatever folded them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from crew.commands import Command
from crew.events import TaskStatus
from crew.progress import Progress
from crew.records import (
    NO_USAGE,
    TERMINAL,
    ArtifactRef,
    Failure,
    FileChange,
    JsonObject,
    Status,
    Usage,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionView:
    """An open permission request."""

    request: str
    session: str | None
    tool: str
    preview: str
    args: JsonObject
    at: datetime
    change: FileChange | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandView:
    """A command and what became of it.

    Attributes:
        state: A steer or follow-up goes on from `accepted` to `delivered` or `undelivered`.
        turn: The turn that saw a steer or follow-up.
        reason: Why it was refused or not delivered.
    """

    command: Command
    at: datetime
    state: Literal["accepted", "refused", "delivered", "undelivered"]
    turn: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeView:
    """Something a person should know, about the run or one session."""

    at: datetime
    session: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """A task of the board.

    Attributes:
        status: `pending` again between a failed attempt and the next one.
        attempt: The latest attempt, 0 before the first.
        error: Why the latest attempt that ended did not succeed.
        sessions: One for each attempt, in order.
        started: When its first attempt began, since it was last run again.
        finished: When it ended for good.
    """

    id: str
    step: str
    role: str
    needs: tuple[str, ...] = ()
    title: str = ""
    status: TaskStatus = "pending"
    attempt: int = 0
    error: Failure | None = None
    result: ArtifactRef | None = None
    sessions: tuple[str, ...] = ()
    started: datetime | None = None
    finished: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether no further attempt follows."""
        return self.status not in {"pending", "running"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A session.

    Attributes:
        model: The model that answers.
        first_model: The model that it began with, where another one answers.
        reason: Why it waits or is paused.
        preview: One line of its result.
        asks: Its open permission requests, oldest first.
        progress: The latest snapshot; None before the first and once the session has ended.
        children: Sessions that it spawned, in order.
    """

    id: str
    role: str
    agent: str
    model: str
    first_model: str = ""
    parent: str | None = None
    task: str | None = None
    depth: int = 0
    attempt: int = 1
    max_turns: int = 0
    title: str = ""
    status: Status = Status.RUNNING
    reason: str = ""
    started: datetime
    ended: datetime | None = None
    error: Failure | None = None
    result: ArtifactRef | None = None
    preview: str = ""
    asks: tuple[PermissionView, ...] = ()
    progress: Progress | None = None
    children: tuple[str, ...] = ()
    final_turns: int = 0
    final_tools: int = 0
    final_usage: Usage = NO_USAGE

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.status in TERMINAL

    @property
    def turns(self) -> int:
        """Turns begun so far, or in all."""
        return self.progress.turn if self.progress else self.final_turns

    @property
    def tools(self) -> int:
        """Tool calls finished so far, or in all."""
        return self.progress.tools if self.progress else self.final_tools

    @property
    def usage(self) -> Usage:
        """Tokens and cost so far, or in all."""
        return self.progress.usage if self.progress else self.final_usage


class LiveSessions(Mapping[str, SessionView]):
    """The sessions of one moment, by id, in the order they started; it never changes.

    A session and its newest progress are put together only where one looks.

    Args:
        at_rest: The sessions as events have left them; none has a progress.
        moving: The latest snapshots of those that go on.
    """

    __slots__ = ("_made", "at_rest", "moving")

    def __init__(self, at_rest: Mapping[str, SessionView], moving: Mapping[str, Progress]) -> None:
        self.at_rest = at_rest
        self.moving = moving
        self._made: dict[str, SessionView] = {}

    def __getitem__(self, name: str) -> SessionView:
        made = self._made.get(name)
        if made is None:
            made = self.at_rest[name]
            if (progress := self.moving.get(name)) is not None:
                made = replace(made, progress=progress)
            self._made[name] = made
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self.at_rest)

    def __len__(self) -> int:
        return len(self.at_rest)

    def __contains__(self, name: object) -> bool:
        return name in self.at_rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What all sessions of a run came to. `usage.cost` is None when any price is unknown."""

    sessions: int = 0
    running: int = 0
    turns: int = 0
    tools: int = 0
    usage: Usage = NO_USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run as its feed has told it so far.

    Attributes:
        seq: The last event that is part of this view; 0 before the first.
        budget: The limits of what the run may spend, by name.
        status: `pending` before `run.started`; `paused` while the run's own latch holds.
        lost: Whether its process is gone without having told its end.
        idle: Stretches between two processes of the run, in which none worked at it.
        tasks: By id, in board order; the order never changes.
        sessions: By id, in the order they started; the order never changes.
        notices: The newest ones, oldest first.
        commands: The newest ones, by command id.
    """

    run: str = ""
    seq: int = 0
    team: str = ""
    workflow: str = ""
    goal: str = ""
    model: str = ""
    workspace: str = ""
    version: str = ""
    budget: Mapping[str, float] = field(default_factory=dict)
    status: Status = Status.PENDING
    started: datetime | None = None
    ended: datetime | None = None
    lost: bool = False
    idle: tuple[tuple[datetime, datetime], ...] = ()
    error: Failure | None = None
    result: ArtifactRef | None = None
    tasks: Mapping[str, TaskView] = field(default_factory=dict)
    sessions: Mapping[str, SessionView] = field(default_factory=dict)
    notices: tuple[NoticeView, ...] = ()
    commands: Mapping[str, CommandView] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self.status in TERMINAL

    @property
    def ended_by_itself(self) -> bool:
        """Whether the run told its end; one whose process was lost did not."""
        return self.over and not self.lost

    def worked(self, since: datetime, until: datetime) -> timedelta:
        """How much of the time between two moments there was a process at work on the run."""
        span = until - since
        for left, back in self.idle:
            span -= max(timedelta(), min(until, back) - max(since, left))
        return max(timedelta(), span)

    @property
    def asks(self) -> tuple[PermissionView, ...]:
        """Every open permission request, in session order."""
        at_rest, _ = _parts(self.sessions)
        return tuple(ask for session in at_rest.values() for ask in session.asks)

    @property
    def resting(self) -> frozenset[str]:
        """Sessions that do nothing until one is let go on: paused, or waiting for such alone."""
        at_rest, _ = _parts(self.sessions)
        found = {name for name, known in at_rest.items() if known.status is Status.PAUSED}
        if not found:
            return frozenset()
        for name, known in reversed([*at_rest.items()]):  # children start after their parents
            live = [child for child in known.children if child in at_rest]
            live = [child for child in live if not at_rest[child].over]
            if known.status is Status.RUNNING and live and found.issuperset(live):
                found.add(name)
        return frozenset(found)

    @property
    def totals(self) -> Totals:
        """Sums over all sessions, failed attempts included."""
        at_rest, moving = _parts(self.sessions)
        # Not by the sessions' own properties: a large run is summed for every picture.
        told = [moving.get(name) or known.progress for name, known in at_rest.items()]
        both = [*zip(at_rest.values(), told, strict=True)]
        return Totals(
            sessions=len(both),
            running=sum(known.status not in TERMINAL for known in at_rest.values()),
            turns=sum(now.turn if now else known.final_turns for known, now in both),
            tools=sum(now.tools if now else known.final_tools for known, now in both),
            usage=Usage.sum_of(now.usage if now else known.final_usage for known, now in both),
        )


def _parts(
    sessions: Mapping[str, SessionView],
) -> tuple[Mapping[str, SessionView], Mapping[str, Progress]]:
    """Sessions as events have left them, and the newest progress of those that have one apart."""
    if isinstance(sessions, LiveSessions):
        return sessions.at_rest, sessions.moving
    return sessions, {}
