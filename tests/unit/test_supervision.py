"""Supervision through whole runs, in virtual time: who begins again, with whom, and how often."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crew.budget import Budget
from crew.commands import Cancel
from crew.definitions.types import Supervision
from crew.events import SessionEnded, TaskEnded
from crew.models.script import Turn
from crew.records import Status, Usage
from tests.doubles.crews import Crew
from tests.doubles.models import BROKEN, OK, calls, says, submits, works
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def breaks(after: float = 0) -> list[Turn]:
    """A session that works for a while and fails."""
    return [works(after), BROKEN] if after else [BROKEN]


def team(crew: Crew, *tasks: str, retries: int = 0, **supervision: object) -> None:
    """Tasks side by side, under supervision."""
    crew.workflow({name: {"role": "worker", "retries": retries} for name in tasks})
    crew.team({"worker": "worker"}, supervision=supervision or {"restart": "transient"})


def restarts(crew: Crew) -> list[tuple[str, str]]:
    """Task and status of every attempt that supervision follows by another."""
    return [(e.task or "", e.status) for e in crew.events_of(TaskEnded) if e.restart]


# What is started again.


async def test_without_supervision_nothing_begins_again(arrange: Arrange) -> None:
    crew = arrange({"work": breaks(), "*": [submits()]})
    assert (await crew.finish()).status is Status.FAILED
    assert crew.order() == ["work"]


async def test_a_task_that_failed_begins_again_as_a_new_attempt(arrange: Arrange) -> None:
    crew = arrange({"work": breaks(), "*": [submits()]})
    team(crew, "work")
    assert (await crew.finish()).status is Status.COMPLETED
    assert crew.order() == ["work", "work~2"]
    assert restarts(crew) == [("work", "failed")]


STOPS = [says("I stop.")] * 4
LOOPS = [calls("work")] * 3
SPENDS = [calls("work").model_copy(update={"usage": Usage(input_tokens=5000)})] * 2


@pytest.mark.parametrize(
    ("played", "status", "kinds"),
    [
        (breaks(), Status.FAILED, {"transient", "permanent"}),
        (STOPS, Status.NEEDS_ATTENTION, {"permanent"}),
        (LOOPS, Status.MAX_TURNS, {"permanent"}),
        (SPENDS, Status.OVER_BUDGET, {"permanent"}),
    ],
)
@pytest.mark.parametrize("restart", ["temporary", "transient", "permanent"])
async def test_which_end_begins_again_is_the_restart_kinds_to_say(
    arrange: Arrange, played: list[Turn], status: Status, kinds: set[str], restart: str
) -> None:
    crew = arrange({"work": played, "*": [submits()]})
    crew.agent("worker", max_turns=len(played) + (played is STOPS), budget={"tokens": "5k"})
    team(crew, "work", restart=restart)
    await crew.finish()
    assert crew.events_of(SessionEnded)[0].status is status
    assert crew.order() == (["work", "work~2"] if restart in kinds else ["work"])


@pytest.mark.parametrize("level", ["run", "task"])
async def test_nothing_begins_again_when_the_runs_or_the_tasks_budget_is_spent(
    arrange: Arrange, level: str
) -> None:
    crew = arrange([works(20)], loop=True)
    team(crew, "work", restart="permanent")
    step = {"role": "worker"} | ({"budget": {"turns": 2}} if level == "task" else {})
    crew.workflow({"work": step})
    outcome = await crew.finish(**({"budget": Budget(turns=2)} if level == "run" else {}))
    assert outcome.status is Status.OVER_BUDGET
    assert crew.order() == ["work"]


async def test_whom_a_person_cancels_does_not_begin_again(arrange: Arrange) -> None:
    crew = arrange([works(100), submits()])
    team(crew, "work", restart="permanent")
    async with crew.start() as run:
        await crew.model.asked(1)
        await crew.send(Cancel(id=crew.id(), session="work"))
        assert (await run.wait()).status is Status.CANCELLED
    assert crew.order() == ["work"]


# With whom.


@pytest.mark.parametrize(
    ("strategy", "again"),
    [
        ("one_for_one", ["b~2"]),
        ("one_for_all", ["a~2", "b~2", "c~2"]),
        ("rest_for_one", ["b~2", "c~2"]),
    ],
)
async def test_the_strategy_says_who_begins_again_with_the_task_that_failed(
    arrange: Arrange, strategy: str, again: list[str]
) -> None:
    steady = [works(50), submits()]
    crew = arrange({"a": steady, "b": breaks(5), "c": steady, "done": [submits()], "*": steady})
    team(crew, "a", "b", "c", "done", strategy=strategy)
    assert (await crew.finish()).status is Status.COMPLETED
    assert sorted(crew.order()[4:]) == again
    ends = {e.session: e for e in crew.events_of(SessionEnded)}
    for name in ("a", "c"):
        ended = ends[name]
        if f"{name}~2" in again:
            assert ended.status is Status.CANCELLED
            assert ended.error is not None
            assert (ended.error.title, ended.error.message) == ("Restarted", "b failed")
        else:
            assert ended.status is Status.COMPLETED


async def test_the_order_of_the_first_start_stays_the_order(arrange: Arrange) -> None:
    steady = [works(50), submits()]
    crew = arrange({"a": breaks(5), "b": steady, "a~2": [works(9), submits()], "b~2": breaks(5)})
    team(crew, "a", "b", strategy="rest_for_one")
    await crew.finish(model="recorded")
    assert crew.order()[:4] == ["a", "b", "a~2", "b~2"]
    assert restarts(crew)[:3] == [("b", "cancelled"), ("a", "failed"), ("b", "failed")]


async def test_whom_a_person_cancels_while_the_strategy_ends_it_stays_cancelled(
    arrange: Arrange,
) -> None:
    slow = calls(("work", {"seconds": 50, "stubborn": 2}))
    crew = arrange({"a": breaks(5), "b": [slow, submits()], "*": [submits()]})
    team(crew, "a", "b", strategy="one_for_all")
    async with crew.start() as run:
        await anyio.sleep(6)
        await crew.send(Cancel(id=crew.id(), session="b"))
        assert (await run.wait()).status is Status.CANCELLED
    assert crew.order() == ["a", "b", "a~2"]


async def test_a_cancelled_run_starts_nothing_again(arrange: Arrange) -> None:
    crew = arrange([works(5), BROKEN], loop=True)
    team(crew, "a", "b", strategy="one_for_all", restart="permanent")
    async with crew.start() as run:
        await anyio.sleep(4)
        await crew.send(Cancel(id=crew.id()))
        assert (await run.wait()).status is Status.CANCELLED
    assert crew.order() == ["a", "b"]


async def test_items_of_a_fan_out_are_supervised_each(arrange: Arrange) -> None:
    crew = arrange({"first": [submits({"list": [1, 2]})], "each_2": breaks(), "*": [submits()]})
    crew.agent("worker", output={"type": "object"})
    team(crew, "first")
    crew.workflow(
        {
            "first": {"role": "worker"},
            "each": {"role": "worker", "needs": ["first"], "foreach": "steps.first.result.list"},
        }
    )
    assert (await crew.finish()).status is Status.COMPLETED
    assert crew.order() == ["first", "each_1", "each_2", "each_2~2"]


# How often.


async def test_beyond_the_intensity_the_task_fails_for_good_and_says_so(arrange: Arrange) -> None:
    crew = arrange({"*": [BROKEN]})
    team(crew, "work", max_restarts=3, window="60s")
    outcome = await crew.finish()
    assert outcome.status is Status.FAILED
    assert len(crew.order()) == 4
    assert outcome.error is not None
    assert outcome.error.message == (
        "no such thing; started again 3 times within 1m, the most allowed"
    )
    assert outcome.error.hint.endswith("raise `max_restarts` in the `supervision` of the team")


async def test_restarts_longer_ago_than_the_window_no_more_count(arrange: Arrange) -> None:
    failing = {f"work~{n}" if n > 1 else "work": breaks(40) for n in range(1, 6)}
    crew = arrange({**failing, "*": [submits()]})
    team(crew, "work", max_restarts=2, window="60s")
    assert (await crew.finish()).status is Status.COMPLETED
    assert len(crew.order()) == 6


async def test_retries_come_first_and_are_counted_apart(arrange: Arrange) -> None:
    crew = arrange({"*": [BROKEN]})
    team(crew, "work", retries=2, max_restarts=3)
    assert (await crew.finish()).status is Status.FAILED
    ends = [e for e in crew.events_of(TaskEnded) if e.task == "work"]
    assert [(e.retry, e.restart) for e in ends] == [
        *[(True, False)] * 2,
        *[(True, True)] * 3,
        (False, False),
    ]


async def test_tries_are_remembered_when_a_run_goes_on(arrange: Arrange) -> None:
    crew = arrange({"*": [works(10), BROKEN]})
    team(crew, "work", retries=1, max_restarts=2, window="1h")
    async with crew.start():
        await anyio.sleep(25)
        crew.lose()
    assert (await crew.finish_again()).status is Status.FAILED
    ends = [e for e in crew.events_of(TaskEnded) if e.task == "work"]
    assert [(e.retry, e.restart) for e in ends] == [
        (True, False),
        (True, True),
        (True, True),
        (False, False),
    ]


async def test_whom_the_strategy_had_ended_begins_again_when_a_run_goes_on(
    arrange: Arrange,
) -> None:
    slow = calls(("work", {"seconds": 50, "stubborn": 2}))
    crew = arrange({"a": breaks(5), "b": [slow, submits()], "c": [works(50)], "*": [submits()]})
    team(crew, "a", "b", "c", strategy="one_for_all")
    async with crew.start():
        await anyio.sleep(6)  # c has ended for it, b still cleans up
        crew.lose()
    assert (await crew.finish_again()).status is Status.COMPLETED
    assert {"a~2", "b~2", "c~2"} <= set(crew.order())


async def test_whom_the_strategy_had_ended_begins_again_also_if_it_had_submitted(
    arrange: Arrange,
) -> None:
    slow = ("work", {"seconds": 50, "stubborn": 2})
    crew = arrange({"a": breaks(5), "b": [calls(("submit_result", OK), slow)], "*": [submits()]})
    team(crew, "a", "b", strategy="one_for_all")
    async with crew.start():
        await anyio.sleep(6)  # b still cleans up
        crew.lose()
    assert (await crew.finish_again()).status is Status.COMPLETED
    assert restarts(crew) == [("a", "failed"), ("b", "cancelled")]


plays = st.lists(
    st.tuples(st.sampled_from(["fails", "stops", "submits"]), st.integers(0, 30)), max_size=5
)


@settings(max_examples=60, deadline=None)
@given(
    tasks=st.lists(plays, min_size=1, max_size=4),
    rule=st.builds(
        Supervision,
        strategy=st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"]),
        restart=st.sampled_from(["permanent", "transient", "temporary"]),
        max_restarts=st.integers(1, 3),
        window=st.integers(5, 60),
    ),
    retries=st.integers(0, 2),
)
def test_no_task_is_started_again_more_often_than_the_intensity_allows(
    tasks: list[list[tuple[str, int]]], rule: Supervision, retries: int
) -> None:
    ends = {"fails": BROKEN, "stops": says("I stop."), "submits": submits()}
    script = {
        f"t{number}" + (f"~{attempt}" if attempt > 1 else ""): [works(after), *[ends[how]] * 4]
        for number, played in enumerate(tasks)
        for attempt, (how, after) in enumerate(played, start=1)
    }

    async def run() -> list[TaskEnded]:
        with TemporaryDirectory() as root:
            crew = Crew(Path(root), {**script, "*": [BROKEN]})
            names = [f"t{number}" for number in range(len(tasks))]
            team(crew, *names, retries=retries, **rule.model_dump())
            await crew.finish()
            started = crew.order()
            assert len(started) == len(set(started))
            return crew.events_of(TaskEnded)

    found = anyio.run(run, backend_options=VIRTUAL[1])
    for name in {event.task for event in found}:
        own = [event for event in found if event.task == name]
        assert sum(event.retry and not event.restart for event in own) <= retries
        assert [event.retry for event in own] == [True] * (len(own) - 1) + [False]
        again = [event.at for event in own if event.restart and event.status == "failed"]
        for at in again:
            since = at - timedelta(seconds=rule.window)
            assert sum(since < other <= at for other in again) <= rule.max_restarts
        if rule.restart == "temporary":
            assert not again
