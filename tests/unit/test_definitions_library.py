import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from crew.definitions import Library
from crew.definitions.types import Agent
from crew.errors import DefinitionError
from tests.doubles.definitions import agent, step, team, workflow

Files = dict[str, str | bytes]


def write(root: Path, files: Files) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Library]:
    """Make a library of a project, a user and a bundle from files."""
    monkeypatch.chdir(tmp_path)

    def make(files: Files) -> Library:
        for name in ("project", "user", "bundled"):
            (tmp_path / name).mkdir(exist_ok=True)
        write(tmp_path, files)
        return Library.load(tmp_path / "project", tmp_path / "user", tmp_path / "bundled")

    return make


Load = Callable[[Files], Library]


def said(name: str, prompt: str) -> str:
    return agent(name=name, prompt=prompt)


BASE: Files = {
    "bundled/agents/worker.md": agent(name="worker"),
    "bundled/teams/t.md": team(name="t", workflow="flow"),
    "bundled/workflows/flow.md": workflow(step("one"), name="flow"),
}


def test_the_first_of_four_places_wins(load: Load) -> None:
    files: Files = {
        "project/.crew/agents/a.md": said("a", "1"),
        "project/agents/a.md": said("a", "2"),
        "user/agents/a.md": said("a", "3"),
        "bundled/agents/a.md": said("a", "4"),
    }
    layers = []
    for path in list(files):
        entry = load(files).entry("agent", "a")
        assert isinstance(entry.definition, Agent)
        assert entry.definition.prompt == str(5 - len(files))
        assert len(entry.shadows) == len(files) - 1
        layers.append(entry.source.layer)
        del files[path]
        Path(path).unlink()
    assert layers == ["project", "project-root", "user", "bundled"]


def test_a_project_without_its_folder_has_no_definitions(load: Load) -> None:
    library = load({**BASE, "project/agents/worker.md": said("worker", "mine")})
    assert library.entry("agent", "worker").source.layer == "bundled"


def test_what_a_run_leaves_does_not_make_a_projects_own_agents_count(load: Load) -> None:
    files: Files = {**BASE, "project/agents/worker.md": "# Notes about our workers\n"}
    files |= {"project/.crew/.gitignore": "/*\n", "project/.crew/runs/1/run.json": "{}"}
    assert load(files).entry("agent", "worker").source.layer == "bundled"
    files["project/.crew/teams/mine.md"] = team(name="mine", workflow="flow")
    assert load(files).entry("agent", "worker").source.layer == "project-root"


def test_crews_own_checkout_is_not_a_project_of_itself(tmp_path: Path) -> None:
    write(tmp_path, {".crew/x": "", "agents/a.md": agent(name="a")})
    library = Library.load(tmp_path, None, tmp_path)
    entry = library.entry("agent", "a")
    assert (entry.source.layer, entry.shadows) == ("bundled", ())


@pytest.mark.parametrize("name", ["a.md", "a.agent.md"])
def test_the_kind_may_stand_in_the_file_name(load: Load, name: str) -> None:
    assert load({f"user/agents/{name}": agent(name="a")}).names("agent") == ("a",)


def test_other_files_and_folders_are_left_alone(load: Load) -> None:
    library = load(
        {
            **BASE,
            "user/agents/README.md": "# Notes",
            "user/agents/.hidden.md": "x",
            "user/agents/notes.txt": "x",
            "user/agents/deep/a.md": "x",
            "user/agents/folder.md/x": "x",
            "user/teams": "a file",
        }
    )
    assert library.names("agent") == ("worker",)
    assert library.check() == []


def test_two_files_of_one_name_in_a_folder_are_refused(load: Load) -> None:
    library = load({"user/agents/a.md": agent(name="a"), "user/agents/a.agent.md": agent(name="a")})
    with pytest.raises(DefinitionError, match="another file of this folder defines `a`"):
        library.agent("a")
    assert [found.path for found in library.check()] == [
        "user/agents/a.agent.md",
        "user/agents/a.md",
    ]


@pytest.mark.parametrize("target", ["../../outside.md", "/etc/hostname", "../teams/t.md", "a.md"])
def test_a_link_that_leads_out_of_its_folder_is_refused(load: Load, target: str) -> None:
    library = load({"outside.md": agent(name="a"), "user/teams/t.md": team()})
    Path("user/agents").mkdir()
    Path("user/agents/a.md").symlink_to(target)
    with pytest.raises(DefinitionError, match=r"leads out of the folder|can't be read"):
        library.agent("a")


