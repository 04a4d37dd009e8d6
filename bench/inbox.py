"""How soon a command of another process is accepted, and how soon its sender knows.

    python -m bench.inbox [COMMANDS]

A detached run with so many sessions at work, each streaming text all the time, is steered from
this process. The aim is acceptance within 250 ms for 99 of 100 commands.
"""

import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import anyio

from crew.commands import Cancel, Steer
from crew.events import CommandAccepted
from crew.service import StoredRun, open_run

AIM = 0.250
SESSIONS = (1, 20, 64)
_TALK = {"text": "and so it goes on " * 200, "chunk": 18, "pace": 0.02, "calls": [{"tool": "ls"}]}


def detached(root: Path, sessions: int) -> StoredRun:
    """Start the run in a process of its own."""
    steps = "".join(f"## s{number}\nrole: worker\n\nTalk.\n\n" for number in range(sessions))
    for kind, text in {
        "agents": "tools: [ls]\nmax_turns: 10000\n---\nTalk.",
        "workflows": f"---\n\n{steps}",
        "teams": f"workflow: talk\nmembers: {{worker: talk}}\nmax_concurrency: {sessions}\n---",
    }.items():
        folder = root / ".crew" / kind
        folder.mkdir(parents=True)
        folder.joinpath("talk.md").write_text(f"---\nname: talk\ndescription: T.\n{text}\n")
    script = root / "script.json"
    script.write_text(json.dumps({"agents": {"*": [_TALK] * 200}}))
    done = subprocess.run(
        [sys.executable, "-m", "crew", "run", "talk", "--detach", "-m", f"scripted:{script}"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    return open_run(root / ".crew", done.stdout.strip())


async def measure(run: StoredRun, commands: int) -> tuple[list[float], list[float]]:
    """Seconds from each command's stamp to its acceptance, and to its sender's receipt."""
    control = run.control
    known: list[float] = []
    for number in range(commands):
        began = time.perf_counter()
        text = f"{number}: go on"
        await control.send(Steer(id=uuid4().hex, session="s0", text=text, interrupt="wait"))
        known.append(time.perf_counter() - began)
        await anyio.sleep(0.013 * (number % 7))  # anywhere between two looks
    answers = [event for event in run.events() if isinstance(event, CommandAccepted)]
    accepted = [(event.at - event.command.at).total_seconds() for event in answers]
    await control.send(Cancel(id=uuid4().hex))
    return accepted, known


def shown(seconds: list[float]) -> str:
    """Median and 99th percentile, in ms."""
    last = sorted(seconds)[math.ceil(len(seconds) * 0.99) - 1]
    return f"{statistics.median(seconds) * 1000:8.0f} ms{last * 1000:8.0f} ms"


def main() -> None:
    commands = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print(f"{'sessions':>8}{'accepted: median':>19}{'p99':>11}{'known: median':>16}{'p99':>11}")
    for sessions in SESSIONS:
        with tempfile.TemporaryDirectory() as folder:
            run = detached(Path(folder), sessions)
            accepted, known = anyio.run(measure, run, commands)
            while open_run(run.folder.parent.parent, run.id).summary.live:
                time.sleep(0.1)
            last = sorted(accepted)[math.ceil(len(accepted) * 0.99) - 1]
            verdict = "ok" if last <= AIM else "TOO SLOW"
            print(f"{sessions:8}     {shown(accepted)}     {shown(known)}  {verdict}", flush=True)


if __name__ == "__main__":
    main()
