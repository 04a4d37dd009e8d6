from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crew.progress import Progress, Retry
from crew.records import Failure, Status
from crew.view import (
    PermissionView,
    SessionView,
    TaskView,
    age,
    counted,
    doing,
    duration,
    money,
    one_line,
    short_count,
    task_words,
    tool_words,
)

T0 = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def session(**changes: Any) -> SessionView:
    base = {"id": "s", "role": "r", "agent": "a", "model": "m", "started": T0}
    return SessionView(**{**base, **changes})


def progress(**changes: Any) -> Progress:
    base = {"session": "s", "status": Status.RUNNING, "turn": 1, "started": T0, "updated": T0}
    return Progress(**{**base, **changes})


@pytest.mark.parametrize(
    ("tool", "preview", "words"),
    [
        ("read", "crew/store/tail.py", "reading crew/store/tail.py"),
        ("read", "", "reading a file"),
        ("grep", "x", "searching for 'x'"),
        ("grep", "'x' in crew", "searching for 'x' in crew"),
        ("lint", "security", "running the security checks"),
        ("lint", "", "running the checks"),
        ("git_changes", "", "reading the change"),
        ("shell", "ruff check\n  .", "running ruff check ."),
        ("spawn_agent", "explorer: who calls it?", "waiting for explorer: who calls it?"),
        ("submit_result", "3 findings", "submitting the result"),
        ("frobnicate", "all", "using frobnicate all"),
        ("read", "a\x1b]0;pwned\x07b", "reading ab"),
    ],
)
def test_a_tool_call_is_told_in_words(tool: str, preview: str, words: str) -> None:
    assert tool_words(tool, preview) == words


def test_a_session_without_progress_is_starting() -> None:
    assert doing(session()) == "starting"


def test_a_session_between_tools_waits_for_the_model() -> None:
    assert doing(session(progress=progress())) == "waiting for the model"


def test_a_running_tool_is_what_a_session_does() -> None:
    running = progress(tool="read", preview="a.py")
    assert doing(session(progress=running)) == "reading a.py"


def test_a_wait_for_the_model_says_why_and_until_when() -> None:
    retry = Retry(why="rate limited", at=T0 + timedelta(seconds=65), attempt=2, attempts=5)
    assert doing(session(progress=progress(retry=retry))) == (
        "rate limited, again at 12:01:05 (try 2 of 5)"
    )


def test_an_open_permission_request_comes_first() -> None:
    ask = PermissionView(request="p", session="s", tool="shell", preview="ls", args={}, at=T0)
    running = progress(tool="shell", preview="ls")
    waiting = session(status=Status.WAITING, asks=(ask,), progress=running)
    assert doing(waiting) == "waiting for permission: shell ls"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("", "paused"),
        ("paused", "paused"),
        ("the run is paused", "paused: the run is paused"),
    ],
)
def test_a_paused_session_says_why(reason: str, words: str) -> None:
    held = session(status=Status.PAUSED, reason=reason, progress=progress(tool="read"))
    assert doing(held) == words


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.COMPLETED, "done: 3 findings"),
        (Status.NEEDS_ATTENTION, "needs attention: 3 findings"),
        (Status.MAX_TURNS, "stopped at its turn limit: 3 findings"),
        (Status.OVER_BUDGET, "stopped: its budget is spent: 3 findings"),
        (Status.CANCELLED, "cancelled: 3 findings"),
        (Status.INTERRUPTED, "interrupted: 3 findings"),
    ],
)
def test_an_ended_session_says_how_with_its_result(status: Status, words: str) -> None:
    assert doing(session(status=status, preview="3 findings")) == words


def test_a_failed_session_says_why_before_what_it_had() -> None:
    failure = Failure(title="Model", message="no key\nset one")
    failed = session(status=Status.FAILED, error=failure, preview="3 findings")
    assert doing(failed) == "failed: no key set one"


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (TaskView(id="t", step="t", role="r"), "about to start"),
        (TaskView(id="t", step="t", role="r", needs=("a", "b")), "after a, b"),
        (TaskView(id="t", step="t", role="r", status="running"), "starting"),
        (TaskView(id="t", step="t", role="r", status="completed"), "done"),
        (TaskView(id="t", step="t", role="r", status="skipped"), "skipped"),
        (
            TaskView(
                id="t",
                step="t",
                role="r",
                status="unreachable",
                error=Failure(title="Unreachable", message="it needs a"),
            ),
            "not reached: it needs a",
        ),
        (TaskView(id="t", step="t", role="r", status="cancelled"), "cancelled"),
    ],
)
def test_a_task_without_a_session_speaks_for_itself(task: TaskView, words: str) -> None:
    assert task_words(task) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0s"), (0.9, "0s"), (59.9, "59s"), (60, "1m 00s"), (3599, "59m 59s"), (7380, "2h 03m")],
)
def test_a_duration_reads_like_a_clock(seconds: float, words: str) -> None:
    assert duration(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0.0s"), (0.44, "0.4s"), (9.94, "9.9s"), (10.4, "10s"), (61, "1m 01s")],
)
def test_what_no_longer_ticks_has_tenths(seconds: float, words: str) -> None:
    assert duration(timedelta(seconds=seconds), tenths=True) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(-5, "0s"), (59, "59s"), (61, "1m"), (7200, "2h"), (200_000, "2d")]
)
def test_an_age_has_one_unit(seconds: int, words: str) -> None:
    assert age(T0, T0 + timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (12_345, "12.3k"),
        (99_940, "99.9k"),
        (99_960, "100k"),
        (999_400, "999k"),
        (999_600, "1.0M"),
        (1_240_000, "1.2M"),
    ],
)
def test_a_count_is_short(number: int, words: str) -> None:
    assert short_count(number) == words


@given(st.integers(0, 999_000_000))
def test_a_short_count_fits_its_column(number: int) -> None:
    assert len(short_count(number)) <= 5


def test_money_and_nouns() -> None:
    assert [money(None), money(0.0421), money(1.2)] == ["unknown", "$0.042", "$1.20"]
    assert [counted(0, "turn"), counted(1, "turn")] == ["0 turns", "1 turn"]


@given(st.text(), st.integers(1, 40))
def test_one_line_is_one_line_of_at_most_its_limit(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert not any(char in line for char in "\n\r\t\x1b\u202e")
