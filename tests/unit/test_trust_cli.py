"""`crew trust`: shows who would do what by which line, and keeps what the person says."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from crew.cli.app import app
from crew.errors import UsageError
from tests.doubles.definitions import agent, step, team, workflow


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose own team executes."""
    monkeypatch.setenv("COLUMNS", "120")
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    put(".crew/agents/shipper.md", agent("tools: [read, shell]", name="shipper"))
    put(".crew/workflows/ship.md", workflow(step("ship"), name="ship"))
    keys = "members: {a: shipper}\npermissions: [execute]"
    put(".crew/teams/ship.md", team(keys, name="ship", workflow="ship"))
    return folder


def crew(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["trust", *arguments])


def put(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def states() -> dict[str, str]:
    (told,) = json.loads(crew("--json").output)["teams"]
    return {file["path"]: file["state"] for file in told["files"]}


def test_it_shows_what_each_team_may_and_the_line_that_says_so() -> None:
    shown = crew().output
    assert "not trusted yet" in shown
    assert "ship  execute" in shown
    assert ".crew/teams/ship.md:6  permissions: execute" in shown
    assert ".crew/agents/shipper.md:4  tools: shell" in shown


def test_for_programs_it_is_json_and_nothing_is_trusted_by_it(project: Path) -> None:
    told = json.loads(crew("--json").output)
    assert (told["folder"], told["trusted"]) == (str(project), None)
    (ship,) = told["teams"]
    assert (ship["team"], ship["effects"]) == ("ship", ["execute"])
    assert ship["files"][0] == {
        "path": ".crew/teams/ship.md",
        "line": 6,
        "key": "permissions",
        "says": "execute",
        "state": "new",
    }
    assert set(states().values()) == {"new"}


def test_without_a_terminal_nothing_is_trusted_unless_yes_is_said() -> None:
    asked = crew()
    assert isinstance(asked.exception, UsageError)
    assert "--yes" in asked.exception.hint
    assert set(states().values()) == {"new"}
    assert crew("--yes").exit_code == 0
    assert set(states().values()) == {"trusted"}
    assert crew().exit_code == 0


def test_a_later_change_is_shown_where_it_is() -> None:
    crew("--yes")
    put(".crew/agents/shipper.md", agent("tools: [read, shell]", name="shipper", prompt="Else."))
    assert states() == {
        ".crew/teams/ship.md": "trusted",
        ".crew/workflows/ship.md": "trusted",
        ".crew/agents/shipper.md": "changed",
    }
    shown = crew().output
    assert "changed since you trusted it" in shown
    assert "tools: shell  changed" in shown


def test_a_folder_that_asks_for_nothing_needs_no_trust() -> None:
    put(".crew/teams/ship.md", team("members: {a: shipper}", name="ship", workflow="ship"))
    shown = crew()
    assert (shown.exit_code, "ask for nothing" in shown.output) == (0, True)
    assert crew("--list").output == "no folder is trusted\n"


def test_trusted_folders_are_listed_and_revoked(project: Path) -> None:
    crew("--yes")
    (listed,) = json.loads(crew("--list", "--json").output)
    assert (listed["folder"], listed["there"]) == (str(project), True)
    assert len(listed["files"]) == 3
    assert str(project) in crew("--list").output
    assert "is trusted no more" in crew("--revoke").output
    assert crew("--list").output == "no folder is trusted\n"
    assert set(states().values()) == {"new"}


def test_a_folder_that_is_gone_is_listed_as_gone_and_can_be_revoked(project: Path) -> None:
    crew("--yes")
    moved = project.rename(project.with_name("moved"))
    assert moved.is_dir()
    assert "the folder is gone" in crew("--list").output
    assert "is trusted no more" in crew("--revoke", str(project)).output


def test_a_path_means_the_top_of_its_repository(project: Path) -> None:
    (project / ".git").mkdir()
    (project / "src").mkdir()
    crew("src", "--yes")
    assert set(states().values()) == {"trusted"}


def test_a_team_with_problems_claims_nothing() -> None:
    put(".crew/teams/ship.md", "---\npermissions: [execute]\n---\n")
    assert "ask for nothing" in crew().output
