"""A model request as `rules` reads it: what was asked, which tools there are, what came back."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from crew.entries import (
    FollowUpEntry,
    Message,
    Outcome,
    SteerEntry,
    ToolCallEntry,
    ToolResultEntry,
    UserEntry,
)
from crew.models.protocol import ModelRequest
from crew.records import JsonObject

_GOAL = re.compile(r"<goal>\n?(.*?)\n?</goal>\s*", re.DOTALL)
_AGAIN = frozenset({Outcome.SKIPPED, Outcome.CANCELLED})


@dataclass(frozen=True, slots=True)
class Exchange:
    """A call of an earlier answer and its result."""

    call: ToolCallEntry
    result: ToolResultEntry

    @property
    def unheard(self) -> bool:
        """Whether the call never ran to its end, so that it may be made again."""
        return self.result.outcome in _AGAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One request.

    Attributes:
        question: What a person wants, or whoever spawned the session; empty when nothing was said.
        opening: The task: the first message of the session.
        schema: Parameters of `submit_result`; None when the session has no such tool.
        rounds: The calls of each earlier answer that made any, with their results.
        steered: A person's word is the newest message.
        due: The answer must submit now.
    """

    agent: str
    opening: str
    question: str
    tools: frozenset[str]
    schema: JsonObject | None
    rounds: tuple[tuple[Exchange, ...], ...]
    steered: bool
    due: bool

    @property
    def step(self) -> str:
        """The step's own words: the opening without what the person wants."""
        words = _GOAL.sub("", self.opening, count=1)
        return words.replace(self.question, "") if words != self.opening else words

    @classmethod
    def of(cls, request: ModelRequest) -> "Talk":
        """Read a request."""
        schema = next(
            (tool.parameters for tool in request.tools if tool.name == "submit_result"), None
        )
        last = request.messages[-1] if request.messages else None
        opening = _opening(request.messages)
        return cls(
            agent=request.agent,
            opening=opening,
            question=_question(opening, spawned="." in request.session),
            tools=frozenset(tool.name for tool in request.tools),
            schema=schema,
            rounds=tuple(_rounds(request.messages)),
            steered=isinstance(last, SteerEntry | FollowUpEntry),
            due=request.settings.tool_choice == "submit_result",
        )


def _opening(messages: Iterable[Message]) -> str:
    tasks = (entry for entry in messages if isinstance(entry, UserEntry))
    return next((entry.text for entry in tasks if entry.source == "task"), "")


def _question(opening: str, *, spawned: bool) -> str:
    """The goal; a session that another one spawned, `lead.analyst-1`, is told its task bare."""
    goal = _GOAL.match(opening)
    if goal is not None:
        return goal[1].strip()
    return opening.strip() if spawned else ""


def _rounds(messages: Iterable[Message]) -> Iterator[tuple[Exchange, ...]]:
    calls: list[ToolCallEntry] = []
    results: dict[str, ToolResultEntry] = {}
    for entry in messages:
        if isinstance(entry, ToolCallEntry):
            if results:
                yield _paired(calls, results)
                calls, results = [], {}
            calls.append(entry)
        elif isinstance(entry, ToolResultEntry):
            results[entry.call_id] = entry
    if calls:
        yield _paired(calls, results)


def _paired(
    calls: list[ToolCallEntry], results: dict[str, ToolResultEntry]
) -> tuple[Exchange, ...]:
    return tuple(Exchange(call, results[call.call_id]) for call in calls if call.call_id in results)
