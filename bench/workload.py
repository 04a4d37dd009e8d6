"""A team whose model and tool cost nothing, so that what remains is crew's own work."""

import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio.lowlevel

from crew.models.protocol import Delta, ModelRequest, StopDelta, ToolCallDelta, UsageDelta
from crew.records import Usage
from crew.service import LiveRun, RunRequest, SpawnLimits, default_library, start
from crew.tools.protocol import Effect, Tool, ToolArgs, ToolContext, ToolOutput

LOOKED_UP = "x" * 200
RESULT = {"summary": "y" * 485}
"""500 bytes of JSON."""
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

    Attributes:
        asked_at: Process time of each request.
    """

    name = "instant"
    note = ""

    def __init__(self, turns: int) -> None:
        self.asked_at: list[float] = []
        self._turns = turns
        self._asked: Counter[str] = Counter()

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
        args = json.dumps(RESULT if last else {"key": f"key-{turn}"})
        yield ToolCallDelta(0, args, f"call-{turn}", "submit_result" if last else "look_up")
        yield UsageDelta(USAGE)
        yield StopDelta("tool_calls")


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
        steps = "\n".join(
            f"## w{number}\nrole: worker\n\nDo it.\n" for number in range(1, self.workers + 1)
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