def test_a_folder_that_is_a_link_out_of_its_place_is_refused(load: Load) -> None:
    library = load({"elsewhere/a.md": agent(name="a")})
    Path("user/agents").symlink_to("../elsewhere")
    with pytest.raises(DefinitionError, match="leads out of the folder"):
        library.agent("a")


def test_a_link_inside_its_folder_is_followed(load: Load) -> None:
    library = load({"user/agents/real.md": agent(name="a")})
    Path("user/agents/a.md").symlink_to("real.md")
    assert library.agent("a").name == "a"


def test_what_can_not_be_read_is_a_problem_and_not_a_wait(load: Load) -> None:
    library = load({})
    Path("user/agents").mkdir()
    os.mkfifo("user/agents/a.md")
    assert stat.S_ISFIFO(os.stat("user/agents/a.md").st_mode)
    with pytest.raises(DefinitionError, match=r"^user/agents/a.md: not a regular file"):
        library.agent("a")


def test_permissions_are_named(load: Load) -> None:
    library = load({"user/agents/a.md": agent(name="a"), "user/teams/t.md": team()})
    Path("user/agents/a.md").chmod(0)
    Path("user/teams").chmod(0)
    if os.access("user/agents/a.md", os.R_OK):
        pytest.skip("this user reads everything")
    try:
        found = [str(problem) for problem in library.check()]
        with pytest.raises(DefinitionError, match="user/teams: can't be listed"):
            library.team("t")
    finally:
        Path("user/teams").chmod(0o700)
    assert "user/agents/a.md: can't be read: Permission denied" in found[0]
    assert "user/teams: can't be listed: Permission denied" in found[1]


def test_names_that_are_not_utf_8_are_shown_and_refused(load: Load) -> None:
    library = load({})
    Path("user/agents").mkdir()
    Path(os.fsdecode(b"user/agents/\xff\x1b.md")).write_text("x")
    (found,) = library.check()
    assert found.path == "user/agents/\\xff\\x1b.md"
    assert "can't be named" in found.message
    assert found.model_dump_json()


def test_an_unknown_name_comes_with_the_nearest_and_with_all(load: Load) -> None:
    with pytest.raises(DefinitionError) as refused:
        load(BASE).agent("wroker")
    assert refused.value.message == "no agent is named `wroker`"
    assert refused.value.hint == "did you mean `worker`? there are: worker"
    assert refused.value.exit_code == 2


def test_a_file_is_read_once(load: Load) -> None:
    library = load({"user/agents/a.md": said("a", "before")})
    first = library.agent("a")
    write(Path(), {"user/agents/a.md": said("a", "after")})
    assert library.agent("a") is first


def test_a_broken_file_has_one_line_for_each_problem(load: Load) -> None:
    library = load({"user/agents/a.md": agent("max_turns: 0\ntool: x", name="a")})
    with pytest.raises(DefinitionError) as refused:
        library.agent("a")
    assert [line.partition(": ")[0] for line in refused.value.message.split("\n")] == [
        "user/agents/a.md:4:12",
        "user/agents/a.md:5:1",
    ]


def test_a_broken_file_does_not_stop_a_team_that_does_not_need_it(load: Load) -> None:
    library = load({**BASE, "user/agents/broken.md": "x", "user/teams/broken.md": "x"})
    assert set(library.plan("t").roles) == {"a"}
    assert {found.path for found in library.check()} == {
        "user/agents/broken.md",
        "user/teams/broken.md",
    }


def test_a_broken_file_hides_the_good_one_that_it_shadows(load: Load) -> None:
    library = load({**BASE, "user/agents/worker.md": "x"})
    with pytest.raises(DefinitionError, match=r"user/agents/worker\.md:1:1: no frontmatter"):
        library.plan("t")


def test_a_plan_applies_the_changes_of_the_team(load: Load) -> None:
    members = "members: {a: {agent: worker, model: fast, tools: []}, b: worker}"
    plan = load({**BASE, "user/teams/t.md": team(members, name="t")}).plan("t")
    assert (plan.roles["a"].model, plan.roles["a"].tools) == (("fast",), ())
    assert (plan.roles["b"].model, plan.roles["b"].tools) == (("default",), None)
    assert plan.team.source.layer == "user"


