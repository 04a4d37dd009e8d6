"""Pause, resume and step: two latches, checkpoints, and what a hard pause cuts."""

import anyio
import pytest

from crew.commands import Pause, Resume, Steer, Step
from crew.entries import TextEntry
from crew.errors import NotPausedError
from crew.events import CommandAccepted, RunPaused, RunResumed, SessionStatus
from crew.records import Status
from tests.doubles.crews import Crew
from tests.doubles.models import calls, says, submits
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


async def pause(crew: Crew, session: str | None = "work", *, hard: bool = False) -> None:
    await crew.send(Pause(id=crew.id(), session=session, hard=hard))


async def resume(crew: Crew, session: str | None = "work") -> None:
    await crew.send(Resume(id=crew.id(), session=session))


def statuses(crew: Crew) -> list[str]:
    return [event.status.value for event in crew.events_of(SessionStatus)]


async def test_a_soft_pause_during_streaming_holds_before_the_tools(arrange: Arrange) -> None:
    answer = calls("work", text="abcdef").model_copy(update={"chunk": 1, "pace": 1.0})
    crew = arrange([answer, submits()])
    async with crew.start() as run:
        await anyio.sleep(2)
        await pause(crew)
        await anyio.sleep(100)
        assert crew.kinds()[2:] == ["text", "tool_call", "usage"]
        assert crew.tool("work").log == []
        await resume(crew)
        outcome = await run.wait()
    assert outcome.status is Status.COMPLETED
    assert crew.tool("work").log == ["begin work", "end work"]
    assert statuses(crew) == ["running", "paused", "running"]


async def test_a_soft_pause_holds_after_the_tool_that_runs(arrange: Arrange) -> None:
    batch = calls(("work", {"name": "a", "seconds": 2}), ("work", {"name": "b"}))
    crew = arrange([batch, submits()])
    async with crew.start() as run:
        await anyio.sleep(1)
        await pause(crew)
        await anyio.sleep(50)
        assert crew.tool("work").log == ["begin a", "end a"]
        await resume(crew)
        await run.wait()
    assert crew.tool("work").log == ["begin a", "end a", "begin b", "end b"]


async def test_a_hard_pause_cuts_the_request_keeps_its_text_and_asks_again(
    arrange: Arrange,
) -> None:
    slow = says("abcdef", chunk=1, pace=1.0)
    crew = arrange([slow, submits()])
    async with crew.start() as run:
        await anyio.sleep(2.5)
        await pause(crew, hard=True)
        await anyio.sleep(50)
        assert len(crew.model.requests) == 1
        await resume(crew)
        await run.wait()
    texts = [(e.text, e.partial) for e in crew.transcript() if isinstance(e, TextEntry)]
    assert texts[0] == ("abc", True)
    assert crew.model.requests[0].messages == crew.model.requests[1].messages


async def test_a_steer_given_while_hard_paused_is_in_the_request_that_is_made_again(
    arrange: Arrange,
) -> None:
    crew = arrange([says("abcdef", chunk=1, pace=1.0), submits()])
    async with crew.start() as run:
        await anyio.sleep(2.5)
        await pause(crew, hard=True)
        await crew.send(Steer(id="s", session="work", text="shorter"))
        await resume(crew)
        await run.wait()
    assert [m.kind for m in crew.model.requests[1].messages] == ["user", "steer"]


async def test_pausing_a_paused_session_changes_nothing(arrange: Arrange) -> None:
    crew = arrange([calls(("work", {"seconds": 2})), submits()])
    async with crew.start() as run:
        await anyio.sleep(1)
        await pause(crew)
        await pause(crew)
        await anyio.sleep(50)
        await resume(crew)
        await run.wait()
    assert statuses(crew) == ["running", "paused", "running"]
    assert len(crew.events_of(CommandAccepted)) == 3


async def test_resuming_what_is_not_paused_is_an_error(arrange: Arrange) -> None:
    crew = arrange([calls(("work", {"seconds": 2})), submits()])
    async with crew.start() as run:
        await anyio.sleep(1)
        for command in (
            Resume(id="1", session="work"),
            Resume(id="2"),
            Step(id="3", session="work"),
        ):
            with pytest.raises(NotPausedError):
                await run.control.send(command)
        outcome = await run.wait()
    assert outcome.status is Status.COMPLETED


async def test_a_step_runs_one_turn_and_holds_again(arrange: Arrange) -> None:
    crew = arrange([*[calls(("work", {"seconds": 1}))] * 3, submits()])
    async with crew.start() as run:
        await anyio.sleep(0.5)
        await pause(crew)
        await anyio.sleep(10)
        for done in (2, 3):
            await crew.send(Step(id=crew.id(), session="work"))
            await anyio.sleep(10)
            assert len(crew.model.requests) == done
            assert len(crew.results()) == done
        await resume(crew)
        await run.wait()


async def test_pausing_the_run_holds_every_session_and_those_to_come(arrange: Arrange) -> None:
    crew = arrange([calls(("work", {"seconds": 2})), submits()])
    crew.workflow({"a": {"role": "worker"}, "b": {"role": "worker"}, "c": {"role": "worker"}})
    async with crew.start(max_concurrency=2) as run:
        await anyio.sleep(1)
        await pause(crew, None)
        await anyio.sleep(50)
        assert len(crew.model.requests) == 2
        await resume(crew, None)
        outcome = await run.wait()
    assert outcome.status is Status.COMPLETED
    assert len(crew.events_of(RunPaused)) == len(crew.events_of(RunResumed)) == 1


async def test_resuming_the_run_leaves_a_session_paused_that_was_paused_itself(
    arrange: Arrange,
) -> None:
    crew = arrange([calls(("work", {"seconds": 2})), submits()])
    async with crew.start() as run:
        await anyio.sleep(1)
        await pause(crew)
        await pause(crew, None)
        await anyio.sleep(10)
        await resume(crew, None)
        await anyio.sleep(10)
        assert len(crew.model.requests) == 1
        await resume(crew)
        await run.wait()
    assert statuses(crew) == ["running", "paused", "running"]


async def test_time_in_which_a_session_was_held_does_not_count_to_its_timeout(
    arrange: Arrange,
) -> None:
    crew = arrange([calls(("work", {"seconds": 5})), submits()])
    crew.agent("worker", timeout="10s")
    async with crew.start() as run:
        await anyio.sleep(1)
        await pause(crew)
        await anyio.sleep(1000)
        await resume(crew)
        outcome = await run.wait()
    assert outcome.status is Status.COMPLETED
