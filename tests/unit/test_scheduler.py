"""The scheduler through whole runs, in virtual time: order, data flow, fan-out, retries, ends."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import pytest

from crew.commands import Cancel, FollowUp
from crew.entries import NoticeEntry
from crew.events import SessionModel, SessionStarted, TaskAdded, TaskEnded, TaskStarted
from crew.models.protocol import Delta, ModelRequest
from crew.models.script import Turn
from crew.records import Status
from crew.service import RunRequest, SpawnLimits, start
from crew.store.artifacts import ArtifactStore
from crew.store.redact import Redactor
from tests.doubles.crews import Crew, steady_sources
from tests.doubles.models import BROKEN, Recorded, calls, says, submits, works
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange

FREE = {"type": "object"}


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


# Order and parallelism.


async def test_a_step_begins_when_all_that_it_needs_has_ended(arrange: Arrange) -> None:
    crew = arrange({"*": [works(1), submits()]})
    crew.workflow(
        {
            "last": {"role": "worker", "needs": ["left", "right"]},
            "right": {"role": "worker", "needs": ["first"]},
            "left": {"role": "worker", "needs": ["first"]},
            "first": {"role": "worker"},
        }
    )
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    assert crew.order() == ["first", "right", "left", "last"]
    assert [event.task for event in crew.events_of(TaskAdded)] == [
        *("last", "right", "left", "first")
    ]
    tasks = {e.task for e in crew.events()[: _place(crew, SessionStarted, "last")] if _is_end(e)}
    assert {"first", "right", "left"} <= tasks


def _place(crew: Crew, kind: type[Any], session: str) -> int:
    return next(
        place
        for place, event in enumerate(crew.events())
        if isinstance(event, kind) and event.session == session
    )


def _is_end(event: object) -> bool:
    return isinstance(event, TaskEnded)


@pytest.mark.parametrize(("allowed", "seconds"), [(1, 6), (2, 3), (3, 2), (6, 1), (9, 1)])
async def test_tasks_run_side_by_side_up_to_the_limit_and_never_above(
    arrange: Arrange, allowed: int, seconds: int
) -> None:
    crew = arrange({"*": [works(1), submits()]})
    crew.workflow({f"s{number}": {"role": "worker"} for number in range(6)})
    async with crew.start(max_concurrency=allowed) as run:
        await run.wait()
        took = anyio.current_time()
    assert took == pytest.approx(seconds, abs=0.4)
    assert crew.most_at_once() == min(allowed, 6)
    assert crew.order() == [f"s{number}" for number in range(6)]


async def test_the_teams_own_limit_counts_when_nobody_asks_for_another(arrange: Arrange) -> None:
    crew = arrange({"*": [works(1), submits()]})
    crew.workflow({f"s{number}": {"role": "worker"} for number in range(4)})
    crew.team({"worker": "worker"}, max_concurrency=2)
    await crew.finish()
    assert crew.most_at_once() == 2


async def test_tasks_beyond_the_limit_of_live_sessions_wait_for_their_turn(
    arrange: Arrange,
) -> None:
    crew = arrange({"*": [works(1), submits()]})
    crew.workflow({f"s{number}": {"role": "worker"} for number in range(3)})
    outcome = await crew.finish(max_concurrency=3, limits=SpawnLimits(sessions=2))
    assert outcome.status is Status.COMPLETED
    assert crew.most_at_once() == 2


# Data flow.


async def test_a_result_flows_whole_into_the_prompt_of_who_needs_it(arrange: Arrange) -> None:
    value = {"summary": "found", "list": list(range(500)), "text": "ä\n</result>" * 100}
    crew = arrange({"first": [submits(value)], "*": [submits()]})
    crew.workflow(
        {
            "first": {"role": "worker"},
            "named": {
                "role": "worker",
                "needs": ["first"],
                "prompt": "See {steps.first.result}, mind {steps.first.result.summary}.",
            },
            "unnamed": {"role": "worker", "needs": ["first"]},
        }
    )
    await crew.finish(goal="win")
    for step in ("named", "unnamed"):
        text = crew.prompt(step)
        assert text.startswith("<goal>\nwin\n</goal>")
        assert text.count("</result>") == 1
        body = text.split('status="completed">\n')[1].split("\n</result>")[0]
        assert json.loads(body) == value
    assert ", mind found." in crew.prompt("named")


async def test_a_huge_result_goes_by_reference_to_an_artifact_that_can_be_read(
    arrange: Arrange,
) -> None:
    value = {"summary": "big", "text": "BEGIN" + "x" * 70_000 + "END"}
    crew = arrange(
        {
            "first": [submits(value)],
            "second": [calls(("read", {"path": "artifact:first.result.json"})), submits()],
        }
    )
    crew.agent("worker", tools=["read"])
    crew.workflow({"first": {"role": "worker"}, "second": {"role": "worker", "needs": ["first"]}})
    await crew.finish()
    text = crew.prompt("second")
    assert len(text) < 14_000
    assert 'artifact="artifact:first.result.json"' in text
    assert "BEGIN" in text
    assert "END" in text
    assert json.loads(ArtifactStore(crew.folder, Redactor()).get("first.result.json")) == value
    assert crew.results("second")[0] == ("read", "ok")


# Conditions.


@pytest.mark.parametrize(("count", "status"), [(2, "completed"), (0, "skipped")])
async def test_a_step_runs_when_its_condition_is_true_and_is_skipped_when_not(
    arrange: Arrange, count: int, status: str
) -> None:
    crew = arrange({"first": [submits({"n": count})], "*": [submits()]})
    crew.agent("worker", output=FREE)
    crew.workflow(
        {
            "first": {"role": "worker"},
            "maybe": {"role": "worker", "needs": ["first"], "when": "steps.first.result.n > 1"},
            "after": {"role": "worker", "needs": ["maybe"]},
        }
    )
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    assert crew.ends() == {"first": "completed", "maybe": status, "after": "completed"}
    assert ("<result" in crew.prompt("after")) == (status == "completed")


async def test_a_condition_on_a_skipped_step_reads_nothing_there(arrange: Arrange) -> None:
    crew = arrange({"*": [submits({"n": 1})]})
    crew.agent("worker", output=FREE)
    when = {"role": "worker", "when": "steps.a.result.n > 5", "needs": ["a"]}
    crew.workflow(
        {
            "a": {"role": "worker"},
            "b": when,
            "c": {"role": "worker", "needs": ["b"], "when": "steps.b.result.n == 1"},
        }
    )
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    assert outcome.result is None
    assert crew.ends() == {"a": "completed", "b": "skipped", "c": "skipped"}
    assert [e.task for e in crew.events_of(TaskStarted)] == ["a"]


# Retries, timeouts, overrides.


async def test_a_failed_step_is_tried_again_with_a_new_session_each_time(
    arrange: Arrange,
) -> None:
    crew = arrange({"work": [BROKEN], "work~2": [says("No.")] * 4, "work~3": [submits()]})
    crew.workflow({"work": {"role": "worker", "retries": 2}})
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    assert crew.order() == ["work", "work~2", "work~3"]
    assert [(e.attempt, e.retry, e.status) for e in crew.events_of(TaskEnded)] == [
        (1, True, "failed"),
        (2, True, "failed"),
        (3, False, "completed"),
    ]
    assert [event.attempt for event in crew.events_of(SessionStarted)] == [1, 2, 3]
    assert crew.kinds("work")[-1] == "error"
    assert crew.kinds("work~2").count("text") == 4
    assert crew.kinds("work~3")[-1] == "result"


async def test_retries_come_to_an_end(arrange: Arrange) -> None:
    crew = arrange({"*": [BROKEN]})
    crew.workflow({"work": {"role": "worker", "retries": 1}})
    outcome = await crew.finish()
    assert outcome.status is Status.FAILED
    assert crew.order() == ["work", "work~2"]


async def test_what_a_person_cancelled_is_not_tried_again(arrange: Arrange) -> None:
    crew = arrange({"*": [works(60), submits()]})
    crew.workflow(
        {
            "work": {"role": "worker", "retries": 3},
            "other": {"role": "worker"},
            "after": {"role": "worker", "needs": ["work"]},
        }
    )
    async with crew.start() as run:
        await anyio.sleep(1)
        await crew.send(Cancel(id=crew.id(), session="work", reason="enough"))
        outcome = await run.wait()
    assert outcome.status is Status.CANCELLED
    assert outcome.error is not None
    assert outcome.error.message == "cancelled: enough"
    assert crew.ends() == {"work": "cancelled", "other": "completed", "after": "unreachable"}
    assert crew.order() == ["work", "other"]


async def test_a_retry_does_not_begin_once_the_run_is_cancelled(arrange: Arrange) -> None:
    crew = arrange({"*": [Turn(delay=5, error=BROKEN.error)]})
    crew.workflow({"work": {"role": "worker", "retries": 10}})
    async with crew.start() as run:
        await anyio.sleep(12)
        await crew.send(Cancel(id=crew.id()))
        outcome = await run.wait()
    assert outcome.status is Status.CANCELLED
    assert crew.order() == ["work", "work~2", "work~3"]


async def test_a_step_has_a_timeout_of_its_own(arrange: Arrange) -> None:
    crew = arrange({"*": [works(50), submits()]})
    crew.workflow({"work": {"role": "worker", "timeout": "10s"}, "slow": {"role": "worker"}})
    outcome = await crew.finish()
    assert crew.ends() == {"work": "failed", "slow": "completed"}
    assert outcome.error is not None
    assert outcome.error.message == "not done within 10 s"


async def test_what_needs_a_failed_step_is_unreachable_and_the_rest_goes_on(
    arrange: Arrange,
) -> None:
    crew = arrange({"bad": [BROKEN], "*": [works(1), submits()]})
    crew.workflow(
        {
            "bad": {"role": "worker"},
            "b": {"role": "worker", "needs": ["bad"]},
            "c": {"role": "worker", "needs": ["b", "fine"]},
            "fine": {"role": "worker"},
            "d": {"role": "worker", "needs": ["fine"]},
        }
    )
    outcome = await crew.finish()
    assert outcome.status is Status.FAILED
    assert crew.ends() == {
        **{"bad": "failed", "b": "unreachable", "c": "unreachable"},
        **{"fine": "completed", "d": "completed"},
    }
    assert outcome.result == {"d": {"summary": "done"}}
    assert "- c: unreachable: it needs b" in outcome.report


async def test_a_step_can_ask_for_another_shape_of_result(arrange: Arrange) -> None:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    crew = arrange({"work": [submits({"n": "one"}), submits({"n": 1})], "*": [submits()]})
    crew.workflow({"work": {"role": "worker", "output": schema}, "other": {"role": "worker"}})
    outcome = await crew.finish()
    assert outcome.result == {"work": {"n": 1}, "other": {"summary": "done"}}
    assert crew.results("work") == [("submit_result", "error"), ("submit_result", "ok")]
    told = {tool.name: tool.parameters for tool in crew.model.of("work")[0].tools}
    assert told["submit_result"]["required"] == ["n"]


# What ends badly.


class Buggy(Recorded):
    """A model client with a bug."""

    def stream(self, request: ModelRequest) -> AbstractAsyncContextManager[AsyncIterator[Delta]]:
        raise ZeroDivisionError("division by zero")


async def test_a_bug_in_a_model_client_fails_the_run_and_does_not_hang_it(
    arrange: Arrange,
) -> None:
    crew = arrange([submits()])
    crew.model = Buggy({"*": [submits()]})
    outcome = await crew.finish()
    assert outcome.status is Status.FAILED
    assert outcome.error is not None
    assert outcome.error.message == "ZeroDivisionError: division by zero"
    assert "bug in crew" in outcome.error.hint


async def test_a_result_given_before_the_turns_ran_out_counts(arrange: Arrange) -> None:
    crew = arrange([calls(("work", {"seconds": 5})), submits(), calls("work"), calls("work")])
    crew.agent("worker", max_turns=4)
    async with crew.start() as run:
        await anyio.sleep(1)
        await crew.send(FollowUp(id=crew.id(), session="work", text="And more."))
        outcome = await run.wait()
    assert outcome.status is Status.COMPLETED
    assert outcome.result == {"summary": "done"}
    assert crew.kinds().count("tool_call") == 4


async def test_the_next_model_of_the_list_is_asked_when_one_fails_for_good(
    arrange: Arrange,
) -> None:
    crew = arrange([submits()])
    first, second = Recorded({"*": [BROKEN]}), Recorded({"*": [submits()]})
    crew.agent("worker", model=["first", "second"])
    request = RunRequest(
        team="crew",
        workspace=crew.root,
        home=crew.root / ".crew",
        tools=crew.tools,
        clients={"first": first, "second": second},
    )
    async with start(request, sources=steady_sources(), environ={}) as crew.run:
        outcome = await crew.run.wait()
    assert outcome.status is Status.COMPLETED
    assert (len(first.requests), len(second.requests)) == (1, 1)
    notices = [entry.text for entry in crew.transcript() if isinstance(entry, NoticeEntry)]
    assert notices == ["no such thing; going on with recorded"]
    assert [event.model for event in crew.events_of(SessionModel)] == ["recorded"]
