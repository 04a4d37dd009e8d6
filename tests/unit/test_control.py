"""Commands to a live run: applied once, answered alike, journaled in order."""

import anyio
import pytest

from crew.commands import Answer, Cancel, Command, FollowUp, Pause, Receipt, Resume, Steer, Step
from crew.errors import (
    CommandError,
    NoSuchRequestError,
    NoSuchSessionError,
    NotPausedError,
    SessionEndedError,
)
from crew.events import CommandAccepted, CommandRefused, RunEnded, RunPaused, RunResumed
from crew.records import Status
from crew.store.journal import check
from tests.doubles.crews import BEGINNING, Crew
from tests.doubles.models import calls, submits
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def busy(arrange: Arrange) -> Crew:
    """A run of two steps that each work for a minute."""
    crew = arrange({"*": [calls(("work", {"seconds": 60})), submits()]})
    crew.workflow({"work": {"role": "worker"}, "other": {"role": "worker"}})
    return crew


def kinds_after(crew: Crew, command: str) -> list[str]:
    """The kinds of the events from a command's acceptance on."""
    events = crew.events()
    start = next(
        place
        for place, event in enumerate(events)
        if isinstance(event, CommandAccepted) and event.command.id == command
    )
    return [event.kind for event in events[start:]]


@pytest.mark.parametrize("senders", [2, 20])
async def test_a_command_sent_many_times_at_once_is_applied_once(
    arrange: Arrange, senders: int
) -> None:
    crew = busy(arrange)
    receipts: list[Receipt] = []
    async with crew.start() as run, anyio.create_task_group() as together:
        await anyio.sleep(1)
        steer = Steer(id="same", session="work", text="hurry")

        async def send() -> None:
            receipts.append(await run.control.send(steer))

        for _ in range(senders):
            together.start_soon(send)
        await run.wait()
    accepted = crew.events_of(CommandAccepted)
    assert [event.command.id for event in accepted] == ["same"]
    assert receipts == [Receipt(command="same", seq=accepted[0].seq)] * senders
    assert crew.kinds().count("steer") == 1


async def test_a_refused_command_is_refused_the_same_again_and_journaled_once(
    arrange: Arrange,
) -> None:
    crew = busy(arrange)
    refusals: list[str] = []
    async with crew.start() as run, anyio.create_task_group() as together:
        await anyio.sleep(1)

        async def send() -> None:
            with pytest.raises(NotPausedError) as raised:
                await run.control.send(Resume(id="same", session="work"))
            refusals.append(raised.value.message)

        for _ in range(3):
            together.start_soon(send)
        await run.wait()
    refused = crew.events_of(CommandRefused)
    assert [(e.command.id, e.session) for e in refused] == [("same", "work")]
    assert refusals == [refused[0].reason] * 3
    assert not crew.events_of(CommandAccepted)


@pytest.mark.parametrize(
    ("command", "error", "word"),
    [
        (Steer(id="c", session="ghost", text="x"), NoSuchSessionError, "no session ghost"),
        (Resume(id="c"), NotPausedError, "the run is not paused"),
        (Step(id="c", session="work"), NotPausedError, "not paused"),
        (Answer(id="c", request="p", decision="allow"), NoSuchRequestError, "p is unknown"),
    ],
)
async def test_a_command_that_makes_no_sense_is_refused_and_changes_nothing(
    arrange: Arrange, command: Command, error: type[CommandError], word: str
) -> None:
    crew = busy(arrange)
    async with crew.start() as run:
        await anyio.sleep(1)
        with pytest.raises(error, match=word):
            await run.control.send(command)
        outcome = await run.wait()
    assert outcome.status is Status.COMPLETED
    assert [event.reason for event in crew.events_of(CommandRefused)]
    assert "paused" not in {event.kind for event in crew.events()}


async def test_an_unknown_session_is_refused_with_the_names_of_the_live_ones(
    arrange: Arrange,
) -> None:
    crew = busy(arrange)
    async with crew.start() as run:
        await anyio.sleep(1)
        with pytest.raises(NoSuchSessionError) as raised:
            await run.control.send(Cancel(id="c", session="wrok"))
        await run.wait()
    assert raised.value.hint == "live ones: work, other"


