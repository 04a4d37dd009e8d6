"""A cloned repository's own team, from the refusal over the question to the run."""

import json
from pathlib import Path

import pytest

from tests.doubles.definitions import agent, step, team, workflow
from tests.doubles.programs import submit
from tests.doubles.repository import Repository
from tests.e2e.installed import Installed
from tests.e2e.terminal import terminal


@pytest.fixture(autouse=True)
def team_of_the_repository(repository: Repository) -> None:
    """A team that would execute."""
    repository.write(".crew/agents/shipper.md", agent("tools: [shell]", name="shipper"))
    repository.write(".crew/workflows/ship.md", workflow(step("ship"), name="ship"))
    keys = "members: {a: shipper}\npermissions: [execute]"
    repository.write(".crew/teams/ship.md", team(keys, name="ship", workflow="ship"))


@pytest.fixture
def model(crew: Installed) -> str:
    script = crew.home / "script.json"
    shell = {"calls": [{"tool": "shell", "args": {"command": "touch shipped"}}]}
    script.write_text(json.dumps({"agents": {"*": [shell, submit({"summary": "Shipped."})]}}))
    return f"scripted:{script}"


def shipped(crew: Installed) -> bool:
    return Path(crew.cwd, "shipped").exists()


def test_a_cloned_team_executes_only_after_the_person_said_yes(crew: Installed, model: str) -> None:
    refused = crew.run("run", "ship", "--plain", "-m", model)
    assert (refused.code, "crew trust" in refused.err, shipped(crew)) == (2, True, False)
    with terminal(crew, "trust") as screen:
        screen.wait_for("as they are?")
        screen.press(b"n\n")
        assert screen.wait_for_end() == 1
    assert crew.run("run", "ship", "--plain", "-m", model).code == 2
    with terminal(crew, "trust") as screen:
        screen.wait_for("as they are?")
        screen.press(b"y\n")
        assert screen.wait_for_end() == 0
    assert crew.run("run", "ship", "--plain", "-m", model).code == 0
    assert shipped(crew)


def test_a_detached_run_needs_the_trust_as_well(crew: Installed, model: str) -> None:
    refused = crew.run("run", "ship", "--detach", "-m", model)
    assert (refused.code, "crew trust" in refused.err) == (2, True)
    assert not Path(crew.cwd, ".crew", "runs").exists()
    assert crew.run("trust", "--yes").code == 0
    assert crew.run("run", "ship", "--detach", "-m", model).code == 0
    assert crew.run("wait").code == 0
    assert shipped(crew)
