"""Steer and follow-up: in the context of the next request, exactly once, or reported."""

import anyio
import pytest

from crew.commands import Cancel, FollowUp, Pause, Resume, Steer
from crew.entries import FollowUpEntry, SteerEntry
from crew.errors import InboxFullError, NoSuchSessionError, SessionEndedError
from crew.events import CommandAccepted, CommandRefused, SteerDelivered, SteerUndelivered
from crew.models.protocol import ModelRequest
from crew.records import Status
from tests.doubles.crews import Crew
from tests.doubles.models import calls, says, submits
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def steers_in(request: ModelRequest) -> list[str]:
    return [m.text for m in request.messages if isinstance(m, SteerEntry | FollowUpEntry)]


async def steer(crew: Crew, text: str = "look at b", **options: object) -> str:
    return await crew.send(Steer(id=crew.id(), session="work", text=text, **options))  # type: ignore[arg-type]


async def test_a_steer_before_the_first_request_is_in_it(arrange: Arrange) -> None:
    crew = arrange([submits(), submits()])
    async with crew.start() as run:
        await run.control.send(Pause(id=crew.id()))
        await anyio.sleep(1)
        assert crew.model.requests == []
        await steer(crew)
        await run.control.send(Resume(id=crew.id()))
        await run.wait()
    assert steers_in(crew.model.requests[0]) == ["look at b"]
    (delivered,) = crew.events_of(SteerDelivered)
    assert delivered.turn == 1


async def test_a_steer_during_streaming_skips_the_calls_of_that_answer(arrange: Arrange) -> None:
    streaming = calls("work", text="abcdefghij").model_copy(update={"chunk": 1, "pace": 1.0})
    crew = arrange([streaming, submits()])
    async with crew.start() as run:
        await anyio.sleep(3.5)
        await steer(crew)
        await run.wait()
    assert crew.results()[0] == ("work", "skipped")
    assert crew.tool("work").log == []
    assert [steers_in(r) for r in crew.model.requests] == [[], ["look at b"]]
    assert crew.kinds()[2:7] == ["text", "tool_call", "usage", "tool_result", "steer"]


async def test_a_steer_between_two_tools_skips_the_rest_of_the_batch(arrange: Arrange) -> None:
    batch = calls(("work", {"name": "a", "seconds": 2}), ("work", {"name": "b"}))
    crew = arrange([batch, submits()])
    async with crew.start() as run:
        await anyio.sleep(1)
        await steer(crew)
        await run.wait()
    assert crew.tool("work").log == ["begin a", "end a"]
    assert crew.results() == [("work", "ok"), ("work", "skipped"), ("submit_result", "ok")]
    assert steers_in(crew.model.requests[1]) == ["look at b"]


async def test_a_steer_that_waits_lets_the_batch_finish(arrange: Arrange) -> None:
    batch = calls(("work", {"name": "a", "seconds": 2}), ("work", {"name": "b"}))
    crew = arrange([batch, submits()])
    async with crew.start() as run:
        await anyio.sleep(1)
        await steer(crew, interrupt="wait")
        await run.wait()
    assert crew.tool("work").log == ["begin a", "end a", "begin b", "end b"]
    assert steers_in(crew.model.requests[1]) == ["look at b"]


async def test_a_steer_cuts_an_interruptible_tool_and_no_other(arrange: Arrange) -> None:
    crew = arrange([calls(("interruptible", {"seconds": 100})), submits()])
    async with crew.start() as run:
        await anyio.sleep(1)
        await steer(crew)
        await run.wait()
        assert anyio.current_time() < 50
    assert crew.results()[0] == ("interruptible", "cancelled")


async def test_a_steer_in_the_last_turn_is_reported_undelivered(arrange: Arrange) -> None:
    crew = arrange([calls(("work", {"seconds": 2}))], loop=True)
    crew.agent("worker", max_turns=1)
    async with crew.start() as run:
        await anyio.sleep(1)
        command = await steer(crew)
        await run.wait()
    (report,) = crew.events_of(SteerUndelivered)
    assert report.command == command
    assert "max_turns" in report.reason
    assert crew.events_of(SteerDelivered) == []


