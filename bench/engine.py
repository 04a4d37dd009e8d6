"""What crew costs on top of the work: CPU of a run against a bare loop that does the same.

    python -m bench.engine

The bare loop asks the same model, calls the same tool and appends the same number of JSON lines
with the same bytes to the same number of files. CPU is process time, threads included; each
round measures both, in changing order, and the lower quartiles are compared: what else the
machine does only ever adds.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from io import FileIO
from pathlib import Path
from typing import Any

import anyio

from bench.workload import Instant, LookUp, Workload
from crew.models.protocol import ModelRequest, ToolCallDelta
from crew.tools.protocol import ToolContext
from crew.tools.workspace import Workspace

ROUNDS = 41
Lines = Sequence[dict[str, Any]]


async def run_crew(load: Workload, model: Instant | None = None) -> Path:
    """One whole run; returns its folder."""
    async with load.start(model) as run:
        outcome = await run.wait()
    assert outcome.status == "completed", outcome
    return run.folder


def written(folder: Path) -> tuple[Lines, Mapping[str, Lines]]:
    """What a run appended: the journal's lines, and each session's."""

    def lines(path: Path) -> Lines:
        return [json.loads(line) for line in path.read_bytes().splitlines()]

    sessions = {path.stem: lines(path) for path in sorted((folder / "sessions").glob("*.jsonl"))}
    return lines(folder / "events.jsonl"), sessions


class BareLoop:
    """The same calls and the same lines, by a loop without an engine."""

    def __init__(self, load: Workload, journal: Lines, sessions: Mapping[str, Lines]) -> None:
        self._load = load
        self._journal = journal
        self._sessions = sessions
        self._model = Instant(load.turns)
        self._tool = LookUp()
        self._workspace = Workspace(load.root)

    async def run(self) -> None:
        """Run it to its end."""
        with ExitStack() as files, tempfile.TemporaryDirectory(dir=self._load.root) as folder:
            events = files.enter_context(_log(folder, "events"))
            async with anyio.create_task_group() as tasks:
                for number, (session, lines) in enumerate(self._sessions.items()):
                    log = files.enter_context(_log(folder, session))
                    share = _part(self._journal, number, len(self._sessions))
                    tasks.start_soon(self._work, session, (log, lines), (events, share))

    async def _work(self, session: str, *appended: tuple[FileIO, Lines]) -> None:
        for turn in range(self._load.turns):
            await self._turn(session)
            for log, lines in appended:
                _append(log, _part(lines, turn, self._load.turns))

    async def _turn(self, session: str) -> None:
        request = ModelRequest(system="", messages=(), tools=(), agent="worker", session=session)
        async with self._model.stream(request) as deltas:
            async for delta in deltas:
                if isinstance(delta, ToolCallDelta):
                    call, args = delta, json.loads(delta.args)
        if call.tool == self._tool.name:
            context = ToolContext(
                workspace=self._workspace,
                session=session,
                call_id=call.call_id,
                artifacts=_NO_ARTIFACTS,
            )
            await self._tool.run(self._tool.parse(args), context)


_NO_ARTIFACTS: Any = None


def _log(folder: str, name: str) -> FileIO:
    return Path(folder, f"{name}.jsonl").open("ab", buffering=0)


def _part(lines: Lines, index: int, parts: int) -> Lines:
    return lines[len(lines) * index // parts : len(lines) * (index + 1) // parts]


def _append(log: FileIO, lines: Lines) -> None:
    for line in lines:
        log.write(json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")


def cpu(work: Callable[[], Awaitable[object]]) -> float:
    """Seconds of CPU that it takes in an event loop of its own."""

    async def measured() -> float:
        began = time.process_time()
        await work()
        return time.process_time() - began

    return anyio.run(measured)


def fan_out(root: Path, workers: int, turns: int) -> tuple[float, float]:
    """CPU seconds of crew and of the bare loop."""
    load = Workload(root=root, workers=workers, turns=turns)
    load.write()
    folder = anyio.run(run_crew, load)
    journal, sessions = written(folder)
    with_crew, bare = [], []

    def crew_round() -> None:
        with_crew.append(cpu(lambda: run_crew(load)))

    def bare_round() -> None:
        bare.append(cpu(BareLoop(load, journal, sessions).run))

    bare_round()
    bare.clear()
    for number in range(ROUNDS):
        for measure in (crew_round, bare_round)[:: -1 if number % 2 else 1]:
            measure()
    return _typical(with_crew), _typical(bare)


def turn_in_session(root: Path, turns: int) -> float:
    """CPU seconds from one model request to the next, run-up left out."""
    load = Workload(root=root, workers=1, turns=turns)
    load.write()
    means = []
    for _ in range(ROUNDS):
        model = Instant(turns)
        anyio.run(run_crew, load, model)
        first, *_, last = model.asked_at
        means.append((last - first) / (turns - 1))
    return _typical(means)


def _typical(measured: Sequence[float]) -> float:
    """Their lower quartile."""
    return statistics.quantiles(measured, n=4)[0]


def print_fan_out(folder: str) -> None:
    shapes = ((10, 5), (10, 20))
    measured = [fan_out(Path(folder, f"{w}x{t}"), workers=w, turns=t) for w, t in shapes]
    print(f"{'':26}{'crew':>12}{'bare loop':>12}{'ratio':>8}")
    for (workers, turns), (crew, bare) in zip(shapes, measured, strict=True):
        _row(f"{workers} workers x {turns} turns", crew, bare, workers * turns)
    (few, few_bare), (many, many_bare) = measured
    _row("one more turn", many - few, many_bare - few_bare, 10 * 20 - 10 * 5)


def _row(name: str, crew: float, bare: float, turns: int) -> None:
    each = 1e6 / turns
    print(f"{name:26}{crew * each:9.0f} µs{bare * each:9.0f} µs{crew / bare:7.1f}x")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        print_fan_out(folder)
        short, long = (turn_in_session(Path(folder, f"1x{n}"), n) for n in (5, 200))
        print(f"\na turn, in a session of 5 {short * 1e6:9.0f} µs")
        print(f"a turn, in one of 200     {long * 1e6:9.0f} µs{long / short:19.2f}x")


if __name__ == "__main__":
    main()
