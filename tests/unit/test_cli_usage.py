"""What the command line says of a line that can't be meant: crew's one style, exit code 2."""

from pathlib import Path

import pytest

from tests.unit.test_cli_app import run_main


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("line", "said", "mend"),
    [
        ("--nope", "crew has no option --nope", "see crew --help"),
        ("frobnicate", "crew has no command 'frobnicate'", "see crew --help"),
        ("rnu", "crew has no command 'rnu'", "did you mean run? see crew --help"),
        (
            "run review --modle x",
            "crew run has no option --modle",
            "did you mean --model? see crew run --help",
        ),
        ("watch -x", "crew watch has no option -x", "see crew watch --help"),
        ("run review --model", "crew run --model: its value is missing", "write --model NAME"),
        ("export -o", "crew export -o: its value is missing", "write -o FILE"),
        ("run review --plain=1", "crew run --plain takes no value", "write --plain alone"),
        (
            "steer",
            "crew steer: RUN/SESSION is missing",
            "write crew steer RUN/SESSION TEXT..., see crew steer --help",
        ),
        (
            "fork",
            "crew fork: --at TASK|SESSION:TURN is missing",
            "write crew fork [RUN] --at TASK|SESSION:TURN, see crew fork --help",
        ),
        (
            "show a b",
            "crew show: 'b' is more than it takes",
            "write crew show [RUN[/SESSION]], see crew show --help",
        ),
        (
            "models tset",
            "crew models has no command 'tset'",
            "did you mean test? see crew models --help",
        ),
        (
            "models --raech",
            "crew models has no option --raech",
            "did you mean --reach? see crew models --help",
        ),
        (
            "models test",
            "crew models test: NAME is missing",
            "write crew models test NAME, see crew models test --help",
        ),
    ],
)
def test_a_line_that_no_command_takes_is_told_with_its_mend(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
    said: str,
    mend: str,
) -> None:
    assert run_main(monkeypatch, *line.split()) == 2
    shown = capsys.readouterr()
    assert shown.err == f"crew: Usage: {said}\n  {mend}\n"
    assert shown.out == ""


def test_an_unknown_option_suggests_none_that_is_not_near(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(monkeypatch, "run", "review", "--nope") == 2
    assert capsys.readouterr().err == (
        "crew: Usage: crew run has no option --nope\n  see crew run --help\n"
    )


@pytest.mark.parametrize(
    ("line", "said", "mend"),
    [
        (
            "new foo bar",
            "crew new foo: there is no such kind of definition",
            "one of: agent, team, workflow",
        ),
        (
            "new agnet bar",
            "crew new agnet: there is no such kind of definition",
            "did you mean agent?",
        ),
        *(
            (
                f"wait --timeout {text}",
                f"--timeout {text}: not a number of seconds",
                "write seconds from 0, such as 90 or 0.5",
            )
            for text in ("abc", "-3", "nan", "inf")
        ),
        *(
            (
                f"prune --keep {text}",
                f"--keep {text}: not a number of runs",
                "write a whole number from 0, such as 20",
            )
            for text in ("x", "-1", "1.5")
        ),
        (
            f"run review --max-concurrency {'9' * 5000}",
            f"--max-concurrency {'9' * 40}: not a number of members",
            "write a whole number from 1, such as 4",
        ),
    ],
)
def test_a_value_that_is_off_is_told_with_what_may_stand_there(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
    said: str,
    mend: str,
) -> None:
    assert run_main(monkeypatch, *line.split()) == 2
    assert capsys.readouterr().err == f"crew: Usage: {said}\n  {mend}\n"


def test_a_count_of_runs_to_keep_is_taken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(monkeypatch, "prune", "--keep", "3") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("line", "said", "mend"),
    [
        (["cancel", ""], "crew cancel: RUN[/SESSION] is empty", "write RUN[/SESSION]"),
        (["run", ""], "crew run: TEAM is empty", "write TEAM"),
        (
            ["run", "review", "--base="],
            "crew run --base: its value is empty",
            "write --base COMMIT",
        ),
        (
            ["run", "review", "--report", ""],
            "crew run --report: its value is empty",
            "write --repor",
        ),
        (["ps", "-C", ""], "crew ps -C: its value is empty", "write -C DIR"),
    ],
)
def test_nothing_where_something_is_named_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: list[str],
    said: str,
    mend: str,
) -> None:
    assert run_main(monkeypatch, *line) == 2
    shown = capsys.readouterr().err
    assert shown.startswith(f"crew: Usage: {said}\n  {mend}")
    assert shown.endswith("; is a variable not set?\n")


@pytest.mark.parametrize(
    "line", [["steer", "x/y", "--", "-C", ""], ["run", "nosuch", "--plain", ""]]
)
def test_words_of_ones_own_may_be_empty(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: list[str]
) -> None:
    run_main(monkeypatch, *line)
    assert "is empty" not in capsys.readouterr().err
