"""The door to runs: what is refused leaves no trace, and what ran can be read again."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from crew.commands import Cancel
from crew.errors import (
    CrewError,
    DefinitionError,
    RunNotFoundError,
    StoreError,
    UsageError,
    WorkspaceError,
)
from crew.events import RunEnded, RunStarted
from crew.records import Status
from crew.service import RunRequest, default_home, find_workspace, list_runs, open_run, start
from crew.store import manifest as manifests
from crew.store.lock import holder
from tests.doubles.crews import Crew
from tests.doubles.models import calls, says, submits
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def home(crew: Crew) -> Path:
    return crew.root / ".crew"


async def refused(crew: Crew, error: type[CrewError], **options: Any) -> CrewError:
    """The error of a start that must leave nothing behind."""
    with pytest.raises(error) as raised:
        await crew.finish(**options)
    assert not (home(crew) / "runs").exists()
    return raised.value


# What is refused.


async def test_a_team_that_is_not_there_is_refused(arrange: Arrange) -> None:
    crew = arrange([submits()])
    (home(crew) / "teams" / "crew.md").unlink()
    error = await refused(crew, DefinitionError)
    assert "crew" in error.message


async def test_a_definition_with_a_problem_is_refused_with_its_place(arrange: Arrange) -> None:
    crew = arrange([submits()])
    crew.workflow({"work": {"role": "worker", "needs": ["ghost"]}})
    error = await refused(crew, DefinitionError)
    assert "crew.md:" in error.message


async def test_a_model_that_no_member_can_have_is_refused(arrange: Arrange) -> None:
    crew = arrange([submits()])
    crew.agent("worker", model=["nobody-knows-this"])
    request = RunRequest(team="crew", workspace=crew.root, home=home(crew), tools=crew.tools)
    with pytest.raises(CrewError, match="nobody-knows-this"):
        async with start(request, environ={}):
            pass
    assert not (home(crew) / "runs").exists()


async def test_a_grant_that_names_nothing_is_refused_with_what_there_is(arrange: Arrange) -> None:
    error = await refused(arrange([submits()]), UsageError, allow=("wirte",))
    assert "--allow wirte" in error.message
    assert "write, execute" in error.hint


async def test_a_repositorys_own_team_can_not_grant_itself_anything(arrange: Arrange) -> None:
    crew = arrange([submits()])
    crew.team({"worker": "worker"}, permissions=["write", "execute"])
    error = await refused(crew, UsageError, allow=("write",))
    assert "asks for execute" in error.message
    assert error.hint.endswith("crew run crew --allow execute")


async def test_a_repositorys_own_team_gets_what_the_person_allows(arrange: Arrange) -> None:
    crew = arrange([calls("writes"), submits()])
    crew.team({"worker": "worker"}, permissions=["write"])
    outcome = await crew.finish(allow=("write",))
    assert outcome.status is Status.COMPLETED
    assert crew.results()[0] == ("writes", "ok")


async def test_a_team_that_needs_a_goal_is_refused_without_one(arrange: Arrange) -> None:
    crew = arrange([submits()])
    crew.team({"worker": "worker"}, goal="required")
    error = await refused(crew, UsageError, goal="  ")
    assert "team crew needs a goal" in error.message
    assert error.hint.endswith('crew run crew "GOAL"')
    assert (await crew.finish(goal="do it")).status is Status.COMPLETED


async def test_a_team_that_is_there_to_act_is_refused_on_rules_which_only_reads(
    arrange: Arrange,
) -> None:
    crew = arrange([submits()])
    crew.agent("worker", tools=["read", "edit"])
    crew.team({"worker": "worker"}, permissions=["write"])
    error = await refused(crew, UsageError, model="rules")
    assert "its worker is to write or execute" in error.message
    assert "--model" in error.hint


@pytest.mark.parametrize(
    "permissions_and_agent",
    [
        ([], {"tools": ["read", "edit"]}),
        (["write"], {"tools": ["read"]}),
        (
            ["execute"],
            {
                "tools": ["lint", "shell"],
                "output": {
                    "type": "object",
                    "required": ["summary", "findings"],
                    "properties": {"summary": {"type": "string"}, "findings": {"type": "array"}},
                },
            },
        ),
    ],
    ids=["nothing is granted", "nobody acts", "it reports what the checks find"],
)
async def test_a_team_whose_work_rules_can_do_runs_on_it(
    arrange: Arrange, permissions_and_agent: tuple[list[str], dict[str, Any]]
) -> None:
    permissions, agent = permissions_and_agent
    crew = arrange([submits()])
    crew.agent("worker", **agent)
    crew.team({"worker": "worker"}, permissions=permissions)
    assert (await crew.finish(model="rules")).status is Status.COMPLETED


async def test_a_workspace_that_is_no_folder_is_refused(arrange: Arrange) -> None:
    crew = arrange([submits()])
    crew.root = crew.root / "gone"
    await refused(crew, WorkspaceError)


# Manifest and lock.


async def test_a_live_run_holds_its_lock_and_says_that_it_runs(arrange: Arrange) -> None:
    crew = arrange([calls(("work", {"seconds": 60})), submits()])
    async with crew.start(goal="win") as run:
        await anyio.sleep(1)
        summary = list_runs(home(crew))[0]
        assert (summary.id, summary.status, summary.live) == (run.id, Status.RUNNING, True)
        assert (summary.team, summary.goal, summary.model) == ("crew", "win", "recorded")
        assert open_run(home(crew), run.id).outcome() is None
        held = holder(crew.folder)
        assert held is not None
        assert held.pid == os.getpid()


async def test_a_run_that_ended_lets_go_of_its_lock_and_says_how(arrange: Arrange) -> None:
    crew = arrange([submits()])
    await crew.finish()
    summary = list_runs(home(crew))[0]
    assert (summary.status, summary.live) == (Status.COMPLETED, False)
    held = holder(crew.folder)
    assert held is None or not held.live
    manifest = manifests.read(crew.folder)
    assert manifest.generation == 2
    assert manifest.plan["team"]["name"] == "crew"
    assert manifest.options["allow"] == ["write", "execute"]


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ([submits({"summary": "ä", "n": [1.5, None]})], Status.COMPLETED),
        ([says("No.")] * 4, Status.NEEDS_ATTENTION),
        ([calls(("work", {"seconds": 60})), submits()], Status.CANCELLED),
        ([], Status.NEEDS_ATTENTION),
    ],
)
async def test_the_outcome_on_disk_is_the_one_that_was_given(
    arrange: Arrange, script: list[Any], status: Status
) -> None:
    crew = arrange(script)
    crew.agent("worker", output={"type": "object"})
    async with crew.start(goal="win") as run:
        await anyio.sleep(5)
        if status is Status.CANCELLED:
            await crew.send(Cancel(id=crew.id(), reason="enough"))
        outcome = await run.wait()
    assert outcome.status is status
    stored = open_run(home(crew), "latest")
    assert stored.outcome() == outcome
    assert stored.report() == outcome.report
    last = crew.events()[-1]
    assert isinstance(last, RunEnded)
    assert (last.status, last.result, last.error) == (status, outcome.artifact, outcome.error)


async def test_a_stored_run_gives_its_events_and_sessions(arrange: Arrange) -> None:
    crew = arrange({"*": [submits()]})
    crew.workflow({"a": {"role": "worker"}, "b": {"role": "worker", "needs": ["a"]}})
    await crew.finish()
    stored = open_run(home(crew), crew.run.id)
    assert stored.sessions() == ["a", "b"]
    assert isinstance(stored.events()[0], RunStarted)
    assert [event.seq for event in stored.events()] == list(range(1, len(stored.events()) + 1))
    async with stored.feed.subscribe() as items:
        kinds = [item.kind async for item in items if hasattr(item, "kind")]
    assert kinds == [event.kind for event in stored.events()]


async def test_a_run_that_is_not_there_is_named_with_those_that_are(arrange: Arrange) -> None:
    crew = arrange([submits()])
    await crew.finish()
    with pytest.raises(RunNotFoundError, match="no run 'ghost'"):
        open_run(home(crew), "ghost")
    assert open_run(home(crew), crew.run.id[:-1]).id == crew.run.id


async def test_a_run_that_can_not_be_read_is_left_out_of_the_list(arrange: Arrange) -> None:
    crew = arrange([submits()])
    await crew.finish()
    crew.folder.manifest.write_text("{}")
    assert list_runs(home(crew)) == []
    with pytest.raises(StoreError, match="damaged"):
        open_run(home(crew), "latest")


async def test_a_result_that_was_lost_is_an_error_that_names_the_run(arrange: Arrange) -> None:
    crew = arrange([submits()])
    outcome = await crew.finish()
    assert outcome.artifact is not None
    (crew.folder.artifacts / outcome.artifact.name).unlink()
    with pytest.raises(StoreError, match=f"run {crew.run.id}: its result can't be read"):
        open_run(home(crew), "latest").outcome()


async def test_a_report_that_is_not_there_yet_is_empty(arrange: Arrange) -> None:
    crew = arrange([submits()])
    await crew.finish()
    crew.folder.report.unlink()
    assert open_run(home(crew), "latest").report() == ""


async def test_an_error_around_a_run_cancels_it(arrange: Arrange) -> None:
    crew = arrange([calls(("work", {"seconds": 60})), submits()])
    with pytest.raises(BaseException) as raised:  # as an ExceptionGroup of its task group
        async with crew.start():
            await anyio.sleep(1)
            raise KeyError("mine")
    assert "mine" in repr(raised.value)
    assert crew.events_of(RunEnded)[0].status is Status.CANCELLED
    assert list_runs(home(crew))[0].live is False


async def test_every_file_of_a_run_is_its_owners_alone(arrange: Arrange) -> None:
    before = os.umask(0)
    try:
        crew = arrange([calls(("work", {"name": "x"}), text="Hm."), submits()])
        await crew.finish()
    finally:
        os.umask(before)
    modes = {
        path.relative_to(crew.folder.root): stat.S_IMODE(path.stat().st_mode)
        for path in crew.folder.root.rglob("*")
    }
    assert len(modes) > 6
    for path, mode in modes.items():
        assert mode == (0o700 if (crew.folder.root / path).is_dir() else 0o600), path
    assert stat.S_IMODE(crew.folder.root.stat().st_mode) == 0o700


def test_a_workspace_is_the_top_of_its_repository_or_itself(tmp_path: Path) -> None:
    inner = tmp_path / "repo" / "a" / "b"
    inner.mkdir(parents=True)
    assert find_workspace(inner) == inner
    (tmp_path / "repo" / ".git").mkdir()
    assert find_workspace(inner) == tmp_path / "repo"
    assert default_home(inner, {}) == tmp_path / "repo" / ".crew"
    assert default_home(inner, {"CREW_HOME": str(tmp_path)}) == tmp_path


def test_a_folder_beside_a_repository_is_not_in_it_when_it_is_reached_from_there(
    tmp_path: Path,
) -> None:
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    beside = tmp_path / "beside"
    beside.mkdir()
    reached = tmp_path / "repo" / ".." / "beside"
    assert find_workspace(reached) == beside.resolve()
    assert default_home(reached, {}) == beside.resolve() / ".crew"


# Runs of other processes.

ELSEWHERE = """
import json, resource, sys
from pathlib import Path
import anyio
from tests.doubles.crews import Crew
from tests.doubles.models import calls, submits

