"""What is outside of the program: a model that does what models do, and tools that act for good."""

import json
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import anyio

from crew.entries import (
    FollowUpEntry,
    Message,
    SteerEntry,
    TextEntry,
    ThinkingEntry,
    ToolCallEntry,
    ToolResultEntry,
)
from crew.errors import Fault, ModelError, ToolError
from crew.models.protocol import (
    Delta,
    ModelRequest,
    StopDelta,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageDelta,
)
from crew.records import Usage
from crew.tools.protocol import Effect, Tool, ToolArgs, ToolContext, ToolOutput
from tests.simulation.disk import Disk

DEAREST_TURN = 200
"""Tokens that one model request costs at most."""

_FAULTS = (Fault.RATE_LIMIT, Fault.OVERLOAD, Fault.NETWORK, Fault.NETWORK, Fault.OVERLOAD)
_FINAL_FAULTS = (Fault.AUTH, Fault.QUOTA, Fault.BAD_REQUEST)

Calls = list[tuple[str, dict[str, Any]]]


@dataclass(slots=True)
class World:
    """What outlives every process of the program.

    Attributes:
        effects: How often each act was done; there is one key for each thing that a model wants.
        accepted: Messages whose sender has a receipt: command id to session.
        broken: What was seen that must not be.
        allowed: Whether a person allowed an act of this key in this process.
        held: Whether a session was paused when this process began, and nobody let it go on.
        reported: Whether a message's sender was told that nobody saw it.
        run: What tells a forked run's answers and acts from those of the run before it.
    """

    seed: int
    disk: Disk
    effects: Counter[str] = field(default_factory=Counter)
    accepted: dict[str, str] = field(default_factory=dict)
    done_in: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    allowed: Callable[[str], bool] = lambda key: False
    reported: Callable[[str], bool] = lambda command: False
    held: Callable[[str], bool] = lambda session: False
    asks: Counter[tuple[str, int]] = field(default_factory=Counter)
    run: str = ""

    def violated(self, what: str) -> None:
        """Remember that something was seen that must not be, by a process or of what it left."""
        if not self.disk.unwinding and what not in self.broken:
            self.broken.append(what)

    def branch(self, name: str) -> None:
        """Another run begins of this one; what is done afresh in it is done for the first time."""
        self.run = name
        self.accepted = {}
        self.effects, self.asks = Counter(), Counter()
        # What was allowed, reported and held is of the other run, until this one is watched.
        self.allowed = self.reported = self.held = lambda _: False

    def act(self, key: str) -> None:
        """Do something that can't be undone."""
        self.disk.tick("effect", key)
        self.effects[key] += 1
        if self.effects[key] > 1 and not self.allowed(key):
            where = f"processes {self.done_in[key]} and {self.disk.image}"
            self.violated(f"{key} was done twice, in {where}, and nobody was asked")
        self.done_in[key] = self.disk.image


class ActArgs(ToolArgs):
    """Arguments of every tool double.

    Attributes:
        key: What is done.
        seconds: How long it takes.
        fails: Whether it fails, having done it or not.
        output: How often it says what it saw.
        stubborn: Seconds of cleanup that nothing can cut short.
    """

    key: str = ""
    seconds: float = 0
    fails: bool = False
    output: int = 0
    stubborn: float = 0


class Look(Tool[ActArgs]):
    """Reads for a while."""

    name = "look"
    description = "Look."
    effect = Effect.READ
    args = ActArgs

    def __init__(self, world: World) -> None:
        self.world = world

    async def run(self, args: ActArgs, ctx: ToolContext) -> ToolOutput:
        ctx.on_output(f"looking at {args.key}")
        try:
            await anyio.sleep(args.seconds)
        finally:
            if args.stubborn:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(args.stubborn)
        if args.fails:
            raise ToolError("it is not there")
        return ToolOutput(text="seen " * max(args.output, 1), summary="seen")


class Glance(Look):
    """As `look`; several of them run at the same time, and a steer cuts them."""

    name = "glance"
    concurrent = True
    interruptible = True


class Act(Look):
    """Does something for good, somewhere in the time that it takes."""

    name = "act"
    effect = Effect.WRITE

    async def run(self, args: ActArgs, ctx: ToolContext) -> ToolOutput:
        before = args.seconds * random.Random(args.key).random()
        await anyio.sleep(before)
        if not args.fails:
            self.world.act(args.key)
        await anyio.sleep(args.seconds - before)
        if args.fails:
            raise ToolError("it could not be done")
        return ToolOutput(text="done", summary="done")


