"""Tasks are run again while their run goes on: with what depends on them, and nothing else."""

from typing import Any

import anyio
import pytest

from crew.commands import Cancel, Retry
from crew.errors import CommandError, SessionEndedError
from crew.events import CommandRefused, TaskEnded, TasksReopened
from crew.feed import FeedItem
from crew.records import Status
from crew.service.doctor import examine_run
from crew.view import replay
from tests.doubles.crews import Crew
from tests.doubles.models import BROKEN, submits, works
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


CHAIN: dict[str, dict[str, Any]] = {
    "a": {"role": "worker"},
    "b": {"role": "worker", "needs": ["a"]},
    "c": {"role": "worker", "needs": ["b"]},
    "long": {"role": "worker"},
}
SPREAD: dict[str, dict[str, Any]] = {
    "list": {"role": "worker"},
    "each": {"role": "worker", "needs": ["list"], "foreach": "steps.list.result.items"},
    "last": {"role": "worker", "needs": ["each"], "prompt": "{steps.each.result}"},
    "long": {"role": "worker"},
}
ITEMS = {"summary": "s", "items": ["x", "y"]}
LONG = [works(100), works(100), works(100), submits()]


def is_sound(crew: Crew) -> bool:
    _, found = examine_run(crew.home, crew.run.id)
    return not [check for check in found if check.state == "wrong"]


def again(crew: Crew) -> list[tuple[str, ...]]:
    return [event.tasks for event in crew.events_of(TasksReopened)]


async def refused(crew: Crew, task: str | None, why: str) -> None:
    with pytest.raises(CommandError, match=why):
        await crew.send(Retry(id=crew.id(), task=task))


async def test_a_task_that_failed_runs_again_with_what_it_held_up(arrange: Arrange) -> None:
    crew = arrange({"b": [BROKEN], "long": LONG, "*": [submits()]})
    crew.workflow(CHAIN)
    async with crew.start() as run:
        await anyio.sleep(10)
        assert crew.ends() == {"a": "completed", "b": "failed", "c": "unreachable"}
        await crew.send(Retry(id="r", task="b"))
        outcome = await run.wait()
    assert outcome.status is Status.COMPLETED
    assert again(crew) == [("b", "c")]
    assert crew.order() == ["a", "long", "b", "b~2", "c"]
    assert is_sound(crew)


async def test_without_a_name_everything_that_did_not_complete_runs_again(
    arrange: Arrange,
) -> None:
    crew = arrange({"b": [BROKEN], "long": LONG, "*": [submits()]})
    crew.workflow(CHAIN)
    async with crew.start() as run:
        await anyio.sleep(10)
        await crew.send(Retry(id="r"))
        await anyio.sleep(10)
        await refused(crew, None, "no task has failed")
        await run.wait()
    assert again(crew) == [("b", "c")]


async def test_a_task_that_completed_runs_again_with_what_depends_on_it(arrange: Arrange) -> None:
    crew = arrange(
        {"a~2": [submits({"summary": "other"})], "long": LONG, "*": [submits()]},
    )
    crew.workflow(CHAIN)
    async with crew.start() as run:
        await anyio.sleep(10)
        await crew.send(Retry(id="r", task="a"))
        await run.wait()
    assert again(crew) == [("a", "b", "c")]
    assert crew.order() == ["a", "long", "b", "c", "a~2", "b~2", "c~2"]
    assert '"other"' in crew.prompt("b~2")
    assert is_sound(crew)


async def test_a_task_that_was_not_reached_runs_with_what_held_it_up(arrange: Arrange) -> None:
    crew = arrange({"b": [BROKEN], "long": LONG, "*": [submits()]})
    crew.workflow(CHAIN)
    async with crew.start() as run:
        await anyio.sleep(10)
        await crew.send(Retry(id="r", task="c"))
        outcome = await run.wait()
    assert outcome.status is Status.COMPLETED
    assert again(crew) == [("b", "c")]


