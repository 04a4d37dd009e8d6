"""What the observer costs: opening, following, keys under load, standing still.

    python -m bench.observer [--gigabyte]

Process CPU and waits in one run, 160 by 50 cells, without a terminal but with all that would be
written to one. A key's wait ends with the first picture in which it shows.
"""

import argparse
import contextlib
import os
import pty
import resource
import select
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import anyio
import anyio.lowlevel

from bench.observed import LoadFeed, key_wait, lines, open_session, opened, settled
from crew.events import RunPaused, SessionStatus
from crew.feed import Grew
from crew.progress import Progress
from crew.records import Status, Usage, utc_now
from crew.store.folder import RunFolder, create, new_run_id

SIZE = (160, 50)
TICK = 0.15
SECONDS = 6.0
WORDS = "the agent reads a file and runs the tests because the result was not what it expected "


def p95(values: list[float]) -> float:
    """The 95th percentile."""
    return sorted(values)[int(len(values) * 0.95)]


async def opening(folder: RunFolder, gigabyte: bool) -> None:
    """Opening transcripts of different lengths at their end."""
    took = {}
    for number in (1_000, 100_000):
        folder.transcript("work-0").write_bytes(lines(0, number))
        async with opened(folder) as (app, _, _):
            await open_session(app)
            app.open(None)
            await settled(app)
            took[number] = await open_session(app)
    print(f"open at the end, 1,000 entries      {took[1_000] * 1e3:8.1f} ms")
    print(f"open at the end, 100,000 entries    {took[100_000] * 1e3:8.1f} ms  (<= 50, <= 2x)")
    if gigabyte:
        block = lines(0, 30_000)
        with folder.transcript("work-0").open("wb") as file:
            while file.tell() < 1 << 30:
                file.write(block)
        async with opened(folder) as (app, pilot, _):
            before = _memory()
            took_one = await open_session(app)
            for key in ("g", "G", *["pageup"] * 20):
                await pilot.press(key)
                await settled(app)
            grown = _memory() - before
        print(f"open at the end, 1 GB               {took_one * 1e3:8.1f} ms  (<= 100)")
        print(f"  memory after jumps and pages      {grown:8.1f} MB  (<= 64)")


async def following(folder: RunFolder) -> None:
    """200 entries a second in ticks of 150 ms, at the end of 100,000."""
    path = folder.transcript("work-0")
    path.write_bytes(lines(0, 99_999))
    async with opened(folder) as (app, _, feed):
        await open_session(app)
        row, batch = 99_999, 30
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
        print(
            f"appended entry, following           {spent / (row - 99_999) * 1e3:8.2f} ms  (<= 0.6)"
        )
        print(f"picture while following             {spent / pictures * 1e3:8.2f} ms  (<= 6)")


async def keys_at_rest(folder: RunFolder) -> None:
    """Keys while nothing else happens, and an entry opened."""
    folder.transcript("work-0").write_bytes(lines(0, 100_000))
    async with opened(folder) as (app, pilot, _):
        await open_session(app)
        waits = await key_wait(app, pilot, "k", 60)
        print(f"j/k at rest, p95                    {p95(waits) * 1e3:8.1f} ms  (<= 15)")


async def load(folder: RunFolder, sessions: int, rate: float) -> None:
    """Every session tells of its progress, one transcript grows, keys are pressed."""
    path = folder.transcript("work-0")
    path.write_bytes(lines(0, 99_999))
    async with opened(folder, sessions) as (app, pilot, feed), anyio.create_task_group() as tasks:
        await open_session(app)
        made = [0.0]
        tasks.start_soon(_chatter, feed, path, sessions, rate, made)
        await anyio.sleep(1)
        cpu, began, before = time.process_time(), time.perf_counter(), made[0]
        await anyio.sleep(SECONDS)
        spent = time.process_time() - cpu - (made[0] - before)
        share = spent / (time.perf_counter() - began) * 100
        waits = await key_wait(app, pilot, "k", 40)
        tasks.cancel_scope.cancel()
    print(f"observer, {sessions:,} sessions at {rate} Hz  {share:8.1f} %   (<= 15)")
    print(f"any key under that load, p95        {p95(waits) * 1e3:8.1f} ms  (<= 50)")


async def _chatter(
    feed: LoadFeed, path: Path, sessions: int, rate: float, made: list[float]
) -> None:
    started, row = utc_now(), 99_999
    usage = Usage(input_tokens=1_000)
    for turn in count(1):
        begun = time.process_time()
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
                    updated=started,
                    finished=False,
                )
            )
        with path.open("ab") as file:
            file.write(lines(row, 30))
        row += 30
        feed.tell.send_nowait(Grew(session="work-0"))
        made[0] += time.process_time() - begun
        await anyio.sleep(1 / rate)


async def standing_still(folder: RunFolder) -> None:
    """A run that is fully paused costs nothing."""
    async with opened(folder) as (app, _, feed):
        feed.tell.send_nowait(RunPaused(seq=900, at=utc_now()))
        feed.tell.send_nowait(
            SessionStatus(seq=901, session="work-0", status=Status.PAUSED, reason="paused")
        )
        await settled(app)
        await anyio.sleep(1)
        cpu, pictures = time.process_time(), app.pictures
        await anyio.sleep(SECONDS)
        share = (time.process_time() - cpu) / SECONDS * 100
        print(
            f"paused run                          {share:8.2f} %   (<= 0.5), "
            f"{app.pictures - pictures} pictures"
        )


def first_picture(folder: Path) -> float:
    """Seconds from the shell to the first picture of `crew run` on a terminal."""
    script = folder / "script.json"
    script.write_text('{"agents": {"*": [{"text": "hello", "delay": 60}]}}')
    work = folder / "work"
    work.mkdir(exist_ok=True)
    main, other = pty.openpty()
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "crew", "run", "review", "--model", f"scripted:{script}"],
        cwd=work,
        stdin=other,
        stdout=other,
        stderr=other,
        start_new_session=True,
        env={
            **os.environ,
            "CREW_HOME": str(folder / "home"),
            "TERM": "xterm-256color",
            "PYTHONPATH": str(Path(__file__).parents[1]),
        },
    )
    seen = b""
    while b"what happened" not in seen and time.perf_counter() - began < 20:
        if select.select([main], [], [], 0.2)[0]:
            seen += os.read(main, 1 << 16)
    took = time.perf_counter() - began
    process.terminate()
    with contextlib.suppress(OSError):
        while select.select([main], [], [], 4)[0] and os.read(main, 1 << 16):
            pass
    process.kill()
    process.wait()
    return took


def _memory() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


async def measure(home: Path, *, gigabyte: bool) -> None:
    """All figures, one after another."""
    folder = create(home, new_run_id("bench", datetime(2026, 1, 1, tzinfo=UTC), "ab12"))
    await opening(folder, gigabyte)
    await following(folder)
    await keys_at_rest(folder)
    await load(folder, 1_000, 6.7)
    await standing_still(folder)


def main() -> None:
    """Print every figure with what it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--gigabyte", action="store_true", help="also open a transcript of 1 GB")
    with tempfile.TemporaryDirectory(prefix="crew-bench-") as home:
        starts = [first_picture(Path(home)) for _ in range(3)]
        first = statistics.median(starts) * 1e3
        print(f"first picture from the shell        {first:8.0f} ms  (<= 1,000)")
        anyio.run(lambda: measure(Path(home) / "runs", gigabyte=parser.parse_args().gigabyte))


if __name__ == "__main__":
    main()
