import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crew.cli.app import app
from crew.cli.run import open_workspace, parse_members, parse_priority, seen_from_top
from crew.cli.wiring import Style, choose_style, exit_code, warn_of_nothing
from crew.errors import ExitCode, UsageError, WorkspaceError
from crew.records import Status
from tests.doubles.outcomes import golden_result, outcome
from tests.doubles.terminals import Terminal


def test_a_priority_is_read_in_either_case() -> None:
    assert [parse_priority("p1"), parse_priority("P3")] == ["P1", "P3"]
    with pytest.raises(UsageError, match="--fail-on P4: not a priority"):
        parse_priority("P4")


def test_a_number_of_members_is_a_whole_one_from_1() -> None:
    assert [parse_members("4"), parse_members(None)] == [4, None]
    for text in ("0", "-1", "x", "", "1.5", "²"):
        with pytest.raises(UsageError, match=f"--max-concurrency {text}: not a number of members"):
            parse_members(text)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["run", " "], "no team is named"),
        (["run", "review", "--model", "scripted:"], "scripted: names no file"),
        (["run", "review", "--max-concurrency", "x"], "not a number of members"),
    ],
)
def test_what_is_empty_or_no_number_is_refused_with_the_mend(args: list[str], said: str) -> None:
    error = CliRunner().invoke(app, args).exception
    assert isinstance(error, UsageError)
    assert said in error.message
    assert error.hint


def test_the_workspace_is_the_folder_that_was_named(tmp_path: Path) -> None:
    assert open_workspace(tmp_path) == tmp_path


@pytest.mark.parametrize(
    ("make", "problem"),
    [(lambda path: None, "does not exist"), (lambda path: path.touch(), "is not a folder")],
)
def test_a_workspace_that_cannot_be_used_is_refused(
    tmp_path: Path, make: Callable[[Path], None], problem: str
) -> None:
    make(tmp_path / "x")
    with pytest.raises(WorkspaceError, match=problem):
        open_workspace(tmp_path / "x")


def test_a_deleted_current_folder_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(WorkspaceError, match="the current folder no longer exists"):
        open_workspace(None)


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("a.py", "sub/a.py"),
        ("../b.py", "b.py"),
        (".", "sub"),
        ("..", "."),
        ("x/../a.py", "sub/a.py"),
    ],
)
def test_a_path_is_meant_from_where_the_person_stands(tmp_path: Path, path: str, seen: str) -> None:
    assert seen_from_top(path, tmp_path / "sub", tmp_path) == seen


@pytest.mark.parametrize("path", ["../..", "/etc/passwd", "../../elsewhere"])
def test_a_path_outside_the_workspace_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(UsageError, match="it is outside"):
        seen_from_top(path, tmp_path / "sub", tmp_path)


def test_an_absolute_path_inside_the_workspace_is_taken(tmp_path: Path) -> None:
    assert seen_from_top(str(tmp_path / "a.py"), tmp_path / "sub", tmp_path) == "a.py"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (Status.COMPLETED, 0),
        (Status.NEEDS_ATTENTION, 4),
        (Status.MAX_TURNS, 4),
        (Status.FAILED, 3),
        (Status.INTERRUPTED, 3),
        (Status.OVER_BUDGET, 5),
        (Status.CANCELLED, 130),
    ],
)
def test_the_exit_code_says_how_the_run_ended(status: Status, code: int) -> None:
    # The findings of a run that did not complete do not stand in for why it did not.
    ended = outcome(status=status, result={"findings": [{"priority": "P0"}]})
    assert exit_code(ended, None) == code
    assert exit_code(ended, "P0") == (1 if status is Status.COMPLETED else code)


@pytest.mark.parametrize(("fail_on", "code"), [(None, 0), ("P0", 0), ("P1", 1), ("P3", 1)])
def test_fail_on_is_the_priority_from_which_findings_fail(fail_on: str | None, code: int) -> None:
    assert exit_code(outcome(result=golden_result()), fail_on) == ExitCode(code)


@pytest.mark.parametrize(
    ("fail_on", "summary", "warned"),
    [
        ("P1", "There was nothing to review. Clean.", True),
        ("P1", "No mistakes found.", False),
        (None, "There was nothing to review. Clean.", False),
    ],
)
def test_a_gate_with_nothing_to_review_warns(
    capsys: pytest.CaptureFixture[str], fail_on: str | None, summary: str, warned: bool
) -> None:
    result = {"verdict": "approve", "summary": summary, "findings": []}
    warn_of_nothing(outcome(result=result), fail_on)
    said = capsys.readouterr().err
    assert ("crew: Warning: there was nothing to review" in said) is warned


@pytest.mark.parametrize(
    ("terminal", "term", "options", "style"),
    [
        (True, "xterm", {}, Style.LIVE),
        (True, "dumb", {}, Style.PLAIN),
        (False, "xterm", {}, Style.PLAIN),
        (True, "xterm", {"plain": True}, Style.PLAIN),
        (True, "xterm", {"json": True}, Style.JSON),
    ],
)
def test_the_style_suits_standard_error_unless_one_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    term: str,
    options: dict[str, Any],
    style: Style,
) -> None:
    monkeypatch.setenv("TERM", term)
    if terminal:
        monkeypatch.setattr("sys.stderr", Terminal())
    assert choose_style(**{"plain": False, "json": False, **options}) is style


def test_the_current_folder_is_the_workspace_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_workspace(None) == Path(os.getcwd())


def test_an_empty_path_is_refused_instead_of_meaning_everything(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--paths names nothing"):
        seen_from_top("", tmp_path, tmp_path)
