import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from crew.cli.app import app
from crew.errors import DefinitionError, StoreError, UsageError, WorkspaceError
from tests.doubles.definitions import agent, team


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with nothing of the person's own around."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "120")
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def crew(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def put(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


@pytest.mark.parametrize("listing", ["agents", "teams", "workflows"])
def test_a_listing_shows_every_name_with_its_description_and_layer(listing: str) -> None:
    shown = crew(listing).output
    listed = json.loads(crew(listing, "--json").output)
    assert len(listed) >= 6
    for entry in listed:
        line = next(line for line in shown.splitlines() if line.startswith(f"{entry['name']} "))
        assert entry["description"][:20] in line
        assert line.rstrip().endswith("bundled")


def test_json_of_a_listing_keeps_its_shape() -> None:
    put(".crew/agents/critic.md", agent(name="critic"))
    put(".crew/agents/bad.md", "x")
    by_name = {entry["name"]: entry for entry in json.loads(crew("agents", "--json").output)}
    (bundled,) = by_name["critic"].pop("shadows")
    assert bundled["layer"] == "bundled"
    assert by_name["critic"] == {
        "kind": "agent",
        "name": "critic",
        "description": "An agent.",
        "path": str(Path(".crew/agents/critic.md").absolute()),
        "layer": "project",
        "problems": [],
    }
    assert by_name["bad"]["problems"] == [
        {
            "path": ".crew/agents/bad.md",
            "line": 1,
            "column": 1,
            "message": "no frontmatter",
            "hint": "begin the file with a line `---`",
        }
    ]


def test_one_agent_is_shown_with_source_values_and_prompt() -> None:
    put(".crew/agents/critic.md", agent("timeout: 2m", name="critic", prompt="Doubt [it]."))
    shown = crew("agents", "critic").output
    assert "critic  An agent." in shown
    assert ".crew/agents/critic.md (project)" in shown
    assert "shadows" in shown
    assert "agents/critic.md (bundled)" in shown
    assert "timeout    120 s" in shown
    assert "max_turns  30" in shown
    assert shown.endswith("\nDoubt [it].\n")


def test_one_team_is_shown_with_the_agents_of_its_roles_and_the_steps() -> None:
    shown = crew("teams", "implementation").output
    assert "permissions      write, execute" in shown
    assert "test-engineer  test-engineer  default" in shown
    assert "for each of steps.plan.result.tasks" in shown
    resolved = json.loads(crew("teams", "implementation", "--json").output)
    assert resolved["definition"]["max_concurrency"] == 1
    assert resolved["roles"]["executor"]["max_turns"] == 80


def test_one_workflow_is_shown_with_its_prompts() -> None:
    shown = crew("workflows", "review").output
    assert "## verify" in shown
    assert "{steps.code-review.result}" in shown
    steps = json.loads(crew("workflows", "review", "--json").output)["definition"]["steps"]
    assert [step["id"] for step in steps] == ["explore", "code-review", "security-review", "verify"]


def test_a_name_that_does_not_exist_is_an_error_with_the_nearest() -> None:
    error = crew("teams", "reviw").exception
    assert isinstance(error, DefinitionError)
    assert error.hint.startswith("did you mean `review`?")


def test_a_broken_definition_is_shown_by_its_problems() -> None:
    put(".crew/agents/bad.md", "x")
    assert "broken: .crew/agents/bad.md:1: no frontmatter" in crew("agents").output
    error = crew("agents", "bad").exception
    assert isinstance(error, DefinitionError)
    assert error.message.startswith(".crew/agents/bad.md:1:1: no frontmatter")
    assert json.loads(crew("agents", "bad", "--json").output)["definition"] is None


def test_a_team_that_names_what_is_broken_or_not_there_is_listed_as_broken() -> None:
    put(".crew/teams/a.md", team("members: {a: nobody}", name="a", workflow="nothing"))
    put(".crew/agents/critic.md", "x")
    listed = {entry["name"]: entry for entry in json.loads(crew("teams", "--json").output)}
    assert [problem["line"] for problem in listed["a"]["problems"]] == [4, 5]
    assert listed["a"]["description"] == ""
    assert listed["review"]["problems"] == []
    assert [problem["path"] for problem in listed["default"]["problems"]] == [
        ".crew/agents/critic.md"
    ]
    shown = " ".join(crew("teams").output.split())
    assert "broken: .crew/teams/a.md:4: unknown workflow `nothing`, and 1 more problem" in shown
    one = json.loads(crew("teams", "a", "--json").output)
    assert (one["definition"], one["roles"]) == (None, {})


def test_check_counts_what_is_fine_and_notes_what_is_shadowed() -> None:
    put(".crew/agents/critic.md", agent(name="critic"))
    result = crew("check")
    assert result.exit_code == 0
    note, summary = result.output.splitlines()
    assert note.startswith("note: agent critic of .crew/agents/critic.md (project) shadows ")
    assert summary == "10 agents, 6 teams, 6 workflows: no problems"


def test_check_prints_every_problem_and_leaves_with_2() -> None:
    put(".crew/agents/bad.md", agent("max_turns: 0\nmodle: x", name="bad"))
    put(".crew/teams/bad.md", "x")
    result = crew("check")
    assert result.exit_code == 2
    assert result.stdout.splitlines() == [
        ".crew/agents/bad.md:4:12: `max_turns` must be a whole number from 1 to 10,000",
        ".crew/agents/bad.md:5:1: unknown key `modle`; did you mean `model`?",
        ".crew/teams/bad.md:1:1: no frontmatter; begin the file with a line `---`",
    ]
    assert result.stderr == "3 problems in 2 files\n"


def test_check_takes_a_path() -> None:
    put(".crew/agents/bad.md", "x")
    put("good.agent.md", agent(name="good"))
    assert crew("check", "good.agent.md").output == "good.agent.md: no problems\n"
    assert crew("check", ".crew/agents").exit_code == 2
    assert crew("check", "nowhere.md").exit_code == 2


def test_json_of_check_keeps_its_shape() -> None:
    put(".crew/agents/critic.md", "x")
    found = json.loads(crew("check", "--json").stdout)
    assert set(found) == {"problems", "shadowed", "counts", "config"}
    assert found["counts"] == {"agent": 10, "team": 6, "workflow": 6}
    (shadowed,) = found["shadowed"]
    assert (shadowed["kind"], shadowed["name"]) == ("agent", "critic")
    assert shadowed["used"]["layer"] == "project"
    assert [source["layer"] for source in shadowed["unused"]] == ["bundled"]
    # The teams that need the broken agent add no problem of their own.
    assert [problem["path"] for problem in found["problems"]] == [".crew/agents/critic.md"]


@pytest.mark.parametrize("kind", ["agent", "team", "workflow"])
def test_new_writes_a_file_that_check_takes_at_once(kind: str) -> None:
    result = crew("new", kind, "mine")
    path = f".crew/{kind}s/mine.md"
    assert result.stdout == f"{path}\n"
    assert result.stderr == f"edit it, then: crew check {path}\n"
    assert Path(path).read_text().count("\n# ") >= 1
    assert crew("check").exit_code == 0
    assert crew(f"{kind}s", "mine").exit_code == 0


def test_new_never_overwrites() -> None:
    put(".crew/agents/a.md", "mine")
    put(".crew/agents/b.agent.md", "mine")
    for name in ("a", "b"):
        assert isinstance(crew("new", "agent", name).exception, UsageError)
    assert Path(".crew/agents/a.md").read_text() == "mine"
    assert not Path(".crew/agents/b.md").exists()


@pytest.mark.parametrize("name", ["A", "a b", "../a", "", "a" * 65])
def test_new_refuses_what_is_no_name(name: str) -> None:
    assert isinstance(crew("new", "agent", name).exception, UsageError)
    assert not Path(".crew").exists()


def test_new_goes_into_the_project_and_says_what_it_shadows() -> None:
    Path(".git").mkdir()
    Path("deep").mkdir()
    result = crew("new", "team", "review", "-C", "deep")
    assert Path(".crew/teams/review.md").exists()
    assert "note: it shadows" in result.stderr


def test_new_says_why_it_could_not_write() -> None:
    put(".crew", "a file")
    assert isinstance(crew("new", "agent", "a").exception, StoreError)


def test_a_folder_that_is_gone_is_an_error() -> None:
    assert isinstance(crew("agents", "-C", "nowhere").exception, WorkspaceError)


def test_an_agent_is_shown_with_the_model_that_its_names_mean(tmp_path: Path) -> None:
    assert "\nmodel      default (rules)" in crew("agents", "critic").output
    put(".crew/agents/picky.md", agent("model: [smart, 'ollama:a']", name="picky"))
    put(str(tmp_path / "config/crew/config.toml"), '[models]\nsmart = ["ollama:b", "ollama:c"]\n')
    shown = crew("agents", "picky").output
    assert "\nmodel      smart (ollama:b or ollama:c), ollama:a" in shown
    document = json.loads(crew("agents", "picky", "--json").output)
    assert document["definition"]["model"] == ["smart", "ollama:a"]
    assert document["runs_on"] == ["ollama:b", "ollama:c", "ollama:a"]


def test_a_team_is_shown_with_the_models_of_its_roles() -> None:
    shown = crew("teams", "review").output
    assert shown.count("default (rules)") == 4
    document = json.loads(crew("teams", "review", "--json").output)
    assert document["runs_on"] == {role: ["rules"] for role in document["roles"]}


def test_settings_that_are_off_hide_no_definition(tmp_path: Path) -> None:
    put(str(tmp_path / "config/crew/config.toml"), "[models]\ndefault = 3\n")
    shown = crew("agents", "critic")
    assert shown.exit_code == 0
    assert "\nmodel      default " in shown.output


@pytest.mark.parametrize(
    ("keys", "own"),
    [("", ["submit_result"]), ("spawns: [explorer]", ["spawn_agent", "submit_result"])],
)
def test_an_agent_is_shown_with_the_tools_that_are_its_sessions_own(
    keys: str, own: list[str]
) -> None:
    put(".crew/agents/busy.md", agent(f"tools: [read]\n{keys}", name="busy"))
    assert f"read; the session's own: {', '.join(own)}" in crew("agents", "busy").output
    document = json.loads(crew("agents", "busy", "--json").output)
    assert document["own_tools"] == own
    assert document["definition"]["tools"] == ["read"]


SETTINGS_OFF = """\
[models]
default = "olama:x"
[providers.own]
kind = "openai-chat"
[keys]
follow = "ctrl+f"
steer = "notakey"
"""


@pytest.mark.parametrize("named", [False, True])
def test_check_tells_every_problem_of_the_settings_with_its_line(
    tmp_path: Path, named: bool
) -> None:
    settings = tmp_path / "config/crew/config.toml"
    put(str(settings), SETTINGS_OFF)
    checked = crew("check", *([str(settings)] if named else []))
    assert checked.exit_code == 2
    problems = checked.output.splitlines()
    assert [line.partition(": ")[0] for line in problems[:3]] == [
        f"../config/crew/config.toml:{line}" for line in (2, 3, 7)
    ]
    assert problems[0].endswith(": there is no model 'olama:x'; did you mean ollama?")
    assert ": provider own has no base_url; set it in [providers.own]" in problems[1]
    assert ": keys: steer: there is no key 'notakey'; write it as a character" in problems[2]
    assert problems[3:] == ["3 problems in 1 file"]


def test_check_tells_what_is_off_in_settings_and_definitions_together(tmp_path: Path) -> None:
    put(str(tmp_path / "config/crew/config.toml"), "[models]\ndefault = 3\nfast = 4\n")
    put(".crew/agents/bad.md", "x")
    checked = crew("check")
    assert checked.exit_code == 2
    assert checked.output.splitlines()[-1] == "3 problems in 2 files"
    document = json.loads(crew("check", "--json").output)
    assert [(each["path"][-11:], each["line"]) for each in document["problems"]] == [
        ("ents/bad.md", 1),
        ("config.toml", 2),
        ("config.toml", 3),
    ]


def test_check_says_that_the_settings_were_looked_at(tmp_path: Path) -> None:
    settings = tmp_path / "config/crew/config.toml"
    assert json.loads(crew("check", "--json").output)["config"] is None
    put(str(settings), '[models]\ndefault = "ollama:x"\n[keys]\nsteer = "ctrl+s"\n')
    assert crew("check").output == (
        "10 agents, 6 teams, 6 workflows, ../config/crew/config.toml: no problems\n"
    )
    assert json.loads(crew("check", "--json").output)["config"] == str(settings)


def test_a_file_of_definitions_is_checked_without_the_settings(tmp_path: Path) -> None:
    put(str(tmp_path / "config/crew/config.toml"), SETTINGS_OFF)
    put(".crew/agents/good.md", agent(name="good"))
    assert crew("check", ".crew/agents/good.md").exit_code == 0
