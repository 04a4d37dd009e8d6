"""What every record on disk shares: frozen, versioned, exact in a JSON round trip."""

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainSerializer
from pydantic_core import PydanticSerializationError, to_json

SCHEMA_VERSION = 1


def utc_now() -> datetime:
    """The wall clock in UTC, cut to whole milliseconds, as records carry it."""
    return datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1000, UTC)


@lru_cache(maxsize=16)  # what happens together has one time
def timestamp(at: datetime) -> str:
    """Format a UTC time as records do: `2026-01-31T12:00:00.123Z`."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[datetime, PlainSerializer(timestamp, return_type=str, when_used="json")]

UNSTAMPED = datetime(1970, 1, 1, tzinfo=UTC)


class Record(BaseModel):
    """A frozen value that crosses a process or a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileChange(Record):
    """What a tool call would do to a file.

    Attributes:
        path: The file, as tools show it.
        exists: Whether there is such a file.
        diff: The lines that go and come, as hunks of a patch without secrets; empty where
            they can't be told.
    """

    path: str
    exists: bool
    diff: str = ""


class Status(StrEnum):
    """Where a session or a run stands. The seven in `TERMINAL` are final."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    WAITING = "waiting"
    COMPLETED = "completed"
    NEEDS_ATTENTION = "needs_attention"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    MAX_TURNS = "max_turns"
    OVER_BUDGET = "over_budget"


TERMINAL = frozenset(
    {
        Status.COMPLETED,
        Status.NEEDS_ATTENTION,
        Status.FAILED,
        Status.CANCELLED,
        Status.INTERRUPTED,
        Status.MAX_TURNS,
        Status.OVER_BUDGET,
    }
)
"""The one set of final statuses; nothing leaves it."""


class Usage(Record):
    """Tokens and money of one model request, or a sum of several.

    Attributes:
        cost: US dollars; None when the price is unknown, which a sum keeps.
        estimated: Whether tokens, or some of them, are crew's estimate: the server counted none.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost: float | None = 0.0
    estimated: bool = False

    @property
    def tokens(self) -> int:
        """Input and output tokens together; cached ones are part of the input."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        known = self.cost is not None and other.cost is not None
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            cost=(self.cost or 0.0) + (other.cost or 0.0) if known else None,
            estimated=self.estimated or other.estimated,
        )

    @classmethod
    def sum_of(cls, usages: Iterable["Usage"]) -> "Usage":
        """All of these together, with much less work than adding them one by one."""
        given = taken = read = written = 0
        cost: float | None = 0.0
        estimated = False
        for each in usages:
            given += each.input_tokens
            taken += each.output_tokens
            read += each.cache_read_tokens
            written += each.cache_write_tokens
            cost = None if cost is None or each.cost is None else cost + each.cost
            estimated = estimated or each.estimated
        return cls(
            input_tokens=given,
            output_tokens=taken,
            cache_read_tokens=read,
            cache_write_tokens=written,
            cost=cost,
            estimated=estimated,
        )


NO_USAGE = Usage()


class ArtifactRef(Record):
    """A file in the run's `artifacts/` folder.

    Attributes:
        name: File name inside `artifacts/`; tools read it as `artifact:NAME`.
        sha256: Hex digest of the bytes on disk.
        size: Bytes on disk.
    """

    name: str
    sha256: str
    size: int


class Failure(Record):
    """Why something ended badly, as a person should read it."""

    title: str
    message: str
    hint: str = ""


JsonObject = dict[str, Any]


def indented_json(value: Any) -> bytes:
    """JSON for files and prompts, one item a line; half a surrogate pair becomes an escape."""
    try:
        return to_json(value, indent=1)
    except PydanticSerializationError:
        return json.dumps(value, indent=1).encode()