def test_a_plan_has_every_agent_that_may_be_spawned(load: Load) -> None:
    files: Files = {
        **BASE,
        "user/agents/worker.md": agent("spawns: [child]", name="worker"),
        "user/agents/child.md": agent("spawns: [grandchild]", name="child"),
        "user/agents/grandchild.md": agent("spawns: [child]", name="grandchild"),
        "user/agents/stranger.md": agent(name="stranger"),
        "user/agents/broken.md": "x",
        "user/agents/lost.md": agent("spawns: [nobody]", name="lost"),
        "user/agents/misled.md": agent("spawns: [broken]", name="misled"),
    }
    assert list(load(files).plan("t").library) == ["child", "grandchild"]
    files["user/agents/worker.md"] = agent('spawns: "*"', name="worker")
    assert list(load(files).plan("t").library) == ["child", "grandchild", "stranger", "worker"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"user/teams/t.md": team(workflow="folw", name="t")},
            "user/teams/t.md:4:11: unknown workflow `folw`; did you mean `flow`?",
        ),
        (
            {"user/teams/t.md": team("members: {a: wroker}", name="t")},
            "user/teams/t.md:5:14: unknown agent `wroker`; did you mean `worker`?",
        ),
        (
            {"user/teams/t.md": team("members: {a: {agent: nobody}}", name="t")},
            "user/teams/t.md:5:22: unknown agent `nobody`; there are: worker",
        ),
        (
            {"user/teams/t.md": team("members: {b: worker}", name="t")},
            "user/teams/t.md:5:10: no member for the role `a` of bundled/workflows/flow.md:5",
        ),
        (
            {"user/agents/worker.md": agent("spawns: [nobody]", name="worker")},
            "user/agents/worker.md:4:9: unknown agent `nobody`",
        ),
    ],
)
def test_a_plan_that_lacks_something_says_what_and_where(
    load: Load, files: Files, expected: str
) -> None:
    library = load({**BASE, **files})
    with pytest.raises(DefinitionError) as refused:
        library.plan("t")
    assert refused.value.message.startswith(expected)
    assert str(library.check()[0]).startswith(expected)


def test_check_takes_one_file_with_what_it_names(load: Load) -> None:
    library = load(
        {
            **BASE,
            "user/agents/broken.md": "x",
            "other/teams/t.md": team("members: {a: near}", name="t"),
            "other/agents/near.md": agent("max_turns: 0", name="near"),
        }
    )
    assert [found.path for found in library.check(Path("other/teams/t.md"))] == [
        "other/agents/near.md"
    ]
    assert library.check(Path("bundled/teams/t.md")) == []


def test_check_takes_a_folder(load: Load) -> None:
    library = load({"mine/.crew/agents/a.md": "x", "mine/teams/t.md": "x", "user/agents/b.md": "x"})
    assert [found.path for found in library.check(Path("mine"))] == [
        "mine/.crew/agents/a.md",
        "mine/teams/t.md",
    ]
    assert [found.path for found in library.check(Path("mine/teams"))] == ["mine/teams/t.md"]


def test_check_says_when_there_is_nothing_to_check(load: Load) -> None:
    library = load({"empty/x.txt": "", "loose.md": "x", "loose.agent.md": agent(name="loose")})
    assert "no definitions in this folder" in library.check(Path("empty"))[0].message
    assert "not known to be an agent" in library.check(Path("loose.md"))[0].message
    assert "no such file" in library.check(Path("gone.md"))[0].message
    assert library.check(Path("loose.agent.md")) == []


def test_further_tools_may_be_named(tmp_path: Path) -> None:
    write(tmp_path, {"agents/a.md": agent("tools: [read, browse]", name="a")})
    with pytest.raises(DefinitionError, match="unknown tool `browse`"):
        Library.load(None, None, tmp_path).agent("a")
    assert Library.load(None, None, tmp_path, tools=("read", "browse")).agent("a").tools


def test_one_mistake_of_a_file_hides_none_that_only_other_files_show(load: Load) -> None:
    steps = [
        step("one", "timeout: 5 apples", role="critc"),
        step("two", "needs: three"),
        step("three", "needs: [two]"),
    ]
    flow = workflow(*steps, name="flow")
    files = BASE | {
        "user/workflows/flow.md": flow,
        "user/teams/t.md": team("members: {a: wroker}\nmax_concurrency: no", name="t"),
    }
    found = "\n".join(map(str, load(files).check()))
    for problem in (
        "`timeout` must be a time",
        "`needs` must be a list",
        "a cycle: two -> three -> two",
        "no member for the role `critc`",
        "unknown agent `wroker`",
        "`max_concurrency` must be",
    ):
        assert problem in found
