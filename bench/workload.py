"""A team whose model and tool cost nothing, so that what remains is crew's own work."""

import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.lowlevel

from crew.definitions.steps import MAX_STEPS
from crew.models.protocol import Delta, ModelRequest, StopDelta, ToolCallDelta, UsageDelta
from crew.records import JsonObject, Usage
from crew.service import LiveRun, RunRequest, SpawnLimits, default_library, start
from crew.tools.protocol import Effect, Tool, ToolArgs, ToolContext, ToolOutput

LOOKED_UP = "x" * 200
RESULT = {"summary": "y" * 485}
"""500 bytes of JSON."""
LISTER = "list"
"""The step that gives the items of a workload that is too large for steps of its own."""
USAGE = Usage(input_tokens=100, output_tokens=20)


class LookUpArgs(ToolArgs):
    """Arguments of `look_up`."""

    key: str


class LookUp(Tool[LookUpArgs]):
    """Returns 200 bytes at once."""

    name = "look_up"
    description = "Look something up."
    effect = Effect.READ
    args = LookUpArgs

    async def run(self, args: LookUpArgs, ctx: ToolContext) -> ToolOutput:
        """Return them."""
        return ToolOutput(text=LOOKED_UP, summary="200 bytes")


class Instant:
    """A model that answers at once: `turns` tool calls a session, the last one its result.

    Args:
        together: Sessions, all of which must have asked before any is answered.

    Attributes:
        asked_at: Process time of each request.
    """

    name = "instant"
    note = ""

    def __init__(self, turns: int, *, together: int = 0) -> None:
        self.asked_at: list[float] = []
        self._turns = turns
        self._asked: Counter[str] = Counter()
        self._together = together
        self._all_asked = anyio.Event()

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[Delta]]:
        """Answer."""
        async with aclosing(self._answer(request.session)) as deltas:
            yield deltas

    async def _answer(self, session: str) -> AsyncGenerator[Delta, None]:
        await anyio.lowlevel.checkpoint()
        self.asked_at.append(time.process_time())
        self._asked[session] += 1
        turn = self._asked[session]
        last = turn >= self._turns
        value: JsonObject = RESULT if last else {"key": f"key-{turn}"}
        if session == LISTER:
            last, value = True, {"items": list(range(self._together))}
        else:
            await self._wait_for_all()
        args = json.dumps(value)
        yield ToolCallDelta(0, args, f"call-{turn}", "submit_result" if last else "look_up")
        yield UsageDelta(USAGE)
        yield StopDelta("tool_calls")

    async def _wait_for_all(self) -> None:
        if len(self._asked.keys() - {LISTER}) >= self._together:
            self._all_asked.set()
        await self._all_asked.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """So many workers at once, each with so many turns.

    Attributes:
        root: An empty folder; definitions and runs go there.
    """

    root: Path
    workers: int
    turns: int

    def write(self) -> None:
        """Write the definitions."""
        steps = "".join(
            f"## w{number}\nrole: worker\n\nDo it.\n\n" for number in range(1, self.workers + 1)
        )
        if self.workers > MAX_STEPS:
            steps = (
                f"## {LISTER}\nrole: worker\noutput: {{type: object}}\n\nList.\n\n"
                f"## work\nrole: worker\nneeds: [{LISTER}]\n"
                f"foreach: steps.{LISTER}.result.items\n\nDo {{item}}.\n"
            )
        head = "name: {name}\ndescription: For measuring.\n"
        files = {
            "agents/worker.md": f"---\n{head.format(name='worker')}tools: [look_up]\n"
            f"max_turns: {self.turns}\n---\nDo the work.\n",
            "teams/load.md": f"---\n{head.format(name='load')}workflow: load\n"
            "members: {worker: worker}\n---\n",
            "workflows/load.md": f"---\n{head.format(name='load')}---\n{steps}",
        }
        for name, text in files.items():
            path = self.root / ".crew" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    @asynccontextmanager
    async def start(self, model: Instant | None = None) -> AsyncIterator[LiveRun]:
        """Start a run of it."""
        tools = {"look_up": LookUp()}
        library = default_library(self.root, {}, tools=tools)
        request = RunRequest(
            team="load",
            workspace=self.root,
            home=self.root / ".crew",
            model="instant",
            max_concurrency=self.workers,
            limits=SpawnLimits(sessions=self.workers),
            tools=tools,
            clients={"instant": model or Instant(self.turns)},
        )
        async with start(request, library=library, environ={}) as run:
            yield run