crew = Crew(Path(sys.argv[1]), {"*": [SCRIPT]}, loop=True)

async def main():
    async with crew.start(goal="go") as run:
        LIMIT
        print(run.id, flush=True)
        outcome = await run.wait()
    print(json.dumps([outcome.status, outcome.error.message if outcome.error else ""]))

anyio.run(main)
"""


def elsewhere(folder: Path, *, script: str, limit: str = "pass") -> subprocess.Popen[str]:
    code = ELSEWHERE.replace("SCRIPT", script).replace("LIMIT", limit)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        cwd=REPOSITORY,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_run_whose_process_is_gone_is_interrupted(tmp_path: Path) -> None:
    with elsewhere(tmp_path, script="calls(('work', {'seconds': 600}))") as process:
        assert process.stdout is not None
        run = process.stdout.readline().strip()
        before = list_runs(tmp_path / ".crew")[0]
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
    after = list_runs(tmp_path / ".crew")[0]
    assert (before.id, before.status, before.live) == (run, Status.RUNNING, True)
    assert (after.id, after.status, after.live) == (run, Status.INTERRUPTED, False)
    stored = open_run(tmp_path / ".crew", run)
    assert stored.outcome() is None
    assert not any(isinstance(event, RunEnded) for event in stored.events())


@pytest.mark.parametrize("kept", [6_000, 20_000])
def test_a_disk_that_refuses_fails_the_run_with_the_reason(tmp_path: Path, kept: int) -> None:
    """The limit of a file's size stands for the full disk."""
    with elsewhere(
        tmp_path,
        script="calls('work', text='x' * 500)",
        limit=f"resource.setrlimit(resource.RLIMIT_FSIZE, ({kept}, -1))",
    ) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    run, said = out.splitlines()
    status, message = json.loads(said)
    assert status == "failed"
    assert message.startswith("writing ")
    assert message.endswith(": File too large")
    stored = open_run(tmp_path / ".crew", run)
    assert stored.summary.live is False
    for event in stored.events():
        assert event.run == run