class Execute(Act):
    """As `act`, by running something."""

    name = "execute"
    effect = Effect.EXECUTE


def tools(world: World) -> dict[str, Tool[Any]]:
    """The tools by name."""
    made = (Look(world), Glance(world), Act(world), Execute(world))
    return {tool.name: tool for tool in made}


class SimModel:
    """A model whose answer depends on the seed, the session and how often it answered there.

    A request that is made again after a loss gets the same answer, as a person would expect of a
    careful model; what went wrong on the way to it is drawn anew.
    """

    note = ""

    def __init__(self, world: World, chance: random.Random, *, trouble: float) -> None:
        self._world = world
        self._chance = chance
        self._trouble = trouble

    @property
    def name(self) -> str:
        return "sim"

    def stream(self, request: ModelRequest) -> AbstractAsyncContextManager[AsyncIterator[Delta]]:
        return self._stream(request)

    @asynccontextmanager
    async def _stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[Delta]]:
        self._check(request)
        async with aclosing(self._answer(request)) as deltas:
            yield deltas

    async def _answer(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        chance = self._chance
        place = (f"{self._world.run}{request.session}", _answers(request.messages))
        self._world.asks[place] += 1
        await anyio.sleep(chance.choice([0, 0.01, 0.3, 2, 5]))
        trouble = chance.random() < self._trouble and self._world.asks[place] < 4
        cut = chance.random() < 0.5
        if trouble and not cut:
            faults = _FINAL_FAULTS if chance.random() < 0.1 else _FAULTS
            after = chance.choice([None, None, 0.5])
            raise ModelError("sim: trouble", fault=chance.choice(faults), retry_after=after)
        thinking, text, calls = self._say(request, place)
        index = 0
        for kind, words in ((ThinkingDelta, thinking), (TextDelta, text)):
            for start in range(0, len(words), 40):
                yield kind(index, words[start : start + 40])
                await anyio.sleep(chance.choice([0, 0, 0.05, 0.4]))
            index += 1
        if trouble:
            return
        for number, (tool, args) in enumerate(calls):
            yield ToolCallDelta(index + number, json.dumps(args), f"c{place[1]}-{number}", tool)
        tokens = random.Random(f"{self._world.seed}/{place}/usage").randint(1, DEAREST_TURN // 2)
        yield UsageDelta(Usage(input_tokens=tokens, output_tokens=tokens))
        yield StopDelta("tool_calls" if calls else "end")

    def _say(self, request: ModelRequest, place: tuple[str, int]) -> tuple[str, str, Calls]:
        """Thinking, text and calls."""
        session, answers = place
        chance = random.Random(f"{self._world.seed}/{session}/{answers}")
        again = _unfinished(request.messages)
        if again and chance.random() < 0.8:
            return "", "once more", again
        names = [tool.name for tool in request.tools]
        thinking = "hm " * chance.randint(1, 60) if chance.random() < 0.3 else ""
        text = "words " * chance.randint(1, 60) if chance.random() < 0.6 else ""
        patience = random.Random(f"{self._world.seed}/{session}").choice([0, 1, 2, 3, 5])
        if answers >= patience or request.settings.tool_choice:
            if chance.random() < 0.15 and answers < patience + 4:
                return thinking, text or "I am done.", []
            return thinking, text, [("submit_result", _result(chance, session))]
        if chance.random() < 0.1:
            return thinking, text or "so be it", []
        number = chance.choice([1, 1, 2, 3, 4])
        return (
            thinking,
            text,
            [_call(chance, names, f"{session}#{answers}.{n}") for n in range(number)],
        )

    def _check(self, request: ModelRequest) -> None:
        """Whether the history is one that a provider takes, with all that people sent in it."""
        if self._world.held(request.session):
            self._world.violated(f"{request.session} was paused, and its model is asked")
        problem = _invalid(request.messages)
        if problem:
            self._world.violated(f"{request.session}: {problem}")
        heard = Counter(
            message.command
            for message in request.messages
            if isinstance(message, SteerEntry | FollowUpEntry)
        )
        for command, times in heard.items():
            if times > 1:
                self._world.violated(f"{request.session}: {command} is there {times} times")
        for command, session in self._world.accepted.items():
            mine = session == request.session and command.startswith("steer")
            if mine and not heard[command] and not self._world.reported(command):
                self._world.violated(f"{session}: {command} was accepted and is not in the context")
        tried = Counter(message.args.get("key") for message in request.messages if _acts(message))
        for call, result in _last_results(request.messages):
            key = call.args.get("key", "")
            told = _acts(call) and tried[key] == 1 and "not run" in result.text
            if told and self._world.effects[key]:
                self._world.violated(f"{key} was done, and is answered {result.text!r}")


def _call(chance: random.Random, names: Sequence[str], key: str) -> tuple[str, dict[str, Any]]:
    what = chance.choice(
        ["look", "glance", "glance", "act", "act", "execute", "spawn_agent", "odd"]
    )
    if what in {"act", "execute"} and what not in names:  # it has others do what it can't
        what = "spawn_agent"
    if what == "odd":
        odd: Calls = [
            ("lok", {"key": key}),
            ("look", {"seconds": "long"}),
            ("submit_result", {"summary": 1}),
        ]
        return chance.choice(odd)
    if what == "spawn_agent":
        if what not in names:
            return "look", {"key": key}
        return what, {"agent": chance.choice(["helper", "helper", "leaf"]), "prompt": f"do {key}"}
    args = {"key": key, "seconds": chance.choice([0, 0, 0.2, 3, 20])}
    if chance.random() < 0.1:
        args["fails"] = True
    if chance.random() < 0.03:
        args["output"] = 15_000
    if chance.random() < 0.1:
        args["stubborn"] = chance.choice([1, 5])
    return what, args


def _result(chance: random.Random, session: str) -> dict[str, Any]:
    if chance.random() < 0.15:
        return {"summary": 7}
    items = [f"{session}-{number}" for number in range(chance.randint(0, 3))]
    return {"summary": f"{session} is done", "items": items}


def _answers(messages: Sequence[Message]) -> int:
    """Answers in the messages: runs of parts that a model wrote."""
    found, before = 0, False
    for message in messages:
        now = isinstance(message, TextEntry | ThinkingEntry | ToolCallEntry)
        found += now and not before
        before = now
    return found


def _last_results(messages: Sequence[Message]) -> list[tuple[ToolCallEntry, ToolResultEntry]]:
    """The calls of the last answer, with their results."""
    calls: dict[str, ToolCallEntry] = {}
    results: list[tuple[ToolCallEntry, ToolResultEntry]] = []
    before = False
    for message in messages:
        now = isinstance(message, TextEntry | ThinkingEntry | ToolCallEntry)
        if now and not before:
            calls, results = {}, []
        before = now
        if isinstance(message, ToolCallEntry):
            calls[message.call_id] = message
        elif isinstance(message, ToolResultEntry) and message.call_id in calls:
            results.append((calls[message.call_id], message))
    return results


def _acts(message: Message) -> TypeGuard[ToolCallEntry]:
    return isinstance(message, ToolCallEntry) and message.tool in {"act", "execute"}


def _unfinished(messages: Sequence[Message]) -> Calls:
    """The calls of the last answer that a death cut short, to be made again as they were."""
    return [
        (call.tool, dict(call.args))
        for call, result in _last_results(messages)
        if "interrupted" in result.text or "outcome unknown" in result.text
    ]


def _invalid(messages: Sequence[Message]) -> str:
    """Why a provider would refuse the history; empty when it would not."""
    open_calls: dict[str, str] = {}
    seen: set[str] = set()
    for message in messages:
        if isinstance(message, ToolCallEntry):
            if message.call_id in seen:
                return f"call {message.call_id} is there twice"
            seen.add(message.call_id)
            open_calls[message.call_id] = message.tool
        elif isinstance(message, ToolResultEntry):
            if open_calls.pop(message.call_id, None) is None:
                return f"call {message.call_id} is answered twice, or was never made"
        elif open_calls and not isinstance(message, TextEntry | ThinkingEntry):
            return f"{message.kind} comes before the answer of {', '.join(open_calls)}"
        if getattr(message, "partial", False):
            return "a partial part is in the history"
    return f"no answer to {', '.join(open_calls)}" if open_calls else ""
