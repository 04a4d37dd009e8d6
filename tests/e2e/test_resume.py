"""`crew resume` takes up a run whose process was killed; `crew retry` runs tasks again."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from crew.store.folder import RunFolder
from crew.store.lock import holder
from tests.doubles.programs import review_script
from tests.doubles.repository import Repository
from tests.doubles.waiting import until
from tests.e2e.installed import Installed

SLOW = [{"text": "hm", "delay": 600}]


@pytest.fixture(autouse=True)
def something_to_find(repository: Repository) -> None:
    """A change to review."""
    repository.write("ledger.py", "import os\n")


def _model(crew: Installed, **agents: Any) -> str:
    script = crew.home / "script.json"
    script.write_text(json.dumps(review_script(**agents)))
    return f"scripted:{script}"


@pytest.fixture
def begun(crew: Installed) -> RunFolder:
    """A run that goes on in a process of its own, its explorer done and its reviewer at work."""
    done = crew.run("run", "review", "--detach", "--model", _model(crew, reviewer=SLOW))
    assert done.code == 0, done.err
    folder = RunFolder(crew.cwd / ".crew", done.out.strip())
    until(lambda: b'"code-review"' in folder.journal.read_bytes())
    return folder


def _kill(folder: RunFolder) -> None:
    held = holder(folder)
    assert held is not None
    os.kill(held.pid, signal.SIGKILL)
    until(lambda: not _live(folder))


def _live(folder: RunFolder) -> bool:
    held = holder(folder)
    return held is not None and held.live


def test_a_run_whose_process_was_killed_goes_on_and_ends(crew: Installed, begun: RunFolder) -> None:
    _kill(begun)
    assert json.loads(crew.run("ps", "--json").out)[0]["status"] == "interrupted"
    shown = crew.run("show").out
    assert "- code-review       interrupted" in shown
    assert f"take it up:  crew resume {begun.id}" in shown
    _model(crew)
    done = crew.run("resume", "--plain")
    assert done.code == 0, done.err
    assert "# review: request changes" in done.out
    first = done.err.splitlines()[0]  # what was told before is not told again
    assert first.endswith("was interrupted, and goes on"), done.err
    journal = begun.journal.read_text()
    assert journal.count('"kind":"session.started"') == 4
    assert crew.run("doctor", begun.id).code == 0


def test_a_run_that_a_live_process_runs_is_refused_by_the_name_of_the_process(
    crew: Installed, begun: RunFolder
) -> None:
    held = holder(begun)
    assert held is not None
    done = crew.run("resume")
    assert done.code == 2
    assert f"is run by process {held.pid} on {held.host}" in done.err
    _kill(begun)


def test_without_the_terminal_too(crew: Installed, begun: RunFolder) -> None:
    _kill(begun)
    _model(crew)
    done = crew.run("resume", "--detach")
    assert (done.code, done.out.strip()) == (0, begun.id)
    assert crew.run("wait").code == 0


def test_a_task_that_failed_is_run_again_with_what_depends_on_it(crew: Installed) -> None:
    broken = [{"error": {"fault": "bad_request", "message": "no"}}]
    failed = crew.run("run", "review", "--plain", "--model", _model(crew, reviewer=broken))
    assert failed.code == 3, failed.err
    _model(crew)
    done = crew.run("retry", "--plain")
    assert done.code == 0, done.err
    assert done.err.splitlines()[0].endswith("runs again: code-review, verify")
    show = crew.run("show", "latest/code-review~2")
    assert show.code == 0, show.err
    assert crew.run("show", "latest/code-review").code == 0
    assert crew.run("doctor", "latest").code == 0


def test_a_task_of_a_run_that_goes_on_is_run_again_by_its_own_process(crew: Installed) -> None:
    broken = [{"error": {"fault": "bad_request", "message": "no"}}]
    model = _model(crew, reviewer=broken, security_reviewer=SLOW)
    started = crew.run("run", "review", "--detach", "--model", model)
    folder = RunFolder(crew.cwd / ".crew", started.out.strip())
    until(lambda: b'"status":"failed","attempt":1' in folder.journal.read_bytes())
    refused = crew.run("retry", "latest/explore")
    assert refused.code == 2
    assert "security-review is at work on it; wait for its end, or cancel it first" in refused.err
    late = crew.run("retry", "latest/code-review", "--budget", "1k")
    assert late.code == 2
    assert "--budget can't change it" in late.err
    done = crew.run("retry", "latest/code-review")
    assert (done.code, "retry code-review: accepted" in done.out) == (0, True), done.err
    until(lambda: b'"code-review~2"' in folder.journal.read_bytes())
    assert crew.run("cancel", "latest").code == 0


def test_a_run_is_gone_back_to_and_stays_as_it_is(crew: Installed) -> None:
    assert crew.run("run", "review", "--plain", "--model", _model(crew)).code == 0
    old = json.loads(crew.run("ps", "--json").out)[0]["run"]
    before = crew.run("logs", old, "--json").out
    done = crew.run("fork", old, "--at", "verify", "--plain")
    assert done.code == 0, done.err
    assert f"forked from {old} at verify, with 3 tasks done" in done.err
    told = ("--at", "code-review:1", "--steer", "look again", "--detach")
    again = crew.run("fork", old, *told)
    assert again.code == 0, again.err
    new = again.out.strip()
    assert crew.run("wait", new).code == 0
    assert "look again" in crew.run("show", f"{new}/code-review").out
    assert f"forked    from {old} at code-review:1" in crew.run("show", new).out
    assert crew.run("doctor", new).code == 0
    assert crew.run("logs", old, "--json").out == before


def test_a_point_that_is_none_is_refused_with_those_that_there_are(crew: Installed) -> None:
    assert crew.run("run", "review", "--plain", "--model", _model(crew)).code == 0
    refused = crew.run("fork", "--at", "code-review:7")
    assert (refused.code, "it has turns 1 to 1" in refused.err) == (2, True)
    assert len(json.loads(crew.run("ps", "--json").out)) == 1


def test_a_task_that_completed_is_run_again_when_it_is_named(crew: Installed) -> None:
    assert crew.run("run", "review", "--plain", "--model", _model(crew)).code == 0
    refused = crew.run("retry")
    assert (refused.code, "every task of the run has completed" in refused.err) == (2, True)
    unknown = crew.run("retry", "latest/nothing")
    assert unknown.code == 2
    assert "there are: explore, code-review" in unknown.err
    done = crew.run("retry", "latest/verify", "--plain")
    assert done.code == 0, done.err
    assert "runs again: verify" in done.err


def test_a_command_that_its_lost_process_left_running_is_ended_before_the_run_goes_on(
    crew: Installed, repository: Repository
) -> None:
    repository.write(".crew/agents/doer.md", _DOER)
    repository.write(".crew/workflows/doing.md", _DOING)
    repository.write(".crew/teams/doing.md", _TEAM)
    waits = [{"calls": [{"tool": "shell", "args": {"command": "echo $$ > pid; sleep 600"}}]}]
    submits = [{"calls": [{"tool": "submit_result", "args": {"summary": "done"}}]}]
    script = crew.home / "script.json"
    script.write_text(json.dumps({"agents": {"doer": waits + submits}}))
    model = f"scripted:{script}"
    begun = crew.run("run", "doing", "--detach", "--model", model, "--allow", "execute")
    assert begun.code == 0, begun.err
    folder = RunFolder(crew.cwd / ".crew", begun.out.strip())
    told = crew.cwd / "pid"
    until(lambda: told.exists() and bool(told.read_text().strip()))
    _kill(folder)
    command = int(told.read_text())
    assert _runs(command)
    done = crew.run("resume", "--plain", "--allow", "execute")
    assert done.code == 0, done.err
    assert "goes on; 1 command that still ran, ended" in done.err
    assert not _runs(command)


def _runs(process: int) -> bool:
    """Whether it runs; the dead that nobody reaps, as in many containers, do not."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


_DOER = """---
name: doer
description: Does what it is told.
tools: [shell]
---
Do it.
"""
_DOING = """---
name: doing
description: Do it.
---

## do
role: doer

Do it.
"""
_TEAM = """---
name: doing
description: Does it.
workflow: doing
members:
  doer: doer
---
"""
