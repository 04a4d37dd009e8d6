"""Tasks of a run that has ended are run again: each in a new attempt, with what depends on them."""

from typing import Any

import pytest

from crew.errors import UsageError
from crew.events import RunContinued, RunEnded, TaskEnded
from crew.feed import FeedItem
from crew.records import Status
from crew.service.doctor import examine_run
from crew.view import replay
from tests.doubles.crews import Crew
from tests.doubles.models import BROKEN, submits
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


CHAIN: dict[str, dict[str, Any]] = {
    "a": {"role": "worker"},
    "b": {"role": "worker", "needs": ["a"]},
    "c": {"role": "worker", "needs": ["b"]},
    "d": {"role": "worker"},
}
ITEMS = {"summary": "s", "items": ["x", "y"]}
SPREAD: dict[str, dict[str, Any]] = {
    "list": {"role": "worker"},
    "each": {"role": "worker", "needs": ["list"], "foreach": "steps.list.result.items"},
}


def is_sound(crew: Crew) -> bool:
    _, found = examine_run(crew.home, crew.run.id)
    return not [check for check in found if check.state == "wrong"]


def again(crew: Crew) -> tuple[str, ...]:
    return crew.events_of(RunContinued)[-1].tasks


async def test_what_failed_and_what_it_held_up_is_run_again_and_nothing_else(
    arrange: Arrange,
) -> None:
    crew = arrange({"b": [BROKEN], "*": [submits()]})
    crew.workflow(CHAIN)
    outcome = await crew.finish()
    assert outcome.status is Status.FAILED
    outcome = await crew.finish_again(retry=True)
    assert outcome.status is Status.COMPLETED
    assert again(crew) == ("b", "c")
    assert crew.order() == ["a", "d", "b", "b~2", "c"]
    assert [event.status for event in crew.events_of(RunEnded)] == ["failed", "completed"]
    assert crew.transcript("b")
    assert is_sound(crew)


async def test_a_task_that_completed_is_run_again_when_it_is_chosen(arrange: Arrange) -> None:
    crew = arrange({"a~2": [submits({"summary": "other"})], "*": [submits()]})
    crew.workflow(CHAIN)
    await crew.finish()
    await crew.finish_again(retry=True, task="a")
    assert again(crew) == ("a", "b", "c")
    first, second = (e.result for e in crew.events_of(TaskEnded) if e.task == "a")
    assert first is not None
    assert second is not None
    assert first.name != second.name
    assert is_sound(crew)


async def test_of_a_fan_out_only_the_items_that_failed_are_run_again(arrange: Arrange) -> None:
    crew = arrange({"list": [submits(ITEMS)], "each_2": [BROKEN], "*": [submits()]})
    crew.workflow(SPREAD)
    await crew.finish()
    outcome = await crew.finish_again(retry=True)
    assert again(crew) == ("each", "each_2")
    assert outcome.result == [{"summary": "done"}] * 2
    assert is_sound(crew)


async def test_a_list_that_is_made_anew_may_be_shorter(arrange: Arrange) -> None:
    shorter = {"summary": "s", "items": ["z"]}
    crew = arrange({"list": [submits(ITEMS)], "list~2": [submits(shorter)], "*": [submits()]})
    crew.workflow(SPREAD)
    await crew.finish()
    outcome = await crew.finish_again(retry=True, task="list")
    assert outcome.result == [{"summary": "done"}]
    assert crew.ends()["each_2"] == "skipped"
    assert is_sound(crew)


async def test_a_run_that_was_cancelled_can_be_run_on(arrange: Arrange) -> None:
    crew = arrange({"*": [submits(delay=5)]})
    crew.workflow(CHAIN)
    async with crew.start():
        pass
    outcome = await crew.finish_again(retry=True)
    assert outcome.status is Status.COMPLETED
    assert is_sound(crew)


async def test_a_view_of_the_whole_journal_shows_the_run_as_it_ended_last(arrange: Arrange) -> None:
    crew = arrange({"b": [BROKEN], "*": [submits()]})
    crew.workflow(CHAIN)
    await crew.finish()
    items: list[FeedItem] = []
    async with crew.resume(retry=True) as run, run.feed.subscribe() as feed:
        items.extend([item async for item in feed])
    view = replay(items)
    assert (view.status, view.error) == (Status.COMPLETED, None)
    assert {task.status for task in view.tasks.values()} == {"completed"}
    assert view.tasks["b"].sessions == ("b", "b~2")


async def test_a_run_without_anything_to_retry_is_refused(arrange: Arrange) -> None:
    crew = arrange({"*": [submits()]})
    await crew.finish()
    with pytest.raises(UsageError, match="every task of the run has completed"):
        await crew.finish_again(retry=True)
    with pytest.raises(UsageError, match="no task other"):
        await crew.finish_again(retry=True, task="other")


async def test_an_interrupted_run_is_taken_up_not_retried(arrange: Arrange) -> None:
    crew = arrange({"*": [submits(delay=5)]})
    async with crew.start():
        crew.lose()
    with pytest.raises(UsageError, match="was interrupted"):
        await crew.finish_again(retry=True)
