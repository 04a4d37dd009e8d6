"""The time of a run is the time that its processes worked at it, wherever it is told."""

import json
import socket
from datetime import datetime, timedelta

import anyio
import pytest

from crew.console.frame import Frame
from crew.events import RunContinued
from crew.records import Status, timestamp
from crew.view import RunView, board_places, board_row, replay, run_state, session_stats
from tests.doubles.crews import BEGINNING, Crew
from tests.doubles.models import submits, works
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange

NIGHT = 36_000


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def told(crew: Crew) -> RunView:
    return replay(crew.events())


def leave_sign(crew: Crew, beat: datetime) -> None:
    """The lock of a process that was lost with its machine."""
    said = {"pid": 1, "host": socket.gethostname(), "boot": "before", "started": ""}
    crew.folder.lock.write_text(json.dumps({**said, "beat": timestamp(beat)}))


async def lost_for_a_night(crew: Crew, *, seen: float = 0) -> None:
    """A run is lost at work, taken up after a night, and ends."""
    async with crew.start():
        await anyio.sleep(2)
        crew.lose()
    if seen:
        leave_sign(crew, BEGINNING + timedelta(seconds=seen))
    await anyio.sleep(NIGHT)
    assert (await crew.finish_again()).status is Status.COMPLETED


async def test_no_clock_of_a_run_counts_the_time_that_it_lay_dead(arrange: Arrange) -> None:
    crew = arrange({"work": [works(1), submits(delay=20)]})
    await lost_for_a_night(crew)
    view = told(crew)
    after = BEGINNING + timedelta(days=1)
    assert view.started is not None
    assert view.ended is not None
    assert (view.ended - view.started).total_seconds() > NIGHT
    assert run_state(view, after)[1].startswith("done  2")
    assert session_stats(view, view.sessions["work"], after).rpartition(" · ")[2].startswith("2")
    (place,) = board_places(view)
    assert board_row(view, place, after).took.startswith("2")
    assert not any("10h" in line.plain for line in Frame(width=80).summary(view, after))


async def test_the_last_sign_of_a_process_counts_where_its_events_end_before(
    arrange: Arrange,
) -> None:
    crew = arrange({"work": [submits(delay=500)]})
    await lost_for_a_night(crew, seen=400)
    (continued,) = crew.events_of(RunContinued)
    assert continued.left == BEGINNING + timedelta(seconds=400)
    view = told(crew)
    assert view.started is not None
    assert view.ended is not None
    assert 900 <= view.worked(view.started, view.ended).total_seconds() < 910


async def test_the_time_before_tasks_are_run_again_is_nobodys(arrange: Arrange) -> None:
    crew = arrange({"*": [submits(delay=5)]})
    await crew.finish()
    await anyio.sleep(NIGHT)
    await crew.finish_again(retry=True, task="work")
    view = told(crew)
    assert run_state(view, BEGINNING + timedelta(days=1))[1].endswith("done  10s")


async def test_a_stretch_counts_only_what_of_it_was_worked(arrange: Arrange) -> None:
    crew = arrange({"work": [works(1), submits(delay=20)]})
    await lost_for_a_night(crew)
    view = told(crew)
    ((left, back),) = view.idle
    second = timedelta(seconds=1)
    assert view.worked(left - second, back + second) == 2 * second
    assert view.worked(left + second, back - second) == timedelta()
    assert view.worked(left - 3 * second, left - second) == 2 * second
    assert view.worked(back, left) == timedelta()
