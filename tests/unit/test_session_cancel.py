"""Cancel: a message first, force second, one final event in every case."""

import os
import threading
from datetime import timedelta

import anyio
import pytest

from crew.commands import Cancel, Pause, Resume, Steer
from crew.entries import TextEntry
from crew.errors import CommandError, SessionEndedError
from crew.events import RunEnded, SessionEnded, SteerDelivered, TaskEnded
from crew.records import Status
from crew.session.ending import CLEANUP
from tests.doubles.crews import BEGINNING, Crew
from tests.doubles.models import calls, says, submits
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


async def cancel(crew: Crew, session: str | None = "work", **options: object) -> None:
    await crew.send(Cancel(id=crew.id(), session=session, **options))  # type: ignore[arg-type]


async def test_cancel_while_streaming_keeps_what_was_said(arrange: Arrange) -> None:
    crew = arrange([says("abcdef", chunk=1, pace=1.0)])
    async with crew.start() as run:
        await anyio.sleep(2.5)
        await cancel(crew, reason="enough")
        outcome = await run.wait()
        assert anyio.current_time() < 3
    assert outcome.status is Status.CANCELLED
    (ended,) = crew.events_of(SessionEnded)
    assert ended.status is Status.CANCELLED
    assert ended.error is not None
    assert ended.error.message == "enough"
    assert [e.text for e in crew.transcript() if isinstance(e, TextEntry)] == ["abc"]


async def test_cancel_during_a_tool_answers_every_open_call(arrange: Arrange) -> None:
    crew = arrange([calls(("work", {"seconds": 100}), "work")])
    async with crew.start() as run:
        await anyio.sleep(1)
        await cancel(crew)
        await run.wait()
    assert crew.results() == [("work", "cancelled"), ("work", "cancelled")]
    assert crew.unpaired_calls("work") == []


async def test_cancel_while_paused_ends_the_session(arrange: Arrange) -> None:
    crew = arrange([calls(("work", {"seconds": 2})), submits()])
    async with crew.start() as run:
        await anyio.sleep(1)
        await crew.send(Pause(id=crew.id(), session="work"))
        await anyio.sleep(10)
        await cancel(crew)
        outcome = await run.wait()
    assert outcome.status is Status.CANCELLED


async def test_a_session_that_is_cancelled_as_it_is_resumed_asks_its_model_no_more(
    arrange: Arrange,
) -> None:
    crew = arrange([calls(("work", {"seconds": 2})), submits()])
    async with crew.start() as run:
        await anyio.sleep(1)
        await crew.send(Pause(id=crew.id(), session="work"))
        await anyio.sleep(10)
        async with anyio.create_task_group() as people:
            people.start_soon(crew.send, Resume(id=crew.id(), session="work"))
            people.start_soon(cancel, crew)
        outcome = await run.wait()
    assert outcome.status is Status.CANCELLED
    assert len(crew.model.requests) == 1