async def test_items_of_a_list_that_can_not_be_made_anew_come_to_an_end(arrange: Arrange) -> None:
    crew = arrange({"list": [submits(ITEMS)], "list~2": [BROKEN], "long": LONG, "*": [submits()]})
    crew.workflow(SPREAD)
    async with crew.start() as run:
        await anyio.sleep(10)
        await crew.send(Retry(id="r", task="list"))
        outcome = await run.wait()
    assert outcome.status is Status.FAILED
    assert crew.ends()["each_1"] == crew.ends()["each"] == "unreachable"
    assert is_sound(crew)


async def test_what_needs_something_else_that_failed_stays_as_it_is(arrange: Arrange) -> None:
    crew = arrange({"a": [BROKEN], "b": [BROKEN], "long": LONG, "*": [submits()]})
    crew.workflow(
        {
            "a": {"role": "worker"},
            "b": {"role": "worker"},
            "c": {"role": "worker", "needs": ["a", "b"]},
            "long": {"role": "worker"},
        }
    )
    async with crew.start() as run:
        await anyio.sleep(10)
        await crew.send(Retry(id="r", task="a"))
        outcome = await run.wait()
    assert outcome.status is Status.FAILED
    assert again(crew) == [("a",)]
    assert is_sound(crew)


async def test_what_is_at_work_is_not_run_again_under_its_own_feet(arrange: Arrange) -> None:
    crew = arrange({"c": [works(50), submits()], "long": LONG, "*": [submits()]})
    crew.workflow(CHAIN)
    async with crew.start() as run:
        await anyio.sleep(10)
        await refused(crew, "a", "c is at work on it; wait for its end, or cancel it first")
        await refused(crew, "c", "c is at work; wait")
        await refused(crew, "other", "no task other; there are: a, b, c, long")
        await run.wait()
    assert len(crew.events_of(CommandRefused)) == 3
    assert again(crew) == []


async def test_a_task_that_waits_runs_anyway(arrange: Arrange) -> None:
    crew = arrange({"a": [works(50), submits()], "*": [submits()]})
    crew.workflow(CHAIN)
    async with crew.start() as run:
        await anyio.sleep(10)
        await refused(crew, "b", "b is about to run anyway")
        await run.wait()


async def test_a_run_that_is_cancelled_runs_nothing_again(arrange: Arrange) -> None:
    stubborn = works(50)
    crew = arrange({"b": [BROKEN], "long": [stubborn, submits()], "*": [submits()]})
    crew.workflow(CHAIN)
    async with crew.start() as run:
        await anyio.sleep(10)
        await crew.send(Cancel(id="x"))
        await refused(crew, "b", "the run is being cancelled")
        await run.wait()


async def test_a_run_that_is_over_says_how_it_is_run_again(arrange: Arrange) -> None:
    crew = arrange({"*": [submits()]})
    async with crew.start() as run:
        await run.wait()
        with pytest.raises(SessionEndedError) as raised:
            await run.control.send(Retry(id="r", task="work"))
    assert raised.value.hint == "run it again: crew retry RUN/TASK"


async def test_an_item_runs_again_while_its_fan_out_waits_for_the_others(arrange: Arrange) -> None:
    crew = arrange(
        {
            "list": [submits(ITEMS)],
            "each_1": [BROKEN],
            "each_2": [works(50), submits({"summary": "two"})],
            "each_1~2": [submits({"summary": "one"})],
            "*": [submits()],
        }
    )
    crew.workflow(SPREAD)
    async with crew.start() as run:
        await anyio.sleep(10)
        await crew.send(Retry(id="r", task="each_1"))
        outcome = await run.wait()
    assert outcome.status is Status.COMPLETED
    assert again(crew) == [("each_1",)]
    assert '"one"' in crew.prompt("last") and '"two"' in crew.prompt("last")
    assert is_sound(crew)


@pytest.mark.parametrize("task", ["each", "each_2", None])
async def test_of_a_fan_out_that_failed_only_the_failed_items_run_again(
    arrange: Arrange, task: str | None
) -> None:
    crew = arrange({"list": [submits(ITEMS)], "each_2": [BROKEN], "long": LONG, "*": [submits()]})
    crew.workflow(SPREAD)
    async with crew.start() as run:
        await anyio.sleep(10)
        assert crew.ends()["last"] == "unreachable"
        await crew.send(Retry(id="r", task=task))
        outcome = await run.wait()
    assert outcome.status is Status.COMPLETED
    assert sorted(crew.order()) == ["each_1", "each_2", "each_2~2", "last", "list", "long"]
    assert is_sound(crew)