async def test_a_steer_before_the_submission_runs_makes_the_model_submit_again(
    arrange: Arrange,
) -> None:
    first = submits({"summary": "too soon"}).model_copy(
        update={"text": "abc", "chunk": 1, "pace": 1.0}
    )
    crew = arrange([first, submits({"summary": "with b"})])
    async with crew.start() as run:
        await anyio.sleep(1.5)
        await steer(crew)
        outcome = await run.wait()
    assert outcome.result == {"summary": "with b"}
    assert crew.results() == [("submit_result", "skipped"), ("submit_result", "ok")]


async def test_a_steer_after_the_end_is_refused_and_journaled(arrange: Arrange) -> None:
    crew = arrange({"first": [submits()], "second": [submits(delay=10)]})
    crew.workflow({"first": {"role": "worker"}, "second": {"role": "worker", "needs": ["first"]}})
    async with crew.start() as run:
        await anyio.sleep(5)
        with pytest.raises(SessionEndedError):
            await run.control.send(Steer(id="late", session="first", text="too late"))
        with pytest.raises(NoSuchSessionError):
            await run.control.send(Steer(id="lost", session="third", text="who"))
        await run.wait()
    assert [(e.command.id, e.reason) for e in crew.events_of(CommandRefused)] == [
        ("late", "first has ended: completed"),
        ("lost", "there is no session third"),
    ]


async def test_several_steers_are_delivered_in_order_in_one_request(arrange: Arrange) -> None:
    crew = arrange([calls(("work", {"seconds": 2})), submits()])
    async with crew.start() as run:
        await anyio.sleep(1)
        for text in ("one", "two", "three"):
            await steer(crew, text)
        await run.wait()
    assert steers_in(crew.model.requests[1]) == ["one", "two", "three"]


async def test_the_hundred_and_first_waiting_steer_is_refused(arrange: Arrange) -> None:
    crew = arrange([calls(("work", {"seconds": 2})), submits()])
    async with crew.start() as run:
        await anyio.sleep(1)
        for number in range(100):
            await steer(crew, str(number))
        with pytest.raises(InboxFullError):
            await steer(crew, "one too many")
        await run.wait()
    assert len(crew.events_of(SteerDelivered)) == 100


async def test_the_same_command_is_applied_once_and_answered_the_same(arrange: Arrange) -> None:
    crew = arrange([calls(("work", {"seconds": 2})), submits()])
    async with crew.start() as run:
        await anyio.sleep(1)
        command = Steer(id="again", session="work", text="once")
        first = await run.control.send(command)
        assert await run.control.send(command) == first
        await run.wait()
    assert len(crew.events_of(CommandAccepted)) == 1
    assert steers_in(crew.model.requests[1]) == ["once"]


async def test_a_follow_up_waits_for_the_work_and_the_later_result_counts(
    arrange: Arrange,
) -> None:
    script = [calls(("work", {"seconds": 2})), submits(), submits({"summary": "and b"})]
    crew = arrange(script)
    async with crew.start() as run:
        await anyio.sleep(1)
        await run.control.send(FollowUp(id="f", session="work", text="then b"))
        outcome = await run.wait()
    assert [steers_in(r) for r in crew.model.requests] == [[], [], ["then b"]]
    assert outcome.result == {"summary": "and b"}
    assert crew.kinds().count("result") == 1
    (delivered,) = crew.events_of(SteerDelivered)
    assert delivered.turn == 3


async def test_a_follow_up_answered_in_words_leaves_the_result_as_it_was(
    arrange: Arrange,
) -> None:
    crew = arrange([submits(delay=2), says("B is fine too.")])
    async with crew.start() as run:
        await anyio.sleep(1)
        await run.control.send(FollowUp(id="f", session="work", text="and b?"))
        outcome = await run.wait()
    assert outcome.status is Status.COMPLETED
    assert outcome.result == {"summary": "done"}


async def test_what_a_cancelled_session_never_saw_is_reported(arrange: Arrange) -> None:
    crew = arrange([calls(("work", {"seconds": 100}))])
    async with crew.start() as run:
        await anyio.sleep(1)
        sent = [await steer(crew), await crew.send(FollowUp(id="f", session="work", text="x"))]
        await run.control.send(Cancel(id=crew.id(), session="work"))
        await run.wait()
    assert [e.command for e in crew.events_of(SteerUndelivered)] == sent