async def test_a_session_that_has_ended_is_told_from_one_that_never_was(arrange: Arrange) -> None:
    crew = arrange({"first": [submits()], "*": [calls(("work", {"seconds": 60})), submits()]})
    crew.workflow({"first": {"role": "worker"}, "work": {"role": "worker", "needs": ["first"]}})
    async with crew.start() as run:
        await anyio.sleep(1)
        with pytest.raises(SessionEndedError, match="first has ended: completed"):
            await run.control.send(FollowUp(id="c", session="first", text="more"))
        await run.wait()


async def test_a_command_to_a_run_that_has_ended_is_refused_and_nothing_is_written(
    arrange: Arrange,
) -> None:
    crew = arrange([submits()])
    async with crew.start() as run:
        await run.wait()
        written = crew.folder.journal.read_bytes()
        for command in (Pause(id="a"), Cancel(id="b"), Steer(id="c", session="work", text="x")):
            with pytest.raises(SessionEndedError, match="the run has ended: completed"):
                await run.control.send(command)
    assert crew.folder.journal.read_bytes() == written
    assert isinstance(crew.events()[-1], RunEnded)


@pytest.mark.parametrize(
    ("command", "consequence"),
    [
        (Steer(id="c", session="work", text="x"), "steer.delivered"),
        (Pause(id="c", session="work"), "session.status"),
        (Cancel(id="c", session="work"), "session.ended"),
        (Cancel(id="c"), "run.ended"),
    ],
)
async def test_what_follows_from_a_command_is_journaled_behind_its_acceptance(
    arrange: Arrange, command: Command, consequence: str
) -> None:
    crew = busy(arrange)
    async with crew.start() as run:
        await anyio.sleep(1)
        before = {event.kind for event in crew.events()[4:]}
        await run.control.send(command)
        with anyio.move_on_after(500):
            await run.wait()
    assert consequence not in before - {"session.status"}
    assert consequence in kinds_after(crew, "c")
    assert check(crew.folder) == []


async def test_pausing_and_resuming_the_run_is_said_right_behind_its_acceptance(
    arrange: Arrange,
) -> None:
    crew = busy(arrange)
    async with crew.start() as run:
        await anyio.sleep(1)
        for command in (Pause(id="p"), Pause(id="again", hard=True), Resume(id="r")):
            await run.control.send(command)
        await run.wait()
    assert kinds_after(crew, "p")[1] == "run.paused"
    assert kinds_after(crew, "r")[1] == "run.resumed"
    assert len(crew.events_of(RunPaused)) == len(crew.events_of(RunResumed)) == 1


async def test_a_receipt_is_given_when_the_acceptance_is_on_disk(arrange: Arrange) -> None:
    crew = busy(arrange)
    async with crew.start() as run:
        await anyio.sleep(1)
        receipt = await run.control.send(Pause(id="p"))
        seen = [e.seq for e in crew.events_of(CommandAccepted)]
        await run.control.send(Resume(id="r"))
        await run.wait()
    assert seen == [receipt.seq]


async def test_a_sender_that_goes_away_leaves_its_command_applied_once(arrange: Arrange) -> None:
    crew = busy(arrange)
    async with crew.start() as run:
        await anyio.sleep(1)
        steer = Steer(id="same", session="work", text="hurry")
        with anyio.CancelScope() as gone:
            gone.cancel()
            await run.control.send(steer)
        receipt = await run.control.send(steer)
        await run.wait()
    assert [event.seq for event in crew.events_of(CommandAccepted)] == [receipt.seq]
    assert crew.kinds().count("steer") == 1


async def test_a_command_is_stamped_unless_its_sender_did(arrange: Arrange) -> None:
    crew = busy(arrange)
    async with crew.start() as run:
        await anyio.sleep(1)
        await run.control.send(Pause(id="p"))
        await run.control.send(Resume(id="r", at=BEGINNING))
        await run.wait()
    first, second = (event.command.at for event in crew.events_of(CommandAccepted))
    assert first > second == BEGINNING


async def test_cancelling_a_run_twice_keeps_the_first_reason(arrange: Arrange) -> None:
    crew = busy(arrange)
    async with crew.start() as run:
        await anyio.sleep(1)
        async with anyio.create_task_group() as together:
            together.start_soon(run.control.send, Cancel(id="a", reason="first"))
            together.start_soon(run.control.send, Cancel(id="b", reason="second"))
        outcome = await run.wait()
    assert outcome.error is not None
    assert (outcome.status, outcome.error.message) == (Status.CANCELLED, "first")
