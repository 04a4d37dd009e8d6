"""The task board in words: what a task waits for, and how long it took."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from crew.events import Event, RunStarted, TaskAdded, TaskEnded, TasksReopened, TaskStarted
from crew.records import Failure
from crew.view import (
    Mark,
    RunView,
    TaskRow,
    board_places,
    board_row,
    replay,
    task_details,
    tried_words,
)
from tests.doubles.feeds import golden_events

START = datetime(2026, 1, 31, 12, 4, 30, tzinfo=UTC)
NOON = datetime(2026, 1, 31, 12, 5, tzinfo=UTC)


def until(seq: int) -> RunView:
    return replay(event for event in golden_events() if event.seq <= seq)


def board(view: RunView) -> dict[str, TaskRow]:
    return {row.task: row for place in board_places(view) for row in [board_row(view, place, NOON)]}


def told(*events: Event) -> RunView:
    begun = RunStarted(
        team="t", workflow="w", goal="", model="m", workspace="/w", version="1", at=START
    )
    return replay([begun, *events])


def added(task: str, *needs: str) -> TaskAdded:
    return TaskAdded(task=task, step=task, role="worker", needs=needs)


def test_a_task_says_what_it_waits_for_until_it_is_there() -> None:
    assert board(until(5))["verify"].state == "waits for code-review, security-review"
    assert board(until(38))["verify"].state == "waits for security-review"
    assert board(until(41))["verify"].state == "has all it needs, waits for a free place"
    assert board(until(50))["verify"].state.startswith("done: 2 findings hold")


def test_a_task_whose_need_failed_says_which_and_how() -> None:
    start, end = TaskStarted(task="a", attempt=1), TaskEnded(task="a", status="failed", attempt=1)
    view = told(added("a"), added("b", "a"), added("c", "b"), start, end)
    assert board(view)["b"].state == "needs a, which failed"
    lost = [TaskEnded(task=name, status="unreachable") for name in ("b", "c")]
    view = told(added("a"), added("b", "a"), added("c", "b"), start, end, *lost)
    assert board(view)["b"].state == "not reached: needs a, which failed"
    assert board(view)["c"].state == "not reached: needs b, which was not reached"
    assert board(view)["c"].mark is Mark.STOPPED


def test_time_counts_from_the_first_attempt_and_tries_only_where_there_were_several() -> None:
    rows = board(until(24))
    assert (rows["explore"].tries, rows["explore"].took) == ("", "3.0s")
    assert (rows["security-review"].tries, rows["security-review"].took) == ("2", "26s")
    assert (rows["verify"].tries, rows["verify"].took) == ("", "")
    assert board(until(50))["security-review"].took == "11s"


def test_a_task_that_took_several_attempts_names_the_session_of_each() -> None:
    assert tried_words(until(23)) == ()
    told = ["security-review failed", "security-review~2 done"]
    assert tried_words(until(50)) == (f"security-review, tried 2 times: {', '.join(told)}",)


def test_a_task_that_a_person_runs_again_waits_for_its_needs_once_more() -> None:
    first = [added("a"), added("b", "a")]
    ended = [TaskEnded(task=name, status="completed", attempt=1, at=NOON) for name in "ab"]
    rows = board(told(*first, *ended, TasksReopened(tasks=("a", "b"))))
    assert [rows[name].state for name in "ab"] == ["trying again", "runs again after a"]
    assert [rows[name].took for name in "ab"] == ["", ""]


def test_a_task_tells_how_each_of_its_needs_stands_and_what_went_wrong() -> None:
    needs, _ = task_details(until(38), "verify")
    assert needs == "role verifier · needs code-review (done), security-review (at work)"
    assert task_details(until(23), "security-review") == (
        "role security-reviewer · needs explore (done)",
        "the provider is overloaded after 4 tries · try again later",
    )
    assert task_details(until(5), "explore")[0] == "role explorer · needs nothing"
    assert task_details(until(5), "nobody") == ("", "")


def test_an_item_of_a_fan_out_stands_below_its_step() -> None:
    item = TaskAdded(task="look_1", step="look", role="worker", title="a file")
    view = told(added("look"), TaskStarted(task="look", attempt=1), item)
    row = board(view)["look_1"]
    assert (row.depth, row.name, row.state) == (1, "look_1 a file", "about to start")
    assert task_details(view, "look_1")[0].startswith("item of look")


def test_a_message_from_outside_can_not_move_the_cursor() -> None:
    error = Failure(title="x", message="one\x1b[2J\ntwo", hint="")
    view = told(added("a"), TaskEnded(task="a", status="failed", error=error))
    assert task_details(view, "a")[1] == "one two"


@given(st.integers(0, 50))
def test_any_part_of_a_run_has_a_row_for_every_task(seq: int) -> None:
    view = until(seq)
    assert set(board(view)) == set(view.tasks)
    assert all(row.state for row in board(view).values())
