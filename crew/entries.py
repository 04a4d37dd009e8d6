"""The transcript's records: one JSON object a line, one line for each complete part.

The kinds in `MESSAGE_KINDS` are the conversation: fed to a model in order they rebuild its
message history exactly. The others tell people what happened.
"""

import json
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeGuard

from pydantic import Field, TypeAdapter, ValidationError

from crew.records import (
    SCHEMA_VERSION,
    UNSTAMPED,
    ArtifactRef,
    JsonObject,
    Record,
    Timestamp,
    Usage,
)


class EntryBase(Record):
    """The envelope of an entry.

    Attributes:
        id: Unique in its transcript, never reused; not an order.
        turn: The turn it belongs to; 0 before the first model request.
        epoch: The attempt that wrote it.
    """

    v: int = SCHEMA_VERSION
    id: int = -1
    at: Timestamp = UNSTAMPED
    turn: int = 0
    epoch: int = 1


class SystemEntry(EntryBase):
    """The system prompt and what the session may use."""

    kind: Literal["system"] = "system"
    text: str
    model: str
    tools: tuple[str, ...] = ()


class UserEntry(EntryBase):
    """A message to the model that is not a steer: the task, or a word from crew itself.

    Attributes:
        source: `reminder` is crew's word that a result is missing.
    """

    kind: Literal["user"] = "user"
    text: str
    source: Literal["task", "crew", "reminder"] = "task"


class ThinkingEntry(EntryBase):
    """Reasoning that the model showed. `meta` is the provider's own, kept for the way back."""

    kind: Literal["thinking"] = "thinking"
    text: str
    partial: bool = False
    meta: JsonObject | None = None


class TextEntry(EntryBase):
    """Text of the model's answer; `partial` when the request was cut, and then not a message."""

    kind: Literal["text"] = "text"
    text: str
    partial: bool = False
    meta: JsonObject | None = None


class ToolCallEntry(EntryBase):
    """One tool call of the model's answer.

    Attributes:
        args: The parsed arguments; empty when they could not be parsed.
        invalid: Why the arguments could not be parsed, with their raw text.
    """

    kind: Literal["tool_call"] = "tool_call"
    call_id: str
    tool: str
    args: JsonObject
    invalid: str | None = None
    meta: JsonObject | None = None


class Outcome(StrEnum):
    """How a tool call ended; `unknown` when its process was lost while it ran."""

    OK = "ok"
    ERROR = "error"
    DENIED = "denied"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class ToolResultEntry(EntryBase):
    """The one result of one tool call.

    Attributes:
        text: What the model reads.
        summary: One line for people: "212 lines", "exit 1, 14 lines".
        ms: Wall time of the call in milliseconds.
        artifact: Where the whole output is when `text` shows only its head and tail.
        session: The child session that the call spawned.
    """

    kind: Literal["tool_result"] = "tool_result"
    call_id: str
    tool: str
    outcome: Outcome
    text: str
    summary: str = ""
    ms: int = 0
    artifact: ArtifactRef | None = None
    session: str | None = None


class SteerEntry(EntryBase):
    """A person's message into the current work, at the turn that first saw it."""

    kind: Literal["steer"] = "steer"
    text: str
    command: str


class FollowUpEntry(EntryBase):
    """A person's message for after the current work, at the turn that first saw it."""

    kind: Literal["follow_up"] = "follow_up"
    text: str
    command: str


class UsageEntry(EntryBase):
    """Closes one model answer: every part of it is above this line."""

    kind: Literal["usage"] = "usage"
    model: str
    usage: Usage
    stop: str
    ms: int = 0


class PermissionEntry(EntryBase):
    """What was asked before a tool call ran, and how it was answered."""

    kind: Literal["permission"] = "permission"
    call_id: str
    tool: str
    preview: str
    decision: Literal["allowed", "denied"]
    reason: str = ""


class NoticeEntry(EntryBase):
    """Something a reader should know; not part of the conversation."""

    kind: Literal["notice"] = "notice"
    text: str


class ContextEntry(EntryBase):
    """What the model no longer sees whole from here on; the transcript keeps it.

    Attributes:
        shortened: By the id of a tool result, what stands in the place of its text.
        dropped: Ids of messages that are left out.
        summary: What stands in the place of all that is dropped, where the first of it was.
        text: What was done, for people.
    """

    kind: Literal["context"] = "context"
    shortened: dict[int, str] = Field(default_factory=dict)
    dropped: tuple[int, ...] = ()
    summary: str = ""
    text: str


class ErrorEntry(EntryBase):
    """Something went wrong, or a line of this transcript could not be read."""

    kind: Literal["error"] = "error"
    title: str
    text: str
    hint: str = ""


class ResultEntry(EntryBase):
    """The session's result, validated; the value itself is the artifact."""

    kind: Literal["result"] = "result"
    artifact: ArtifactRef
    preview: str


class UnknownEntry(EntryBase):
    """A kind or a schema version this program does not know, kept as it is."""

    kind: str
    raw: JsonObject


KnownEntry = Annotated[
    SystemEntry
    | UserEntry
    | ThinkingEntry
    | TextEntry
    | ToolCallEntry
    | ToolResultEntry
    | SteerEntry
    | FollowUpEntry
    | UsageEntry
    | PermissionEntry
    | NoticeEntry
    | ContextEntry
    | ErrorEntry
    | ResultEntry,
    Field(discriminator="kind"),
]
Entry = KnownEntry | UnknownEntry

Message = (
    UserEntry
    | ThinkingEntry
    | TextEntry
    | ToolCallEntry
    | ToolResultEntry
    | SteerEntry
    | FollowUpEntry
)
"""An entry that is part of the conversation with the model."""

MESSAGE_KINDS = frozenset(
    {"user", "thinking", "text", "tool_call", "tool_result", "steer", "follow_up"}
)

_ENTRY: TypeAdapter[Any] = TypeAdapter(KnownEntry)


def is_message(entry: Entry) -> TypeGuard[Message]:
    """Whether the model sees this entry: a conversation kind whose request was not cut."""
    if isinstance(entry, ThinkingEntry | TextEntry) and entry.partial:
        return False
    return entry.kind in MESSAGE_KINDS


def parse_entry(line: bytes) -> Entry:
    """Read one transcript line; never raises.

    A line that is not JSON becomes an `ErrorEntry`; a kind, version or shape that this program
    does not know becomes an `UnknownEntry` with the whole object.
    """
    try:
        entry: Entry = _ENTRY.validate_json(line)
    except ValidationError:
        return _unreadable_entry(line)
    return entry if entry.v <= SCHEMA_VERSION else _unreadable_entry(line)


def _unreadable_entry(line: bytes) -> Entry:
    try:
        raw = json.loads(line)
    except ValueError as error:
        shown = line[:200].decode("utf-8", "backslashreplace")
        return ErrorEntry(title="Unreadable line", text=f"{error}: {shown}")
    if not isinstance(raw, dict):
        return ErrorEntry(title="Unreadable line", text=f"not an object: {line[:200]!r}")
    kind = raw.get("kind")
    return UnknownEntry(kind=kind if isinstance(kind, str) else "unknown", raw=raw)