@pytest.mark.parametrize("lost", [False, True])
async def test_a_list_that_is_made_anew_has_its_own_items(arrange: Arrange, lost: bool) -> None:
    shorter = {"summary": "s", "items": ["z"]}
    crew = arrange(
        {
            "list": [submits(ITEMS)],
            "list~2": [submits(shorter)],
            "list~3": [submits(ITEMS)],
            "long": LONG,
            "*": [submits()],
        }
    )
    crew.workflow(SPREAD)
    async with crew.start():
        await anyio.sleep(10)
        crew.lose()
    async with crew.resume() as run:
        await anyio.sleep(10)
        await crew.send(Retry(id="one", task="list"))
        await anyio.sleep(10)
        assert crew.ends()["each_2"] == "skipped"
        await crew.send(Retry(id="two", task="list"))
        if not lost:
            await run.wait()
        await anyio.sleep(10)
        if lost:
            crew.lose()
    if lost:
        await crew.finish_again()
    ends = [event.status for event in crew.events_of(TaskEnded) if event.task == "each_2"]
    assert ends == ["completed", "skipped", "completed"]
    assert crew.order().count("last~3") == 1
    assert is_sound(crew)


async def test_an_item_that_a_list_no_longer_has_is_not_run_again_beside_it(
    arrange: Arrange,
) -> None:
    crew = arrange(
        {
            "list": [submits(ITEMS)],
            "list~2": [submits({"summary": "s", "items": ["z"]})],
            "each_1~2": [works(50), submits()],
            "long": LONG,
            "*": [submits()],
        }
    )
    crew.workflow(SPREAD)
    async with crew.start() as run:
        await anyio.sleep(10)
        await crew.send(Retry(id="one", task="list"))
        await anyio.sleep(10)
        assert crew.ends()["each_2"] == "skipped"
        await refused(crew, "each_2", "each_2 is no item of each any more")
        outcome = await run.wait()
    assert outcome.status is Status.COMPLETED
    assert is_sound(crew)


async def test_a_run_that_is_lost_goes_on_with_what_was_to_run_again(arrange: Arrange) -> None:
    crew = arrange({"b": [BROKEN], "b~2": [works(50), submits()], "long": LONG, "*": [submits()]})
    crew.workflow(CHAIN)
    async with crew.start():
        await anyio.sleep(10)
        await crew.send(Retry(id="r", task="b"))
        await anyio.sleep(10)
        crew.lose()
    outcome = await crew.finish_again()
    assert outcome.status is Status.COMPLETED
    assert crew.order() == ["a", "long", "b", "b~2", "c"]
    assert is_sound(crew)


async def test_a_retry_whose_consequence_was_lost_with_the_process_is_made_good(
    arrange: Arrange,
) -> None:
    crew = arrange({"b": [BROKEN], "long": LONG, "*": [submits()]})
    crew.workflow(CHAIN)
    async with crew.start():
        await anyio.sleep(10)
        await crew.send(Retry(id="r", task="b"))
        crew.lose()
    journal = crew.folder.journal
    kept = journal.read_bytes().partition(b'"kind":"tasks.reopened"')[0]
    journal.write_bytes(kept[: kept.rindex(b"\n") + 1])
    items: list[FeedItem] = []
    async with crew.resume() as run, run.feed.subscribe() as feed:
        items.extend([item async for item in feed])
    view = replay(items)
    assert view.status is Status.COMPLETED
    assert view.tasks["b"].sessions == ("b", "b~2")
    assert is_sound(crew)


async def test_a_view_of_the_journal_shows_the_tasks_as_they_ended_last(arrange: Arrange) -> None:
    crew = arrange({"b": [BROKEN], "long": LONG, "*": [submits()]})
    crew.workflow(CHAIN)
    async with crew.start():
        await anyio.sleep(10)
        await crew.send(Retry(id="r", task="b"))
        waiting = replay(crew.events()).tasks["c"]
        await anyio.sleep(10)
        done = replay(crew.events()).tasks["c"]
    assert (waiting.status, waiting.finished, waiting.error) == ("pending", None, None)
    assert done.status == "completed"
