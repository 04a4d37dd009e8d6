"""The journal's records: frozen facts about what happened in a run, numbered without gaps.

`seq` is dense per run and `epoch` names the attempt that wrote the record. An event made by
the engine is unstamped until the journal gives it its number and time.
"""

import json
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, TypeAdapter, ValidationError

from crew.commands import Command
from crew.records import (
    NO_USAGE,
    SCHEMA_VERSION,
    UNSTAMPED,
    ArtifactRef,
    Failure,
    FileChange,
    JsonObject,
    Record,
    Status,
    Timestamp,
    Usage,
)


class EventBase(Record):
    """The envelope of an event.

    Attributes:
        seq: Position in the run's journal, from 1, gapless; 0 while unstamped.
        session: The session it is about, where it is about one.
        task: The task it is about, where it is about one.
    """

    durable: ClassVar[bool] = False
    """Whether it is fsynced before it is announced."""

    v: int = SCHEMA_VERSION
    seq: int = 0
    at: Timestamp = UNSTAMPED
    run: str = ""
    epoch: int = 1
    session: str | None = None
    task: str | None = None


class RunStarted(EventBase):
    """The first event of a run.

    Attributes:
        budget: The limits of what the run may spend, by name; see `crew.budget`.
    """

    kind: Literal["run.started"] = "run.started"
    team: str
    workflow: str
    goal: str
    model: str
    workspace: str
    version: str
    budget: dict[str, float] = Field(default_factory=dict)


class RunPaused(EventBase):
    """Every session of the run holds at its next checkpoint."""

    kind: Literal["run.paused"] = "run.paused"


class RunResumed(EventBase):
    """Sessions that were not paused by themselves go on."""

    kind: Literal["run.resumed"] = "run.resumed"


class RunEnded(EventBase):
    """The last event of a run; every session and task has ended before it."""

    durable: ClassVar[bool] = True
    kind: Literal["run.ended"] = "run.ended"
    status: Status
    error: Failure | None = None
    result: ArtifactRef | None = None
    usage: Usage = NO_USAGE


class RunContinued(EventBase):
    """Another process takes the run up again; its events have an `epoch` of their own.

    Attributes:
        reason: `interrupted` when the last process was lost, `retry` when tasks are run again,
            `fork` when all before it was taken from another run.
        tasks: Tasks that are pending again, though they had ended.
        leftovers: Groups of processes that the last process had left running, and that were ended.
        left: When the last process was heard of last, where it left a sign of that; the events
            before may be later.
    """

    durable: ClassVar[bool] = True
    kind: Literal["run.continued"] = "run.continued"
    reason: Literal["interrupted", "retry", "fork"]
    tasks: tuple[str, ...] = ()
    leftovers: int = 0
    left: Timestamp | None = None
    version: str


class TaskAdded(EventBase):
    """A task is on the board."""

    kind: Literal["task.added"] = "task.added"
    step: str
    role: str
    needs: tuple[str, ...] = ()
    title: str = ""


class TaskStarted(EventBase):
    """A session began to work on the task."""

    kind: Literal["task.started"] = "task.started"
    attempt: int


TaskStatus = Literal[
    "pending", "running", "completed", "failed", "cancelled", "skipped", "unreachable"
]


class TaskEnded(EventBase):
    """One attempt at the task ended; with `retry` another follows.

    Attributes:
        restart: The one that follows is its team's supervision's, not one of the step's retries;
            with the status `cancelled` it was ended because another task failed.
    """

    durable: ClassVar[bool] = True
    kind: Literal["task.ended"] = "task.ended"
    status: TaskStatus
    attempt: int = 0
    retry: bool = False
    restart: bool = False
    error: Failure | None = None
    result: ArtifactRef | None = None


class TasksReopened(EventBase):
    """Tasks that had ended are pending again, by a retry; each next attempt is a new session.

    Attributes:
        tasks: In board order.
    """

    kind: Literal["tasks.reopened"] = "tasks.reopened"
    tasks: tuple[str, ...]


class SessionStarted(EventBase):
    """A session exists; its transcript is `sessions/<session>.jsonl`.

    Attributes:
        call: The tool call of its parent that spawned it.
        title: The beginning of what its parent asks of it; empty where it has none.
    """

    kind: Literal["session.started"] = "session.started"
    role: str
    agent: str
    model: str
    parent: str | None = None
    call: str | None = None
    depth: int = 0
    attempt: int = 1
    max_turns: int
    title: str = ""