async def test_a_session_that_ends_while_the_disk_takes_a_steer_asks_its_model_no_more(
    arrange: Arrange, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = arrange([calls(("interruptible", {"seconds": 9})), submits()])
    crew.workflow({"work": {"role": "worker", "timeout": "5s"}})
    done, sync = threading.Event(), os.fsync

    def slow(handle: int) -> None:
        if os.fstat(handle).st_ino == crew.folder.transcript("work").stat().st_ino:
            done.wait(30)
        sync(handle)

    async with crew.start() as run:
        await anyio.sleep(1)
        monkeypatch.setattr(os, "fsync", slow)
        await crew.send(Steer(id=crew.id(), session="work", text="this way"))
        await anyio.sleep(5)
        done.set()
        outcome = await run.wait()
    assert outcome.status is Status.FAILED
    assert len(crew.events_of(SteerDelivered)) == 1
    assert len(crew.model.requests) == 1


async def test_cleanup_that_does_not_end_is_cut_off_after_three_seconds(
    arrange: Arrange,
) -> None:
    crew = arrange([calls(("work", {"seconds": 100, "stubborn": 30}))])
    async with crew.start() as run:
        await anyio.sleep(1)
        await cancel(crew)
        await run.wait()
    (ended,) = crew.events_of(SessionEnded)
    assert ended.at == BEGINNING + timedelta(seconds=1 + CLEANUP)
    assert ended.status is Status.CANCELLED
    assert crew.kinds()[-1] == "error"


async def test_cancelling_a_turn_answers_its_calls_and_the_session_goes_on(
    arrange: Arrange,
) -> None:
    crew = arrange([calls(("work", {"seconds": 100})), submits()])
    async with crew.start() as run:
        await anyio.sleep(1)
        await cancel(crew, scope="turn")
        outcome = await run.wait()
    assert outcome.status is Status.COMPLETED
    assert crew.results() == [("work", "cancelled"), ("submit_result", "ok")]
    said = crew.model.requests[1].messages[-1]
    assert said.kind == "user"
    assert "cancelled this turn" in said.text


async def test_cancelling_a_turn_of_a_paused_session_leaves_it_paused(arrange: Arrange) -> None:
    crew = arrange([calls(("work", {"seconds": 2}), "work"), submits()])
    async with crew.start() as run:
        await anyio.sleep(1)
        await crew.send(Pause(id=crew.id(), session="work"))
        await anyio.sleep(10)
        await cancel(crew, scope="turn")
        await anyio.sleep(10)
        with pytest.raises(CommandError, match="no turn is running"):
            await cancel(crew, scope="turn")
        assert len(crew.model.requests) == 1
        await cancel(crew)
        await run.wait()
    assert crew.results() == [("work", "ok"), ("work", "cancelled")]


async def test_a_cancelled_turn_that_does_not_end_takes_the_session_with_it(
    arrange: Arrange,
) -> None:
    crew = arrange([calls(("work", {"seconds": 100, "stubborn": 30})), submits()])
    async with crew.start() as run:
        await anyio.sleep(1)
        await cancel(crew, scope="turn")
        await run.wait()
    (ended,) = crew.events_of(SessionEnded)
    assert ended.status is Status.CANCELLED
    assert "did not end within 3 s" in (ended.error.message if ended.error else "")


async def test_a_child_ends_before_its_cancelled_parent(arrange: Arrange) -> None:
    crew = arrange(
        {
            "boss": [calls(("spawn_agent", {"agent": "worker", "prompt": "go"}))],
            "worker": [calls(("work", {"seconds": 100, "stubborn": 30}))],
        }
    )
    crew.agent("boss", spawns=["worker"])
    crew.workflow({"work": {"role": "boss"}})
    crew.team({"boss": "boss"})
    async with crew.start() as run:
        await anyio.sleep(1)
        await cancel(crew)
        await run.wait()
    assert [(e.session, e.status.value) for e in crew.events_of(SessionEnded)] == [
        ("work.worker-1", "cancelled"),
        ("work", "cancelled"),
    ]
    assert crew.unpaired_calls("work") == []
    assert crew.unpaired_calls("work.worker-1") == []


async def test_cancelling_a_child_lets_the_parent_go_on(arrange: Arrange) -> None:
    crew = arrange(
        {
            "boss": [calls(("spawn_agent", {"agent": "worker", "prompt": "go"})), submits()],
            "worker": [calls(("work", {"seconds": 100}))],
        }
    )
    crew.agent("boss", spawns=["worker"])
    crew.workflow({"work": {"role": "boss"}})
    crew.team({"boss": "boss"})
    async with crew.start() as run:
        await anyio.sleep(1)
        await cancel(crew, "work.worker-1")
        outcome = await run.wait()
    assert outcome.status is Status.COMPLETED
    assert crew.results() == [("spawn_agent", "error"), ("submit_result", "ok")]


async def test_cancelling_the_run_ends_everything_within_three_seconds(
    arrange: Arrange,
) -> None:
    crew = arrange([calls(("work", {"seconds": 100, "stubborn": 2.5}))])
    names = [f"s{n}" for n in range(6)]
    crew.workflow(
        {name: {"role": "worker"} for name in names} | {"last": {"role": "worker", "needs": names}}
    )
    async with crew.start(max_concurrency=3) as run:
        await anyio.sleep(1)
        await cancel(crew, None)
        outcome = await run.wait()
        assert anyio.current_time() <= 4
        with pytest.raises(SessionEndedError):
            await cancel(crew, None)
    assert outcome.status is Status.CANCELLED
    assert len(crew.events_of(SessionEnded)) == 3
    assert {e.task: e.status for e in crew.events_of(TaskEnded)} == dict.fromkeys(
        [*names, "last"], "cancelled"
    )
    assert isinstance(crew.events()[-1], RunEnded)


async def test_leaving_a_run_cancels_it(arrange: Arrange) -> None:
    crew = arrange([calls(("work", {"seconds": 100}))])
    async with crew.start():
        await anyio.sleep(1)
    last = crew.events()[-1]
    assert isinstance(last, RunEnded)
    assert last.status is Status.CANCELLED
