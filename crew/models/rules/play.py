"""A play: a session's turns as one generator, replayed from the conversation at every request."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeVar

from crew.models.rules.talk import Talk
from crew.records import JsonObject

NOTE = "rules: built-in checks, no language model"
SUBMIT = "submit_result"


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that a play wants."""

    tool: str
    args: JsonObject


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer: what it does, in words, and the calls that do it."""

    text: str
    calls: tuple[Call, ...] = ()

    @property
    def submits(self) -> bool:
        """Whether it hands in the result."""
        return any(call.tool == SUBMIT for call in self.calls)


@dataclass(frozen=True, slots=True)
class Reply:
    """What one call came to.

    Attributes:
        cut: `text` shows only the head and tail of a longer output.
    """

    ok: bool
    text: str
    cut: bool = False


Done = TypeVar("Done")
Part = Generator[Turn, tuple[Reply, ...], Done]
"""A piece of a play: yields turns, is sent the replies to their calls in order, gives a value."""

Play = Callable[[Talk], Part[None]]


@dataclass(slots=True)
class Diary:
    """What went other than planned, to be told in the summary."""

    remarks: list[str] = field(default_factory=list)

    def note(self, remark: str) -> None:
        """Keep a remark once."""
        if remark not in self.remarks:
            self.remarks.append(remark)

    def told(self, summary: str) -> str:
        """A summary that opens with what this model is and ends with the remarks."""
        return " ".join([f"{NOTE}.", summary, *(f"Note: {remark}." for remark in self.remarks)])
