"""What happens to a process: a disk that refuses for a while, and the end in the middle of it."""

import errno
from dataclasses import dataclass
from typing import Literal

Kind = Literal["kill", "power"]
Loses = Literal["some", "names", "bytes", "files"]
"""What a loss of power takes of what was not synced: some of it, all names, all bytes, or all
bytes of half of the files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A disk that refuses for a while.

    Attributes:
        op: The first operation that is refused, counted from the start of the process.
        ops: How many operations are refused.
        on: Which ones: all changes, or syncs only.
    """

    op: int
    ops: int
    error: int
    on: Literal["any", "sync"] = "any"

    def hits(self, op: int, what: str) -> bool:
        """Whether it refuses this operation."""
        return self.op <= op < self.op + self.ops and (self.on == "any" or what == "fsync")

    def __str__(self) -> str:
        name = errno.errorcode[self.error]
        return f"{name} on {self.on} operations {self.op} to {self.op + self.ops - 1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """The end of a process, in the middle of its operation number `op`.

    Attributes:
        loses: What goes with it, where the power does.
        syncing: Whether it comes with the next sync of the journal, whose lines are written.
    """

    op: int
    kind: Kind
    torn: float
    loses: Loses = "some"
    syncing: bool = False

    def __str__(self) -> str:
        more = f", losing {self.loses}" * (self.loses != "some")
        when = "the sync of the journal from operation" if self.syncing else "operation"
        return f"{self.kind} at {when} {self.op}, torn at {self.torn:.2f}{more}"

    def comes(self, op: int, what: str, name: str) -> bool:
        """Whether it is this operation."""
        syncs = what == "fsync" and name.endswith("events.jsonl")
        return op >= self.op and (syncs or not self.syncing)
