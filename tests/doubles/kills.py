"""Real runs whose process is killed at any instant, and taken up again until they end."""

import json
import os
import random
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crew.events import Event, RunContinued, SessionStarted
from crew.store import journal
from crew.store.folder import RunFolder, runs
from tests.doubles import definitions
from tests.doubles.programs import Program, program, submit
from tests.doubles.waiting import until
from tests.simulation.invariants import Transcripts, broken, rewritten, transcripts

LONGEST = 2.5
"""Seconds of its life in which a process is killed."""

_DONE = {"summary": "done", "findings": []}
_STEPS = ("one", "two", "three")
_PATIENCE = 120


@dataclass(slots=True)
class Killed:
    """What came of one run.

    Attributes:
        kills: How often its process was killed.
        early: Kills that came before the run's folder was there.
        attempts: Processes that took the run up.
        sessions: How many it had.
        repeated: Acts that were done more than once.
        broken: Everything that is wrong with what it left.
    """

    kills: int = 0
    early: int = 0
    attempts: int = 1
    sessions: int = 0
    repeated: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def kill_and_resume(folder: Path, chance: random.Random, kills: int) -> Killed:
    """Start a run, kill its process so often, let it come to its end, and look at it."""
    crew, result = program(folder), Killed()
    _define(crew.folder / "work")
    model = crew.model({"agents": dict(_turns())})
    home = crew.folder / "home"
    started = ["run", "kills", "--plain", "--allow", "execute", "--model", model]
    while result.kills + result.early < kills:
        before = _state(home)
        over = _lives_until_killed(crew, _command(home) or started, chance)
        if over:
            break
        after = _state(home)
        result.kills += after is not None
        result.early += after is None
        if before is not None and after is not None:
            result.broken += rewritten(
                before.events, after.events, before.lines, after.lines, lost=False
            )
    done = crew.run(*(_command(home) or started))
    again = crew.run(*_command(home)) if _command(home) else done
    _judge(home, result, folder / "work" / "done.txt", done, again)
    return result


def _judge(
    home: Path,
    result: Killed,
    acts: Path,
    done: subprocess.CompletedProcess[str],
    again: subprocess.CompletedProcess[str],
) -> None:
    run = runs(home)[0]
    events = list(journal.read(run))
    result.broken += broken(run)
    result.sessions = sum(isinstance(event, SessionStarted) for event in events)
    result.attempts = 1 + sum(isinstance(event, RunContinued) for event in events)
    counted = Counter(acts.read_text().split()) if acts.exists() else Counter[str]()
    result.repeated = [key for key, times in counted.items() if times > 1]
    if done.returncode not in (0, 2):
        result.broken.append(f"it left with {done.returncode}: {done.stderr[-300:]}")
    if again.returncode == 0 and result.attempts > 1 and again is not done:
        result.broken.append("a run that had ended was taken up once more")


def _command(home: Path) -> list[str]:
    """What takes the run up; nothing where there is no run yet."""
    known = runs(home)
    if not known or not known[0].manifest.exists():
        return []
    return ["resume", known[0].id, "--plain", "--allow", "execute"]


@dataclass(frozen=True, slots=True)
class _State:
    events: Sequence[Event]
    lines: Transcripts


def _state(home: Path) -> _State | None:
    known = runs(home)
    if not known or not known[0].manifest.exists():
        return None
    return _State(list(journal.read(known[0])), transcripts(known[0]))


def _lives_until_killed(crew: Program, args: Sequence[str], chance: random.Random) -> bool:
    """Whether the process came to its end before it could be killed."""
    with crew.start(
        args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        _wait_for_work(crew.folder / "home", process)
        try:
            process.wait(chance.random() * LONGEST)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait(_PATIENCE)
            return False
    return True


def _wait_for_work(home: Path, process: "subprocess.Popen[str]") -> None:
    """Wait until the process holds its run: most of what is before that is Python's own start."""
    until(
        lambda: process.poll() is not None or any(_holds(run, process.pid) for run in runs(home)),
        seconds=_PATIENCE,
    )


def _holds(run: RunFolder, pid: int) -> bool:
    try:
        return bool(json.loads(run.lock.read_bytes())["pid"] == pid)
    except (OSError, ValueError):
        return False


def _define(work: Path) -> None:
    tools = "tools: [read, shell]"
    steps = [
        definitions.step(name, "needs: [one, two]" if name == "three" else "", role="worker")
        for name in _STEPS
    ]
    texts = {
        "agents/worker": definitions.agent(f"{tools}\nspawns: [helper]", name="worker"),
        "agents/helper": definitions.agent(tools, name="helper"),
        "teams/kills": definitions.team(
            "members: {worker: worker}", name="kills", workflow="kills"
        ),
        "workflows/kills": definitions.workflow(*steps, name="kills"),
    }
    for name, text in texts.items():
        path = work / ".crew" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _turns() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """What each session says, by its id: acts that leave a line each, and children."""
    for step in _STEPS:
        spawn = {"tool": "spawn_agent", "args": {"agent": "helper", "prompt": "help"}}
        yield (
            step,
            [
                {"text": "I begin. " * 8, "chunk": 8, "pace": 0.01, "calls": [_act(step, 1)]},
                {"calls": [spawn, spawn]},
                {"calls": [_act(step, 2), _act(step, 3)], "delay": 0.1},
                submit(_DONE),
            ],
        )
        for number in range(1, 9):  # a child that was lost before it was told of has a new number
            child = f"{step}.helper-{number}"
            yield (
                child,
                [
                    {"text": "Here. " * 5, "chunk": 6, "pace": 0.02, "calls": [_act(child, 1)]},
                    {"calls": [_act(child, 2)], "delay": 0.05},
                    submit(_DONE),
                ],
            )


def _act(session: str, number: int) -> dict[str, Any]:
    line = f"sleep 0.05; echo {session}#{number} >> done.txt; sleep 0.05"
    return {"tool": "shell", "args": {"command": line}}
