"""A fork keeps what a run had done up to a point, and goes on from there in a run of its own."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from crew.budget import Budget
from crew.commands import Answer, Steer
from crew.entries import SteerEntry, ToolResultEntry
from crew.errors import CrewError, StoreError, UsageError
from crew.events import (
    CommandAccepted,
    Notice,
    PermissionAnswered,
    PermissionAsked,
    RunContinued,
    RunEnded,
    SessionEnded,
    TasksReopened,
)
from crew.records import Status, Usage
from crew.service.doctor import examine_run
from crew.store.manifest import read
from crew.view import replay
from tests.doubles.crews import Crew
from tests.doubles.models import BROKEN, calls, submits, works
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


CHAIN: dict[str, dict[str, Any]] = {
    "a": {"role": "worker"},
    "b": {"role": "worker", "needs": ["a"], "prompt": "{steps.a.result}"},
    "c": {"role": "worker", "needs": ["b"]},
    "d": {"role": "worker"},
}
SPREAD: dict[str, dict[str, Any]] = {
    "list": {"role": "worker"},
    "each": {"role": "worker", "needs": ["list"], "foreach": "steps.list.result.items"},
    "last": {"role": "worker", "needs": ["each"]},
}
ITEMS = {"summary": "s", "items": ["x", "y"]}
THREE_TURNS = [calls("work", text="one"), calls("together", "work", text="two"), submits()]


def files(root: Path) -> dict[str, tuple[bytes, int]]:
    """Every file of a folder, and when it was changed last."""
    return {
        path.relative_to(root).as_posix(): (path.read_bytes(), path.stat().st_ctime_ns)
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def check(crew: Crew) -> None:
    """Doctor finds nothing wrong, and no old id is left."""
    events = crew.events()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert {event.run for event in events} == {crew.run.id}
    _, found = examine_run(crew.home, crew.run.id)
    assert [check for check in found if check.state != "ok"] == []


async def test_what_does_not_depend_on_the_task_is_kept_and_the_rest_runs_afresh(
    arrange: Arrange,
) -> None:
    crew = arrange({"a": [submits({"summary": "first"})], "*": [submits()]})
    crew.workflow(CHAIN)
    await crew.finish()
    old, before = crew.run.id, files(crew.folder.root)
    asked = len(crew.model.requests)
    outcome = await crew.finish_fork("b")
    assert outcome.status is Status.COMPLETED
    assert crew.run.id != old
    assert [request.session for request in crew.model.requests[asked:]] == ["b", "c"]
    assert '"first"' in crew.prompt("b")
    assert files(crew.folder.root.parent / old) == before
    assert crew.transcript("a")
    check(crew)


async def test_a_fork_says_where_it_came_from(arrange: Arrange) -> None:
    crew = arrange({"*": [submits()]})
    crew.workflow(CHAIN)
    await crew.finish()
    old = crew.run.id
    await crew.finish_fork("b")
    assert read(crew.folder).forked_from == f"{old} at b"
    assert crew.events_of(Notice)[0].text == f"forked from {old} at b, with 2 tasks done"
    assert [event.reason for event in crew.events_of(RunContinued)] == ["fork"]
    assert len(crew.events_of(RunEnded)) == 1


async def test_what_did_not_complete_runs_afresh_too(arrange: Arrange) -> None:
    crew = arrange({"d": [BROKEN], "*": [submits()]})
    crew.workflow(CHAIN)
    assert (await crew.finish()).status is Status.FAILED
    crew.model.mend({"*": [submits()]})
    outcome = await crew.finish_fork("c")
    assert outcome.status is Status.COMPLETED
    assert crew.order() == ["a", "b", "c", "d"]
    check(crew)


async def test_a_session_goes_on_from_the_end_of_a_turn(arrange: Arrange) -> None:
    crew = arrange({"b": THREE_TURNS, "*": [submits()]})
    crew.workflow(CHAIN)
    await crew.finish()
    third = crew.model.of("b")[-1]
    asked = len(crew.model.requests)
    await crew.finish_fork("b:2")
    assert [request.session for request in crew.model.requests[asked:]] == ["b", "c"]
    assert list(crew.model.requests[asked].messages) == list(third.messages)
    assert [event.turns for event in crew.events_of(SessionEnded) if event.session == "b"] == [3]
    check(crew)


async def test_it_is_told_something_new_before_its_next_request(arrange: Arrange) -> None:
    crew = arrange({"b": THREE_TURNS, "*": [submits()]})
    crew.workflow(CHAIN)
    await crew.finish()
    await crew.finish_fork("b:1", steer="look elsewhere")
    steers = [entry for entry in crew.transcript("b") if isinstance(entry, SteerEntry)]
    assert [(entry.text, entry.turn) for entry in steers] == [("look elsewhere", 2)]
    check(crew)


async def test_it_is_told_it_also_where_the_journal_had_lost_its_beginning(
    arrange: Arrange,
) -> None:
    crew = arrange({"work": [works(1), works(50), submits()]})
    async with crew.start():
        await anyio.sleep(5)
        crew.lose()
    crew.forget("work")
    await anyio.sleep(5)
    await crew.finish_again()
    assert (await crew.finish_fork("work:1", steer="look elsewhere")).status is Status.COMPLETED
    assert crew.order() == ["work"]
    assert [entry.text for entry in crew.transcript() if isinstance(entry, SteerEntry)] == [
        "look elsewhere"
    ]
    assert {known.state for known in replay(crew.events()).commands.values()} == {"delivered"}
    check(crew)


async def test_a_session_that_was_done_goes_on_when_it_is_told_something(arrange: Arrange) -> None:
    crew = arrange({"work": [submits(), submits({"summary": "better"})]})
    await crew.finish()
    outcome = await crew.finish_fork("work:1", steer="do better")
    assert outcome.result == {"summary": "better"}
    check(crew)


async def test_steers_that_it_had_been_told_stay_and_later_ones_do_not(arrange: Arrange) -> None:
    crew = arrange({"work": [works(5), works(5), submits()]})
    async with crew.start() as run:
        for name in ("one", "two"):
            await anyio.sleep(1)
            await crew.send(Steer(id=name, session="work", text=name, interrupt="wait"))
            await anyio.sleep(4.5)
        await run.wait()
    await crew.finish_fork("work:2")
    steers = [entry.text for entry in crew.transcript() if isinstance(entry, SteerEntry)]
    assert steers == ["one"]
    assert [event.command.id for event in crew.events_of(CommandAccepted)] == ["one"]
    assert {known.state for known in replay(crew.events()).commands.values()} == {"delivered"}
    check(crew)


@pytest.mark.parametrize(("turn", "asked"), [(1, 1), (2, 0)])
async def test_children_go_with_the_calls_that_spawned_them(
    arrange: Arrange, turn: int, asked: int
) -> None:
    spawn = calls(("spawn_agent", {"agent": "helper", "prompt": "go"}))
    crew = arrange({"work": [spawn, spawn, submits()], "*": [submits()]})
    crew.agent("worker", spawns=["helper"])
    crew.agent("helper")
    await crew.finish()
    before = len(crew.model.requests)
    await crew.finish_fork(f"work:{turn}")
    sessions = [request.session for request in crew.model.requests[before:]]
    assert sessions.count("work.helper-1") == 0
    assert sessions.count("work.helper-2") == asked
    children = [name for name in crew.order() if name != "work"]
    assert children == ["work.helper-1", "work.helper-2"]
    spawned = [e.session for e in crew.transcript() if isinstance(e, ToolResultEntry)][:2]
    assert spawned == children
    check(crew)


async def test_an_item_of_a_fan_out_goes_on_beside_the_others(arrange: Arrange) -> None:
    crew = arrange({"list": [submits(ITEMS)], "each_2": THREE_TURNS, "*": [submits()]})
    crew.workflow(SPREAD)
    await crew.finish()
    asked = len(crew.model.requests)
    outcome = await crew.finish_fork("each_2:2")
    assert outcome.status is Status.COMPLETED
    assert [request.session for request in crew.model.requests[asked:]] == ["each_2", "last"]
    check(crew)


async def test_what_was_made_of_something_that_is_made_anew_is_no_point_to_go_on_from(
    arrange: Arrange,
) -> None:
    crew = arrange({"list": [submits(ITEMS)], "list~2": [BROKEN], "*": [submits()]})
    crew.workflow(SPREAD)
    await crew.finish()
    await crew.finish_again(retry=True, task="list")
    with pytest.raises(UsageError, match="each_1 worked on what list gave"):
        await crew.finish_fork("each_1:1")


async def test_what_was_made_of_something_that_was_made_anew_since_is_no_point_either(
    arrange: Arrange,
) -> None:
    again = submits({"summary": "s", "items": ["z"]})
    crew = arrange({"list": [submits(ITEMS)], "list~2": [again], "*": [submits()]})
    crew.workflow(SPREAD)
    await crew.finish()
    await crew.finish_again(retry=True, task="list")
    with pytest.raises(UsageError, match="each_2 worked on what list gave, and list was run again"):
        await crew.finish_fork("each_2:1")


async def test_an_attempt_that_failed_can_be_gone_back_to(arrange: Arrange) -> None:
    crew = arrange({"b": [calls("work"), BROKEN], "b~2": THREE_TURNS, "*": [submits()]})
    crew.workflow(CHAIN | {"b": CHAIN["b"] | {"retries": 1}})
    await crew.finish()
    crew.model.mend({"b": [calls("work"), submits()], "*": [submits()]})
    outcome = await crew.finish_fork("b:1")
    assert outcome.status is Status.COMPLETED
    assert crew.order() == ["a", "d", "b", "c"]
    check(crew)


async def test_earlier_attempts_stay_beside_the_one_that_goes_on(arrange: Arrange) -> None:
    crew = arrange({"b": [BROKEN], "b~2": THREE_TURNS, "*": [submits()]})
    crew.workflow(CHAIN)
    await crew.finish()
    await crew.finish_again(retry=True)
    await crew.finish_fork("b~2:2")
    assert crew.order() == ["a", "d", "b", "b~2", "c"]
    assert replay(crew.events()).tasks["b"].sessions == ("b", "b~2")
    check(crew)


async def test_a_task_that_was_run_again_has_the_tries_of_that_in_a_fork(arrange: Arrange) -> None:
    crew = arrange({"b": [BROKEN], "b~2": [BROKEN], "b~3": THREE_TURNS, "*": [submits()]})
    crew.workflow(CHAIN | {"b": CHAIN["b"] | {"retries": 1}})
    await crew.finish()
    await crew.finish_again(retry=True)
    crew.model.mend({"b~3": [BROKEN], "*": [submits()]})
    outcome = await crew.finish_fork("b~3:1")
    assert outcome.status is Status.COMPLETED
    assert [event.tasks for event in crew.events_of(TasksReopened)] == [("b",)]
    assert crew.order() == ["a", "d", "b", "b~2", "b~3", "b~4", "c"]
    check(crew)


async def test_a_fork_counts_what_its_kept_part_has_cost(arrange: Arrange) -> None:
    costs = [turn.model_copy(update={"usage": Usage(input_tokens=100)}) for turn in THREE_TURNS]
    crew = arrange({"a": costs[2:], "b": costs, "d": costs[2:], "c": costs[2:]})
    crew.workflow(CHAIN)
    assert (await crew.finish()).usage.tokens == 600
    crew.model.mend({"b": THREE_TURNS, "*": [submits()]})
    outcome = await crew.finish_fork("b:2", budget=Budget(tokens=500))
    assert outcome.status is Status.COMPLETED
    assert outcome.usage.tokens == 400  # a, d and two turns of b


async def test_what_ran_a_task_again_later_is_undone_by_a_fork(arrange: Arrange) -> None:
    crew = arrange({"b": THREE_TURNS, "*": [submits()]})
    crew.workflow(CHAIN)
    await crew.finish()
    await crew.finish_again(retry=True, task="b")
    await crew.finish_fork("b:1")
    assert crew.events_of(TasksReopened) == []
    assert crew.order() == ["a", "d", "b", "c"]
    check(crew)


async def test_a_run_that_goes_on_can_be_forked_and_is_not_disturbed(arrange: Arrange) -> None:
    crew = arrange({"c": [works(50), submits()], "*": [submits()]})
    crew.workflow(CHAIN)
    async with crew.start() as run:
        await anyio.sleep(10)
        outcome = await crew.finish_fork("b")
        assert outcome.status is Status.COMPLETED
        check(crew)
        assert (await run.wait()).status is Status.COMPLETED


async def test_a_turn_that_is_not_over_is_refused(arrange: Arrange) -> None:
    crew = arrange({"work": [calls("together"), works(50), submits()]})
    async with crew.start():
        await anyio.sleep(10)
        with pytest.raises(UsageError, match="turn 2 of work is not over") as raised:
            await crew.finish_fork("work:2")
        assert raised.value.hint == "go back to turn 1, or wait for its end"


async def test_a_fork_can_be_lost_and_taken_up_and_forked_again(arrange: Arrange) -> None:
    crew = arrange({"b": [*THREE_TURNS[:2], works(50), submits()], "*": [submits()]})
    crew.workflow(CHAIN)
    await crew.finish()
    async with crew.fork("b:2"):
        await anyio.sleep(10)
        crew.lose()
    await crew.finish_again()
    assert [event.reason for event in crew.events_of(RunContinued)] == ["fork", "interrupted"]
    check(crew)
    await crew.finish_fork("b:1")
    assert [event.reason for event in crew.events_of(RunContinued)] == ["fork"]
    check(crew)


async def test_what_was_allowed_for_a_session_is_asked_for_again(arrange: Arrange) -> None:
    crew = arrange({"work": [calls("writes"), calls("writes"), submits()]})
    for start in (crew.start, crew.fork):
        args = () if start == crew.start else ("work:1",)
        async with start(*args, interactive=True, allow=()) as run, run.feed.subscribe() as items:
            async for item in items:
                answered = [event.request for event in crew.events_of(PermissionAnswered)]
                if isinstance(item, PermissionAsked) and item.request not in answered:
                    await crew.send(
                        Answer(id=crew.id(), request=item.request, decision="allow_session")
                    )
    asked = [event.request for event in crew.events_of(PermissionAsked)]
    assert asked == ["permission-1", "permission-2"]
    check(crew)


async def test_time_that_passed_since_the_turn_does_not_count_for_its_timeout(
    arrange: Arrange,
) -> None:
    crew = arrange({"work": [works(4), works(400)]})
    crew.agent("worker", timeout="10s")
    assert (await crew.finish()).status is Status.FAILED
    crew.model.mend({"work": [works(4), submits()]})
    await anyio.sleep(1000)
    assert (await crew.finish_fork("work:1")).status is Status.COMPLETED


@pytest.mark.parametrize(
    ("at", "options", "message", "hint"),
    [
        ("x", {}, "the run has no task x", "tasks: work; for a turn of a session: SESSION:TURN"),
        ("x:1", {}, "the run has no session x", "sessions: work, work.helper-1"),
        ("work:9", {}, "work has no turn 9", "it has turns 1 to 2"),
        ("work:0", {}, "work has no turn 0", "it has turns 1 to 2"),
        ("work:", {}, r"work has no turn \?", "it has turns 1 to 2"),
        ("work.helper-1:1", {}, "was spawned by work", "work:TURN"),
        ("work", {"steer": "x"}, "there is nobody to say it to", "--at SESSION:TURN"),
        ("work:1", {"steer": " "}, "there is nothing to say", "--at SESSION:TURN"),
        ("work", {"allow": ("nonsense",)}, "no such effect or tool", "one of"),
    ],
)
async def test_a_point_that_is_none_is_refused_and_leaves_nothing_behind(
    arrange: Arrange, at: str, options: dict[str, Any], message: str, hint: str
) -> None:
    spawn = calls(("spawn_agent", {"agent": "helper", "prompt": "go"}))
    crew = arrange({"work": [spawn, submits()], "*": [submits()]})
    crew.agent("worker", spawns=["helper"])
    crew.agent("helper")
    await crew.finish()
    with pytest.raises(CrewError, match=message) as raised:
        await crew.finish_fork(at, **options)
    assert hint in raised.value.hint
    assert [path.name for path in crew.folder.root.parent.iterdir()] == [crew.run.id]


async def test_a_result_that_is_damaged_is_not_taken_over(arrange: Arrange) -> None:
    crew = arrange({"*": [submits()]})
    crew.workflow(CHAIN)
    await crew.finish()
    (crew.folder.artifacts / "a.result.json").write_text("{}")
    with pytest.raises(StoreError, match=r"a\.result\.json is missing or damaged"):
        await crew.finish_fork("b")
    assert [path.name for path in crew.folder.root.parent.iterdir()] == [crew.run.id]
