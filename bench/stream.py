"""What crew costs on top of a provider's library: CPU a streamed chunk, and lag under many streams.

    python -m bench.stream

A loopback provider in a process of its own streams the answer. CPU is process time of the reader
alone, as the slope between a short and a long answer: what a run costs by itself is not counted.
Of the lag `bench/lag.py` says what is the machine's.
"""

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import anyio
from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import ModelRequest, UserPromptPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

from bench.lag import idle_loop, lag_of, run
from crew.config import Config, Kind, ProviderConfig
from crew.service import RunRequest, SpawnLimits, start
from crew.testing import Call, LoopbackProvider, Received, Turn
from crew.testing.loopback import KINDS

ROUNDS = 7
SHORT, LONG = 500, 5_500
STREAMS, RATE, SECONDS = 100, 50, 10
SUBMIT = Call(tool="submit_result", args={"summary": "done"})


def reply(request: Received) -> Turn:
    """Chunks as the name of the model says: `COUNT` or `COUNT-RATE`."""
    name = request.body.get("model") or request.path.rpartition("/")[2].partition(":")[0]
    count, _, rate = name.partition("-")
    return Turn(
        text="token " * int(count),
        chunk=6,
        pace=1 / float(rate) if rate else 0,
        calls=(SUBMIT,),
    )


def provide(pipe: Connection) -> None:
    """Serve until the pipe is closed."""

    async def main() -> None:
        async with LoopbackProvider.serve(reply) as provider:
            pipe.send(provider.url)
            await anyio.to_thread.run_sync(_wait, pipe, abandon_on_cancel=True)

    anyio.run(main)


def _wait(pipe: Connection) -> None:
    try:
        pipe.recv()
    except EOFError:
        return


@contextmanager
def provider() -> Iterator[str]:
    """The address of a provider in a process of its own."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=provide, args=(there,))
    process.start()
    try:
        yield here.recv()
    finally:
        here.send("done")
        process.join()


async def read_library(url: str, name: str) -> None:
    """Read one answer with the library alone."""
    model = OpenAIChatModel(name, provider=OpenAICompatibleProvider("bench", base_url=f"{url}/v1"))
    asked = ModelRequest(parts=[UserPromptPart("Write.")])
    async with model_request_stream(model, [asked]) as stream:
        async for _ in stream:
            pass
    assert stream.get().tool_calls


WORKFLOW = "---\nname: bench\ndescription: One step each.\n---\n"
AGENT = "---\nname: writer\ndescription: Writes.\ntools: []\n---\nWrite.\n"


def write_team(root: Path, sessions: int) -> None:
    """A team of that many sessions that work at the same time."""
    team = (
        "---\nname: bench\ndescription: Writers.\nworkflow: bench\n"
        f"members: {{writer: writer}}\nmax_concurrency: {sessions}\n---\n"
    )
    steps = "".join(f"\n## write-{n}\nrole: writer\n\nWrite.\n" for n in range(sessions))
    for kind, name, text in (
        ("agents", "writer", AGENT),
        ("teams", "bench", team),
        ("workflows", "bench", WORKFLOW + steps),
    ):
        folder = root / ".crew" / kind
        folder.mkdir(parents=True)
        (folder / f"{name}.md").write_text(text)


async def run_crew(url: str, model: str, sessions: int = 1, kind: Kind = "openai-chat") -> None:
    """One run; its transcript and progress are written as ever."""
    with tempfile.TemporaryDirectory() as folder:
        write_team(Path(folder), sessions)
        await run_team(Path(folder), url, model, sessions, kind)


async def run_team(root: Path, url: str, model: str, sessions: int, kind: Kind) -> None:
    """Run the team of a folder."""
    root_url = f"{url}/v1" if kind.startswith("openai") else url
    config = Config(providers={"bench": ProviderConfig(kind=kind, base_url=root_url)})
    request = RunRequest(
        team="bench",
        workspace=root,
        home=root / ".crew",
        model=f"bench:{model}",
        config=config,
        limits=SpawnLimits(sessions=sessions),
    )
    async with start(request, environ={}) as run:
        outcome = await run.wait()
    assert outcome.status == "completed", outcome


async def cpu_a_chunk(read: Callable[[int], Awaitable[None]]) -> float:
    """Microseconds of CPU that one more chunk costs."""
    spent = []
    for chunks in (SHORT, LONG):
        began = time.process_time()
        await read(chunks)
        spent.append(time.process_time() - began)
    return (spent[1] - spent[0]) / (LONG - SHORT) * 1e6


async def measure_cpu(url: str) -> None:
    """Print both costs and their ratio."""

    async def library(chunks: int) -> None:
        await read_library(url, str(chunks))

    async def crew(chunks: int) -> None:
        await run_crew(url, str(chunks))

    await library(SHORT)
    await crew(SHORT)
    costs: dict[str, list[float]] = {"library": [], "crew": []}
    for number in range(ROUNDS):
        both = [("library", library), ("crew", crew)]
        for name, read in both if number % 2 else reversed(both):
            costs[name].append(await cpu_a_chunk(read))
    base, whole = (statistics.median(costs[name]) for name in ("library", "crew"))
    print(f"CPU a chunk: library {base:.0f} us, through crew {whole:.0f} us: {whole / base:.2f}x")


async def measure_lag(url: str, beside: Connection) -> None:
    """Print how late the event loop wakes while many sessions stream."""
    model = f"{RATE * SECONDS}-{RATE}"
    what = f"{STREAMS} streams at {RATE} chunks/s"

    async def library() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(STREAMS):
                tasks.start_soon(read_library, url, model)

    print(f"{what}, library alone, openai-chat: {await lag_of(library, beside)}")
    for kind in KINDS:
        await run_crew(url, "10", kind=kind)
        with tempfile.TemporaryDirectory() as folder:
            write_team(Path(folder), STREAMS)
            read = partial(run_team, Path(folder), url, model, STREAMS, kind)
            lag = await lag_of(read, beside)
        print(f"{what}, through crew, {kind}: {lag}")


async def main() -> None:
    """Run both."""
    with provider() as url, idle_loop() as beside:
        await measure_cpu(url)
        await measure_lag(url, beside)


if __name__ == "__main__":
    run(main)
