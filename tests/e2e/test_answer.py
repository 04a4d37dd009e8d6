"""Permission requests of a run without a terminal: denied, or answered from another shell."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crew.store.folder import RunFolder
from tests.doubles.programs import submit
from tests.e2e.installed import SECONDS, Installed


@pytest.fixture
def model(crew: Installed) -> str:
    script = crew.home / "script.json"
    calls = [{"tool": "shell", "args": {"command": f"touch done-{number}"}} for number in (1, 2)]
    agents = {"*": [{"calls": calls}, submit({"summary": "Done.", "changes": []})]}
    script.write_text(json.dumps({"agents": agents}))
    return f"scripted:{script}"


@pytest.fixture(autouse=True)
def team(crew: Installed) -> None:
    """A team whose one member has a shell, and no grant for it."""
    folder = Path(crew.cwd, ".crew")
    for kind, text in {
        "agents": "tools: [shell]\n---\nWork.",
        "workflows": "---\n\n## work\nrole: worker\n\nWork.",
        "teams": "workflow: work\nmembers: {worker: work}\n---",
    }.items():
        (folder / kind).mkdir(parents=True)
        head = "---\nname: work\ndescription: Works.\n"
        (folder / kind / "work.md").write_text(f"{head}{text}\n")


def _detached(crew: Installed, *args: str) -> RunFolder:
    done = crew.run("run", "work", "--detach", *args)
    assert done.code == 0, done.err
    return RunFolder(crew.cwd / ".crew", done.out.strip())


def _asked(crew: Installed) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = json.loads(crew.run("answer", "--json").out)
    return asked


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline


def _done(crew: Installed) -> list[str]:
    return sorted(path.name for path in Path(crew.cwd).glob("done-*"))


def test_what_nobody_may_answer_is_denied_at_once(crew: Installed, model: str) -> None:
    _detached(crew, "-m", model)
    assert crew.run("wait").code == 0
    assert _done(crew) == []
    assert "--allow execute" in crew.run("show", "latest/work").out
    said = "shell denied: nobody is there to ask; give --allow execute"
    assert crew.run("logs").out.count(said) == 1
    report = next(Path(crew.cwd, ".crew", "runs").glob("*/report.md")).read_text()
    denied = "2 calls were denied (shell), nobody was there to ask: give --allow execute"
    assert denied in report


def test_with_ask_another_shell_allows_and_denies_each_by_name(crew: Installed, model: str) -> None:
    folder = _detached(crew, "-m", model, "--ask")
    _until(lambda: len(_asked(crew)) == 1)
    assert "? asks" in crew.run("ps").out
    (first,) = _asked(crew)
    assert (first["session"], first["tool"]) == ("work", "shell")
    listed = crew.run("answer")
    assert listed.out.startswith(f"{first['request']}  work  shell touch done-1")
    assert f"crew answer {folder.id} {first['request']} --allow" in listed.err
    assert crew.run("answer", "latest", first["request"], "--allow").code == 0
    _until(lambda: [ask["request"] for ask in _asked(crew)] not in ([], [first["request"]]))
    again = crew.run("answer", "latest", first["request"], "--allow")
    assert (again.code, "already answered" in again.err) == (2, True)
    denied = crew.run("answer", "latest/work", "--deny", "--reason", "one is enough")
    assert (denied.code, "accepted" in denied.out) == (0, True)
    assert crew.run("wait").code == 0
    assert _done(crew) == ["done-1"]
    assert "one is enough" in crew.run("show", "latest/work").out
    entries = [json.loads(line) for line in folder.transcript("work").read_text().splitlines()]
    outcomes = [entry["outcome"] for entry in entries if entry["kind"] == "tool_result"]
    assert outcomes == ["ok", "denied", "ok"]


def test_json_says_what_a_call_would_do_to_its_file(crew: Installed) -> None:
    agent = Path(crew.cwd, ".crew", "agents", "work.md")
    agent.write_text(agent.read_text().replace("[shell]", "[write, shell]"))
    Path(crew.cwd, "note.txt").write_text("old\n")
    script = crew.home / "script.json"
    calls = [
        {"tool": "write", "args": {"path": "note.txt", "content": "new\n"}},
        {"tool": "shell", "args": {"command": "true"}},
    ]
    turns = [*({"calls": [call]} for call in calls), submit({"summary": "Done.", "changes": []})]
    script.write_text(json.dumps({"agents": {"*": turns}}))
    _detached(crew, "-m", f"scripted:{script}", "--ask")
    _until(lambda: len(_asked(crew)) == 1)
    (write,) = _asked(crew)
    assert set(write["change"]) == {"path", "exists", "diff"}
    assert (write["change"]["path"], write["change"]["exists"]) == ("note.txt", True)
    assert "\n-old\n+new" in write["change"]["diff"]
    assert crew.run("answer", "--deny").code == 0
    _until(lambda: [ask["tool"] for ask in _asked(crew)] == ["shell"])
    assert _asked(crew)[0]["change"] is None
    assert crew.run("answer", "--deny").code == 0
    assert crew.run("wait").code == 0


def test_allowed_for_the_session_it_asks_no_more(crew: Installed, model: str) -> None:
    _detached(crew, "-m", model, "--ask")
    _until(lambda: len(_asked(crew)) == 1)
    assert crew.run("answer", "--allow-session").code == 0
    assert crew.run("wait").code == 0
    assert _done(crew) == ["done-1", "done-2"]
    over = crew.run("answer", "--allow")
    assert (over.code, "asks for nothing" in over.err) == (2, True)
    assert crew.run("answer").code == 0


def test_a_word_is_one_word(crew: Installed, model: str) -> None:
    _detached(crew, "-m", model)
    crew.run("wait")
    both = crew.run("answer", "--allow", "--deny")
    none = crew.run("answer", "latest", "permission-1")
    assert (both.code, "exclude each other" in both.err) == (2, True)
    assert (none.code, "the word is missing" in none.err) == (2, True)
