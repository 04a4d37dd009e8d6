"""What a run comes to: the worst of its tasks, and the value of its last steps."""

from typing import Any

import pytest

from crew.definitions.types import Source, Step, Workflow
from crew.events import TaskStatus
from crew.orchestration.board import Task
from crew.orchestration.outcome import final_result, final_status
from crew.records import Failure, Status


def task(id: str, status: TaskStatus, *, step: str = "", value: Any = None) -> Task:
    error = Failure(title="Off", message=f"{id} broke", hint=f"mend {id}")
    return Task(
        id=id,
        step=step or id,
        role="worker",
        status=status,
        value=value,
        error=None if status in ("completed", "skipped") else error,
    )


def tasks(*of: Task) -> dict[str, Task]:
    return {task.id: task for task in of}


def workflow(**needs: tuple[str, ...]) -> Workflow:
    steps = tuple(
        Step(id=name, role="worker", needs=need, prompt="Go.", line=1)
        for name, need in needs.items()
    )
    source = Source(path="flow.md", layer="project")
    return Workflow(name="flow", description="A flow.", steps=steps, source=source)


def test_a_run_whose_tasks_are_done_or_skipped_is_completed() -> None:
    found = tasks(task("a", "completed"), task("b", "skipped"))
    assert final_status(found, {"a": Status.COMPLETED}) == (Status.COMPLETED, None)


@pytest.mark.parametrize(
    ("sessions", "status"),
    [
        ((Status.FAILED, Status.OVER_BUDGET), Status.OVER_BUDGET),
        ((Status.CANCELLED, Status.FAILED), Status.FAILED),
        ((Status.MAX_TURNS, Status.CANCELLED), Status.CANCELLED),
        ((Status.NEEDS_ATTENTION, Status.NEEDS_ATTENTION), Status.NEEDS_ATTENTION),
        ((Status.MAX_TURNS, Status.NEEDS_ATTENTION), Status.NEEDS_ATTENTION),
    ],
)
def test_the_worst_session_decides(sessions: tuple[Status, Status], status: Status) -> None:
    found = tasks(task("a", "failed"), task("b", "failed"))
    assert final_status(found, dict(zip("ab", sessions, strict=True)))[0] is status


def test_the_error_is_that_of_the_first_worst_task() -> None:
    found = tasks(task("a", "cancelled"), task("b", "failed"), task("c", "failed"))
    sessions = {"a": Status.CANCELLED, "b": Status.FAILED, "c": Status.FAILED}
    _, error = final_status(found, sessions)
    assert error == Failure(title="Task b", message="b broke", hint="mend b")


def test_a_task_that_died_without_a_session_failed() -> None:
    assert final_status(tasks(task("a", "failed")), {})[0] is Status.FAILED


def test_unreachable_tasks_say_nothing_of_their_own() -> None:
    found = tasks(task("a", "unreachable"), task("b", "failed"))
    status, error = final_status(found, {"b": Status.NEEDS_ATTENTION})
    assert status is Status.NEEDS_ATTENTION
    assert error is not None
    assert error.title == "Task b"


def test_a_fan_out_comes_to_what_its_items_came_to() -> None:
    found = tasks(task("each", "failed"), task("each_1", "failed", step="each"))
    status, error = final_status(found, {"each_1": Status.NEEDS_ATTENTION})
    assert status is Status.NEEDS_ATTENTION
    assert error is not None
    assert error.title == "Task each_1"


def test_the_result_is_the_value_of_the_step_that_nothing_needs() -> None:
    found = tasks(task("a", "completed", value=1), task("b", "completed", value=2))
    assert final_result(workflow(a=(), b=("a",)), found) == 2


def test_several_last_steps_give_an_object_of_those_that_completed() -> None:
    found = tasks(
        task("a", "completed", value=1), task("b", "failed"), task("c", "completed", value=3)
    )
    assert final_result(workflow(a=(), b=(), c=()), found) == {"a": 1, "c": 3}


def test_a_run_of_which_no_last_step_completed_has_no_result() -> None:
    found = tasks(task("a", "failed"), task("b", "skipped"))
    assert final_result(workflow(a=(), b=()), found) is None
    assert final_result(workflow(b=()), found) is None
