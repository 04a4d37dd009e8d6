"""How soon a large interrupted run goes on: crew's own CPU, its imports apart.

    python -m bench.resume

The run has 1,000 finished tasks, one that was at work, and 10,000 events. Each round takes a copy
of it up in a process of its own. A second figure is what an event costs that waits for no disk.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import anyio

from bench.workload import Instant, LookUp, Workload
from crew.events import Notice, SessionStatus
from crew.progress import Progress
from crew.records import Status, utc_now
from crew.service import ResumeRequest, SpawnLimits, default_library, resume
from crew.store.folder import RunFolder, create
from crew.store.journal import Journal
from crew.store.redact import Redactor

TASKS = 1_000
EVENTS = 10_000
LAST = f"work_{TASKS + 1}"
AIM = 0.5
APPEND_AIM = 25e-6
APPENDED = 20_000


async def make(root: Path) -> RunFolder:
    """Leave a run as its process would have if it was lost at the last task."""
    load = Workload(root=root, workers=TASKS + 1, turns=1)
    load.write()
    async with load.start(Instant(1, together=TASKS + 1)) as run:
        await run.wait()
    folder = RunFolder(root / ".crew", run.id)
    events = [json.loads(line) for line in folder.journal.read_bytes().splitlines()]
    kept = [event for event in events if not _of_the_end(event)]
    notice = json.loads(Notice(text="A word on what happens.").model_dump_json())
    missing = EVENTS - len(kept)
    kept += [{**notice, "run": run.id, "at": kept[-1]["at"]} for _ in range(missing)]
    lines = [json.dumps(event | {"seq": seq}) for seq, event in enumerate(kept, start=1)]
    folder.journal.write_text("\n".join(lines) + "\n")
    transcript = folder.transcript(LAST)
    transcript.write_bytes(b"".join(transcript.read_bytes().splitlines(keepends=True)[:2]))
    manifest = json.loads(folder.manifest.read_bytes())
    folder.manifest.write_text(json.dumps(manifest | {"status": "running", "result": None}))
    folder.lock.unlink(missing_ok=True)
    return folder


def _of_the_end(event: dict[str, Any]) -> bool:
    """Whether it would not have happened yet."""
    ends = {"task.ended", "session.ended", "result.submitted"}
    mine = event["session"] == LAST or event["task"] in (LAST, "work")
    return event["kind"] == "run.ended" or (event["kind"] in ends and mine)


async def take_up(root: Path, run: str) -> tuple[float, float]:
    """CPU seconds to the first new event, and to the session's going on."""
    tools = {"look_up": LookUp()}
    request = ResumeRequest(
        run=run,
        workspace=root,
        home=root / ".crew",
        limits=SpawnLimits(sessions=TASKS + 1),
        tools=tools,
        clients={"instant": Instant(1)},
    )
    began = time.process_time()
    first = 0.0
    library = default_library(root, {}, tools=tools)
    async with resume(request, library=library, environ={}) as live:
        first = time.process_time() - began
        async with live.feed.subscribe(after=EVENTS) as items:
            async for item in items:
                if isinstance(item, Progress):
                    continue
                if isinstance(item, SessionStatus):
                    return first, time.process_time() - began
    raise AssertionError("it went on")


def round_of(root: Path, run: str) -> tuple[float, float]:
    """One round, in a process of its own, on a copy."""
    copy = root.with_name("copy")
    shutil.copytree(root, copy)
    manifest = RunFolder(copy / ".crew", run).manifest
    said = json.loads(manifest.read_bytes())
    manifest.write_text(json.dumps(said | {"workspace": str(copy)}))
    told = subprocess.run(
        [sys.executable, "-m", "bench.resume", "--take-up", str(copy), run],
        check=True,
        capture_output=True,
    )
    shutil.rmtree(copy)
    first, on = json.loads(told.stdout)
    return first, on


def append(root: Path) -> float:
    """Median CPU seconds of an event in the journal."""
    folder = create(root / "appended", "run")
    journal = Journal(folder, run="run", epoch=1, now=utc_now, redact=Redactor())
    event = SessionStatus(session="code-review", task="code-review", status=Status.RUNNING)
    taken = []
    for _ in range(10):
        began = time.process_time()
        for _ in range(APPENDED // 10):
            journal.append(event)
        taken.append((time.process_time() - began) / (APPENDED // 10))
    journal.close()
    return statistics.median(taken)


def main() -> None:
    """Print what it takes, against the aims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--take-up", nargs=2, metavar=("ROOT", "RUN"), help="for itself")
    args = parser.parse_args()
    if args.take_up:
        print(json.dumps(anyio.run(take_up, Path(args.take_up[0]), args.take_up[1])))
        return
    with tempfile.TemporaryDirectory() as place:
        root = Path(place, "root")
        root.mkdir()
        folder = anyio.run(make, root)
        rounds = [round_of(root, folder.id) for _ in range(args.rounds)]
        first, on = (statistics.median(times) for times in zip(*rounds, strict=True))
        each = append(Path(place))
    print(f"{TASKS:,} finished tasks, {EVENTS:,} events")
    _row("to the first new event", f"{first:.2f} s", first / AIM)
    _row("to the session's going on", f"{on:.2f} s", on / AIM)
    _row("an event, buffered", f"{each * 1e6:.0f} µs", each / APPEND_AIM)


def _row(name: str, taken: str, share: float) -> None:
    print(f"{name:26}{taken:>9}{share:7.2f} of the aim  {'ok' if share <= 1 else 'TOO SLOW'}")


if __name__ == "__main__":
    main()
