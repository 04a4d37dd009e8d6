"""A session in miniature: asks a model, runs the tools it calls, until it submits or stops."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from crew.entries import Message, Outcome, SteerEntry, ToolCallEntry, ToolResultEntry, UserEntry
from crew.errors import ToolError
from crew.models.answer import AnswerBuilder
from crew.models.protocol import ModelClient, ModelRequest, Settings, ToolSchema
from crew.plaintext import cap
from crew.records import JsonObject
from crew.tools.registry import READ_ONLY, builtin
from tests.doubles.workbench import Workbench

SHOWN = 60_000

Interfere = Callable[[int, ToolCallEntry], Outcome | None]
"""Gives a call of a round another outcome than running it has; None lets it run."""


def _let_run(_round: int, _call: ToolCallEntry) -> None:
    return None


@dataclass
class Performance:
    """What a model did.

    Attributes:
        texts: What it said, an answer each.
        result: What it submitted; None when it stopped without.
    """

    messages: list[Message]
    texts: list[str] = field(default_factory=list)
    calls: list[ToolCallEntry] = field(default_factory=list)
    requests: list[ModelRequest] = field(default_factory=list)
    result: JsonObject | None = None

    @property
    def tools(self) -> list[str]:
        """The tools it called, in order."""
        return [call.tool for call in self.calls]


class Stage:
    """Where a model plays an agent in a workspace.

    Args:
        submit: Judges a submitted value as a session does: raises `ToolError`, or takes it.
    """

    def __init__(
        self,
        bench: Workbench,
        model: ModelClient,
        *,
        tools: Sequence[str] = READ_ONLY,
        interfere: Interfere = _let_run,
        submit: Callable[[JsonObject], None] = lambda _value: None,
    ) -> None:
        self._bench = bench
        self._model = model
        self._tools = {name: builtin(name) for name in tools}
        self._interfere = interfere
        self._submit = submit
        self._ids = count(1)

    async def play(
        self, agent: str, output: Mapping[str, Any], opening: str, *, due_after: int = 99
    ) -> Performance:
        """Run a session; from `due_after` answers on the model must submit."""
        seen = Performance([UserEntry(text=opening)])
        for number in range(40):
            due = number >= due_after
            request = self._request(agent, output, tuple(seen.messages), due=due)
            seen.requests.append(request)
            parts = await self._ask(request)
            seen.messages += parts
            seen.texts.append("".join(part.text for part in parts if part.kind == "text"))
            calls = [part for part in parts if isinstance(part, ToolCallEntry)]
            seen.calls += calls
            for call in calls:
                seen.messages.append(await self._result(number, call, seen))
            if not calls or seen.result is not None:
                return seen
        raise AssertionError("the model goes on for ever")

    def _request(
        self, agent: str, output: Mapping[str, Any], messages: tuple[Message, ...], *, due: bool
    ) -> ModelRequest:
        tools = tuple(
            ToolSchema(name=name, description=tool.description, parameters=tool.parameters())
            for name, tool in self._tools.items()
        )
        submit = ToolSchema(name="submit_result", description="Submit.", parameters=dict(output))
        return ModelRequest(
            system="",
            messages=messages,
            tools=(*tools, submit),
            agent=agent,
            session="s1",
            settings=Settings(tool_choice="submit_result" if due else None),
        )

    async def _ask(self, request: ModelRequest) -> list[Any]:
        builder = AnswerBuilder(new_id=lambda: f"new-{next(self._ids)}")
        async with self._model.stream(request) as deltas:
            async for delta in deltas:
                builder.add(delta)
        return list(builder.finish().parts)

    async def _result(self, number: int, call: ToolCallEntry, seen: Performance) -> ToolResultEntry:
        outcome = self._interfere(number, call)
        if outcome is not None:
            return _entry(call, outcome, "interfered with")
        try:
            if call.tool == "submit_result":
                self._submit(call.args)
                seen.result = call.args
                return _entry(call, Outcome.OK, "accepted")
            text = (await self._bench.call(self._tools[call.tool], **call.args)).text
        except ToolError as error:
            return _entry(call, Outcome.ERROR, error.message)
        shown, was_cut = cap(text, SHOWN)
        if not was_cut:
            return _entry(call, Outcome.OK, text)
        ref = self._bench.artifacts.put(f"{call.call_id}.txt", text.encode())
        return _entry(call, Outcome.OK, shown).model_copy(update={"artifact": ref})


def steer(text: str) -> SteerEntry:
    """A person's message."""
    return SteerEntry(text=text, command="c1")


def _entry(call: ToolCallEntry, outcome: Outcome, text: str) -> ToolResultEntry:
    return ToolResultEntry(call_id=call.call_id, tool=call.tool, outcome=outcome, text=text)