class SessionStatus(EventBase):
    """A session moved between running, paused and waiting."""

    kind: Literal["session.status"] = "session.status"
    status: Status
    reason: str = ""


class SessionModel(EventBase):
    """A session goes on with the next model of its list.

    When the run is taken up by another process, it begins with the first of the list again.
    """

    kind: Literal["session.model"] = "session.model"
    model: str


class SessionEnded(EventBase):
    """A session's one final event, after its children ended."""

    durable: ClassVar[bool] = True
    kind: Literal["session.ended"] = "session.ended"
    status: Status
    error: Failure | None = None
    turns: int = 0
    tools: int = 0
    usage: Usage = NO_USAGE
    result: ArtifactRef | None = None


class CommandAccepted(EventBase):
    """A command was taken; what it leads to follows in events of its own."""

    durable: ClassVar[bool] = True
    kind: Literal["command.accepted"] = "command.accepted"
    command: Command


class CommandRefused(EventBase):
    """A command was refused and changed nothing.

    Attributes:
        hint: The mend; empty when there is none to offer.
    """

    kind: Literal["command.refused"] = "command.refused"
    command: Command
    reason: str
    hint: str = ""


class SteerDelivered(EventBase):
    """A steer or follow-up is in the context of the model request of `turn`."""

    kind: Literal["steer.delivered"] = "steer.delivered"
    command: str
    turn: int


class SteerUndelivered(EventBase):
    """A steer or follow-up was accepted, but its session ended before a turn could see it."""

    kind: Literal["steer.undelivered"] = "steer.undelivered"
    command: str
    reason: str


class PermissionAsked(EventBase):
    """A session waits for a person's word on one tool call.

    Attributes:
        repeated: The same call may have run already, when an earlier process was lost.
        change: What the call would do to a file, where it is about one.
    """

    kind: Literal["permission.asked"] = "permission.asked"
    request: str
    tool: str
    preview: str
    args: JsonObject
    repeated: bool = False
    change: FileChange | None = None


class PermissionAnswered(EventBase):
    """The word on a permission request."""

    kind: Literal["permission.answered"] = "permission.answered"
    request: str
    decision: Literal["allow", "allow_session", "deny"]
    reason: str = ""


class ToolBegan(EventBase):
    """A tool that writes or executes is about to run; without a result its outcome is unknown.

    Attributes:
        digest: Tells the same tool with the same arguments again; hex.
    """

    durable: ClassVar[bool] = True
    kind: Literal["tool.began"] = "tool.began"
    call: str
    tool: str
    digest: str


class ResultSubmitted(EventBase):
    """A session's result is stored.

    Attributes:
        preview: One line of it for people, such as its summary; empty when it has none.
    """

    kind: Literal["result.submitted"] = "result.submitted"
    result: ArtifactRef
    preview: str = ""


class Notice(EventBase):
    """Something a person should know about the run or one of its sessions."""

    kind: Literal["notice"] = "notice"
    text: str


class Unknown(EventBase):
    """A kind or a schema version this program does not know, kept as it is."""

    kind: str
    raw: JsonObject


KnownEvent = Annotated[
    RunStarted
    | RunPaused
    | RunResumed
    | RunContinued
    | RunEnded
    | TaskAdded
    | TaskStarted
    | TaskEnded
    | TasksReopened
    | SessionStarted
    | SessionStatus
    | SessionModel
    | SessionEnded
    | CommandAccepted
    | CommandRefused
    | SteerDelivered
    | SteerUndelivered
    | PermissionAsked
    | PermissionAnswered
    | ToolBegan
    | ResultSubmitted
    | Notice,
    Field(discriminator="kind"),
]
Event = KnownEvent | Unknown

_EVENT: TypeAdapter[Any] = TypeAdapter(KnownEvent)


def parse_event(line: bytes) -> Event:
    """Read one journal line.

    Raises:
        ValueError: The line is not a JSON object. What is one, but of a kind, version or shape
            that this program does not know, comes back as `Unknown` with the whole object.
    """
    try:
        event: Event = _EVENT.validate_json(line)
    except ValidationError:
        return _unknown_event(line)
    return event if event.v <= SCHEMA_VERSION else _unknown_event(line)


def _unknown_event(line: bytes) -> Unknown:
    raw = json.loads(line)
    if not isinstance(raw, dict):
        raise ValueError("not a JSON object")
    kind, seq = raw.get("kind"), raw.get("seq")
    return Unknown(
        kind=kind if isinstance(kind, str) else "unknown",
        seq=seq if isinstance(seq, int) else 0,
        raw=raw,
    )
