import errno
import importlib
from pathlib import Path

import pytest
import typer
from typer.main import get_group

from crew.cli import app as application
from crew.cli import main
from crew.cli.commands import COMMANDS
from crew.errors import StoreError


def run_main(monkeypatch: pytest.MonkeyPatch, *args: str) -> int:
    """Run a command line in this process; its exit code."""
    monkeypatch.setattr("sys.argv", ["crew", *args])
    with pytest.raises(SystemExit) as leaving:
        main()
    assert isinstance(leaving.value.code, int)
    return leaving.value.code


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["run", "nosuch"], "crew: Definitions: "),
        (["run", "review", "--budget", "x"], "crew: Usage: --budget x: "),
        (["run", "review", "--fail-on", "P7"], "crew: Usage: --fail-on P7: "),
        (["run", "review", "--plain", "--json"], "crew: Usage: --plain and --json "),
        (["run", "review", "-C", "/nope"], "crew: Workspace: /nope does not exist\n"),
        (["run", "review", "--allow", "fly"], "crew: Usage: --allow fly"),
        (["run", "review", "--report", "/nope/x.md"], "crew: Usage: --report /nope/x.md: "),
        (["run", "review", "--paths", "../../x"], "crew: Usage: --paths ../../x: "),
        (["run", "review", "--max-concurrency", "0"], "crew: Usage: --max-concurrency 0: "),
        (["run"], "crew: Usage: crew run: TEAM is missing\n"),
        (["frobnicate"], "crew: Usage: crew has no command "),
        (["show", "nosuch"], "crew: Run: "),
    ],
)
def test_bad_input_is_one_clear_error_and_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    args: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CREW_HOME", str(tmp_path / "home"))
    assert run_main(monkeypatch, *args) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(message)
    assert "Traceback" not in shown.err
    assert shown.out == ""
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_written_is_told_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CREW_HOME", str(tmp_path / "file" / "home"))
    assert run_main(monkeypatch, "run", "review") == 3
    shown = capsys.readouterr().err
    assert shown.startswith("crew: Storage: ")
    assert f"{tmp_path / 'file'} is a file and must be a folder" in shown
    assert "CREW_HOME" in shown


@pytest.fixture(autouse=True)
def _details_of_errors_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (StoreError("the disk is gone"), 3, "crew: Storage: the disk is gone\n"),
        (KeyError("lost"), 3, "crew: Unexpected: KeyError: 'lost'\n  this is a bug in crew; "),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            3,
            "crew: Output: writing to standard output: No space left on device\n",
        ),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 0, ""),
        (typer.Exit(4), 4, ""),
    ],
)
def test_whatever_a_command_raises_becomes_an_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    raised: BaseException,
    code: int,
    said: str,
) -> None:
    def fail() -> None:
        raise raised

    failing = typer.Typer(pretty_exceptions_enable=False)
    failing.command()(fail)
    monkeypatch.setattr(application, "app", failing)
    monkeypatch.delenv("CREW_DEBUG", raising=False)
    assert run_main(monkeypatch) == code
    shown = capsys.readouterr().err
    assert shown.startswith(said)
    assert bool(shown) is bool(said)


def test_the_list_of_commands_says_each_whole_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    assert run_main(monkeypatch, "--help") == 0
    _, _, listed = capsys.readouterr().out.partition("Commands:\n")
    lines = [line for line in listed.splitlines() if line][:-1]  # the last says where to start
    assert len(lines) > 20
    assert [line for line in lines if not line.endswith(".") or line.endswith("...")] == []
    assert max(map(len, lines)) <= 70


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_help_is_there_when_it_is_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert run_main(monkeypatch, name, "--help") == 0
    assert capsys.readouterr().out.startswith(f"Usage: crew {name} ")


def test_every_command_of_a_module_is_in_the_help() -> None:
    modules = {module for module, _ in COMMANDS.values()}
    offered = {name for module in modules for name in _registered(f"crew.cli.{module}")}
    assert offered == set(COMMANDS)


def _registered(module: str) -> set[str]:
    app = typer.Typer()
    importlib.import_module(module).register(app)
    return set(get_group(app).commands)
