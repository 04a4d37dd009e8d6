"""Three shells and two observers at one run: every command answered once, all see the same."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from crew.store.folder import RunFolder
from crew.store.lock import holder
from tests.doubles.programs import submit
from tests.e2e.installed import SECONDS, Installed

SHELLS, EACH = 3, 9

SHELL = """
import json, sys
from pathlib import Path
import anyio
from crew.commands import Pause, Resume, Steer
from crew.errors import CommandError
from crew.service import open_run

home, run, name, count = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])

async def main():
    control = open_run(home, run).control
    for number in range(count):
        made = {"id": f"{name}-{number}", "by": name}
        command = (
            Pause(session="work", **made),
            Steer(session="work", text=f"{name} says {number}", **made),
            Resume(session="work", **made),
        )[number % 3]
        try:
            print(json.dumps([command.id, (await control.send(command)).seq]), flush=True)
        except CommandError as error:
            print(json.dumps([command.id, None]), flush=True)

anyio.run(main)
"""


def _detached(crew: Installed) -> RunFolder:
    looks = [{"text": "Looking.", "delay": 0.2, "calls": [{"tool": "ls", "args": {}}]}]
    script = crew.home / "script.json"
    script.write_text(json.dumps({"agents": {"*": [*looks * 60, submit({"summary": "Done."})]}}))
    for kind, text in {
        "agents": "tools: [ls]\nmax_turns: 100\n---\nWork.",
        "workflows": "---\n\n## work\nrole: worker\n\nWork.",
        "teams": "workflow: work\nmembers: {worker: work}\n---",
    }.items():
        folder = Path(crew.cwd, ".crew", kind)
        folder.mkdir(parents=True)
        folder.joinpath("work.md").write_text(f"---\nname: work\ndescription: W.\n{text}\n")
    done = crew.run("run", "work", "--detach", "-m", f"scripted:{script}")
    assert done.code == 0, done.err
    return RunFolder(crew.cwd / ".crew", done.out.strip())


def _started(crew: Installed, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=crew.cwd,
        env=crew.environ(PYTHONPATH=str(Path(__file__).parents[2])),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _said(process: subprocess.Popen[str]) -> list[Any]:
    out, err = process.communicate(timeout=2 * SECONDS)
    assert (process.returncode, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


def test_three_shells_and_two_observers_at_one_run(crew: Installed) -> None:
    folder = _detached(crew)
    observers = [_started(crew, *crew.command, "logs", "-f", "--json") for _ in range(2)]
    shells = [
        _started(crew, sys.executable, "-c", SHELL, str(folder.home), folder.id, name, str(EACH))
        for name in ("ann", "bob", "eve")[:SHELLS]
    ]
    told = [_said(shell) for shell in shells]
    assert (held := holder(folder)) is not None
    assert held.live, "the run ended before everybody had spoken"
    crew.run("resume", f"{folder.id}/work")  # whoever paused last
    assert crew.run("wait", "--timeout", str(SECONDS)).code == 0

    events = [json.loads(line) for line in folder.journal.read_text().splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    for observer in observers:
        assert [line for line in _said(observer) if line["kind"] != "progress"] == events

    answers = [event for event in events if event["kind"].startswith("command.")]
    by_id = Counter(answer["command"]["id"] for answer in answers)
    assert {by_id[command] for shell in told for command, _ in shell} == {1}
    taken = {
        answer["command"]["id"]: answer["seq"]
        for answer in answers
        if answer["kind"] == "command.accepted"
    }
    for shell in told:
        receipts = [(command, seq) for command, seq in shell if seq is not None]
        assert [(command, taken[command]) for command, _ in receipts] == receipts
        assert [seq for _, seq in receipts] == sorted(seq for _, seq in receipts)
        assert {command for command, seq in shell if seq is None}.isdisjoint(taken)

    steers = [
        answer["command"]["id"]
        for answer in answers
        if answer["command"]["kind"] == "steer" and answer["command"]["id"] in taken
    ]
    delivered = [event["command"] for event in events if event["kind"] == "steer.delivered"]
    assert len(steers) == SHELLS * EACH // 3
    assert delivered == steers, "in the order in which they were accepted"
    assert crew.run("doctor", folder.id).code == 0
