"""What the observer costs: its start, opening, following, keys, standing still.

    python -m bench.observer [--gigabyte] [--rounds N]

Waits and process CPU, 160 by 50 cells. The first picture and the runs that stand still are those of
the program as it is shipped, on a terminal of its own; all else is measured in this process,
without a terminal but with all that would be written to one. A key's wait ends with the first
picture in which it shows. Of several rounds the median counts.

What it takes next to an engine at work, `python -m bench.crowd` measures.
"""

import argparse
import json
import resource
import tempfile
import time
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

import anyio
import anyio.lowlevel

from bench.figures import tell, tell_waits
from bench.observed import (
    SIZE,
    LoadFeed,
    Measured,
    key_wait,
    lines,
    open_session,
    opened,
    picture_after,
    picture_of,
    press,
    settled,
)
from bench.terminal import crew, environ, on_terminal
from crew.entries import TextEntry
from crew.feed import Grew
from crew.progress import Progress
from crew.records import Status, Usage, utc_now
from crew.store.folder import RunFolder, create, new_run_id

TICK = 0.15
SECONDS = 6.0
STILL = 20.0
SMALL, LARGE = 1_000, 100_000
MARKDOWN = ("## A heading\n\n" + "Some *words* and `code` of it.\n\n- one\n- two\n\n") * 22
"""1.3 kB."""
NEVER = {"agents": {"*": [{"text": "hello", "delay": 3600}]}}


def _memory() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


# Transcripts.


async def opening(folder: RunFolder, rounds: int) -> None:
    """Opening transcripts of different lengths at their end."""
    took: dict[int, float] = {}
    for number in (SMALL, LARGE):
        folder.transcript("work-0").write_bytes(lines(0, number))
        async with opened(folder) as (app, _, _):
            await open_session(app)
            waits = []
            for _ in range(rounds):
                app.open(None)
                await settled(app)
                waits.append(await open_session(app))
            took[number] = median(waits)
    tell(f"open at the end, {SMALL:,} entries", took[SMALL] * 1e3, "ms")
    tell(f"open at the end, {LARGE:,} entries", took[LARGE] * 1e3, "ms", 50)
    tell(f"  against {SMALL:,} entries", took[LARGE] / took[SMALL], "x", 2)


async def opening_gigabyte(folder: RunFolder) -> None:
    """Opening a transcript of a gigabyte, and what it leaves in memory after some moving about."""
    block = lines(0, 30_000)
    with folder.transcript("work-0").open("wb") as file:
        while file.tell() < 1 << 30:
            file.write(block)
    async with opened(folder) as (app, pilot, _):
        before = _memory()
        took = await open_session(app)
        for key in ("g", "G", *["pageup"] * 20):
            await pilot.press(key)
            await settled(app)
        grown = _memory() - before
    folder.transcript("work-0").unlink()
    tell("open at the end, 1 GB", took * 1e3, "ms", 100)
    tell("  memory after jumps and pages", grown, "MB", 64)


async def following(folder: RunFolder) -> None:
    """200 entries a second in ticks of 150 ms, at the end of 100,000."""
    path = folder.transcript("work-0")
    path.write_bytes(lines(0, LARGE - 1))
    async with opened(folder) as (app, _, feed):
        await open_session(app)
        row, batch = LARGE - 1, 30
        pictures, cpu, began = app.pictures, time.process_time(), time.perf_counter()
        written = 0.0
        while time.perf_counter() - began < SECONDS:
            start = time.process_time()
            with path.open("ab") as file:
                file.write(lines(row, batch))
            row += batch
            written += time.process_time() - start
            feed.tell.send_nowait(Grew(session="work-0"))
            await anyio.sleep(TICK)
        spent = time.process_time() - cpu - written
        pictures = app.pictures - pictures
    tell("appended entry, following, CPU", spent / (row - LARGE + 1) * 1e3, "ms", 0.6)
    tell("picture while following, CPU", spent / pictures * 1e3, "ms", 6)


async def at_rest(folder: RunFolder, rounds: int) -> None:
    """Keys, entries opened and a resize, while nothing else happens."""
    folder.transcript("work-0").write_bytes(
        lines(0, LARGE - 1) + TextEntry(id=LARGE, text=MARKDOWN).model_dump_json().encode() + b"\n"
    )
    async with opened(folder) as (app, pilot, _):
        await open_session(app)
        await anyio.sleep(1)  # nobody is faster
        await settled(app)
        expands = [await _expanded(app) for _ in range(rounds + 1)]
        tell(f"expand {len(MARKDOWN) / 1e3:.1f} kB, the first time", expands[0] * 1e3, "ms", 30)
        tell("  again", median(expands[1:]) * 1e3, "ms", 30)
        tell_waits("j/k at rest", await key_wait(app, "kj", 60), 15)
        sizes = [(120, 40), SIZE] * rounds
        resizes = [await picture_after(app, partial(pilot.resize_terminal, *s)) for s in sizes]
        tell("resize", median(resizes) * 1e3, "ms", 150)


async def _expanded(app: Measured) -> float:
    """Open the last entry and close it again; until the first picture in which it is open."""
    opens, _ = [await picture_of(app, partial(press, app, "enter")) for _ in range(2)]
    return opens


