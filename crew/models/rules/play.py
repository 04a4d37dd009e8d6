"""A play: a session's turns as one generator, replayed from the conversation at every request."""

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeVar

from crew.models.rules.talk import Talk
from crew.records import JsonObject

NOTE = "rules: built-in checks, no language model"
SUBMIT = "submit_result"
UNDONE = "nothing was written or run: that takes a language model"
"""The remark of an agent that was asked to act."""
NOTHING = "There was nothing to review"


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
        ran: The call ran to its end, well or not.
    """

    ok: bool
    text: str
    cut: bool = False
    ran: bool = True


Done = TypeVar("Done")
Part = Generator[Turn, tuple[Reply, ...], Done]
"""A piece of a play: yields turns, is sent the replies to their calls in order, gives a value."""

Play = Callable[[Talk], Part[None]]


@dataclass(slots=True)
class Diary:
    """What went other than planned, to be told in the summary.

    Attributes:
        gaps: What should have been checked and was not, so that nothing can be approved.
        reviewed: What was under review, in words.
        empty: Nothing was under review.
    """

    remarks: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    reviewed: str = ""
    empty: bool = False

    def note(self, remark: str) -> None:
        """Keep a remark once."""
        _keep(self.remarks, remark)

    def gap(self, unchecked: str) -> None:
        """Keep once what was not checked, and why."""
        _keep(self.gaps, unchecked)

    def told(self, summary: str) -> str:
        """A summary that opens with what this model is and ends with the gaps and remarks."""
        parts = [f"{NOTE}.", f"{NOTHING}." if self.empty and not self.gaps else summary]
        parts += [f"Under review: {self.reviewed}."] if self.reviewed else []
        parts += [f"Not checked: {_SEVERAL.join(self.gaps)}."] if self.gaps else []
        parts += [f"Note: {_SEVERAL.join(self.remarks)}."] if self.remarks else []
        return " ".join(parts)

    def carry(self, said: object) -> str:
        """Keep the gaps and remarks of a summary that `told` wrote; gives what it says beside."""
        match = _TOLD.fullmatch(said) if isinstance(said, str) else None
        if match is None:
            return ""
        for gap in (match["gaps"] or "").split(_SEVERAL):
            self.gap(gap)
        for remark in (match["remarks"] or "").split(_SEVERAL):
            self.note(remark)
        self.reviewed = self.reviewed or match["reviewed"] or ""
        self.empty = self.empty or match["summary"] == f"{NOTHING}."
        return match["summary"]


_SEVERAL = "; "
_TOLD = re.compile(
    rf"{re.escape(NOTE)}\. (?P<summary>.*?)(?: Under review: (?P<reviewed>.+?)\.)?"
    r"(?: Not checked: (?P<gaps>.+?)\.)?"
    r"(?: Note: (?P<remarks>.+)\.)?",
    re.DOTALL,
)


def _keep(words: list[str], more: str) -> None:
    if more and more not in words:
        words.append(more)