# Load.


async def load(folder: RunFolder, sessions: int, rate: float, *, inside: bool) -> None:
    """Every session tells of its progress, one transcript grows, keys are pressed."""
    path = folder.transcript("work-0")
    path.write_bytes(lines(0, LARGE - 1))
    where = "a session" if inside else "the run"
    async with opened(folder, sessions) as (app, _, feed), anyio.create_task_group() as tasks:
        if inside:
            await open_session(app)
        made = [0.0]
        tasks.start_soon(_chatter, feed, path, sessions, rate, made)
        await anyio.sleep(1)
        cpu, began, before = time.process_time(), time.perf_counter(), made[0]
        await anyio.sleep(SECONDS)
        spent = time.process_time() - cpu - (made[0] - before)
        share = spent / (time.perf_counter() - began) * 100
        waits = await key_wait(app, "kj" if inside else "jk", 40)
        tasks.cancel_scope.cancel()
    tell(f"{sessions:,} sessions at {rate} Hz, {where} on screen, CPU", share, "%", 15)
    tell_waits("  any key under that load", waits, 50)


async def _chatter(
    feed: LoadFeed, path: Path, sessions: int, rate: float, made: list[float]
) -> None:
    started, row = utc_now(), LARGE - 1
    usage = Usage(input_tokens=1_000)
    for turn in count(1):
        begun, updated = time.process_time(), utc_now()
        for n in range(sessions):
            feed.tell.send_nowait(
                Progress.model_construct(
                    session=f"work-{n}",
                    status=Status.RUNNING,
                    turn=turn % 90,
                    max_turns=99,
                    tool="read",
                    preview=f"file-{turn}.py",
                    tools=turn,
                    usage=usage,
                    context_tokens=10,
                    lines=(),
                    started=started,
                    updated=updated,
                    finished=False,
                )
            )
        with path.open("ab") as file:
            file.write(lines(row, 30))
        row += 30
        feed.tell.send_nowait(Grew(session="work-0"))
        made[0] += time.process_time() - begun
        await anyio.sleep(1 / rate)


# The program as it is shipped.


def first_picture(root: Path, rounds: int) -> None:
    """From the shell to the first picture of `crew run`, and what was imported for it."""
    script = root / "never.json"
    script.write_text(json.dumps(NEVER))
    waits = []
    for _ in range(rounds):
        began = time.perf_counter()
        with on_terminal(root, "run", "review", "--model", f"scripted:{script}") as terminal:
            waits.append(terminal.wait_for("what happened") - began)
    tell("first picture from the shell", median(waits) * 1e3, "ms", 1000)
    model = ("run", "review", "--model", "openai:gpt-5")
    asked = {"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": "http://127.0.0.1:9"}
    told = {**environ(root), **asked, "PYTHONPROFILEIMPORTTIME": "1"}
    with on_terminal(root, *model, env=told) as terminal:
        terminal.wait_for("| pydantic_ai.models.openai")
        early = "what happened" not in terminal.text.partition("pydantic_ai")[0]
    tell("  providers imported before it", int(early), "", 0)


def standing_still(root: Path) -> None:
    """What a run that is fully paused costs, and one that is over."""
    script = root / "talk.json"
    turns = [{"text": "words " * 200, "chunk": 6, "pace": 0.05, "calls": [{"tool": "ls"}]}] * 20
    script.write_text(json.dumps({"agents": {"*": turns}}))
    with on_terminal(root, "run", "review", "--model", f"scripted:{script}") as run:
        run.wait_for("what happened")
        time.sleep(1)
        run.press(b"P")
        run.wait_for("paused: nothing runs")
        time.sleep(4)
        tell(f"crew run, fully paused, CPU in {STILL:.0f} s", run.cpu(STILL), "%", 0.5)
        with on_terminal(root, "watch") as watch:
            watch.wait_for("paused: nothing runs")
            time.sleep(4)
            tell("crew watch, fully paused, CPU", watch.cpu(STILL), "%", 0.5)
        crew(root, "cancel", "latest")
    with on_terminal(root, "watch") as watch:
        watch.wait_for("what happened")
        time.sleep(4)
        tell("crew watch, run is over, CPU", watch.cpu(STILL), "%", 0.5)


async def measure(home: Path, *, gigabyte: bool, rounds: int) -> None:
    """All figures of this process, one after another."""
    folder = create(home, new_run_id("bench", datetime(2026, 1, 1, tzinfo=UTC), "ab12"))
    await opening(folder, rounds)
    if gigabyte:
        await opening_gigabyte(folder)
    await following(folder)
    await at_rest(folder, rounds)
    await load(folder, 1_000, 6.7, inside=True)
    await load(folder, 1_000, 6.7, inside=False)


def main() -> None:
    """Print every figure with what it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--gigabyte", action="store_true", help="also open a transcript of 1 GB")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crew-bench-") as home:
        root = Path(home)
        first_picture(root, args.rounds)
        anyio.run(partial(measure, root / "runs", gigabyte=args.gigabyte, rounds=args.rounds))
        standing_still(root)


if __name__ == "__main__":
    main()
