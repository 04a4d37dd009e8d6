"""A team on a server that nobody here wrote: llama.cpp with random weights, where one runs.

`python -m llama_cpp.server --model FILE --model_alias tiny --port 8970 --interrupt_requests false`
starts one; CREW_TEST_SERVER and CREW_TEST_MODEL name another. Without one these tests are skipped.
The weights are noise: what counts is that runs begin, are steered, paused and cancelled, and end.
"""

import os
import socket
from urllib.parse import urlsplit

import anyio
import pytest

from crew.commands import Cancel, Pause, Resume, Steer
from crew.config import Config, ProviderConfig
from crew.entries import Entry, SteerEntry, UsageEntry
from crew.events import SessionEnded, SessionStarted
from crew.records import Status
from tests.doubles.crews import Crew
from tests.unit.conftest import Arrange

SERVER = os.environ.get("CREW_TEST_SERVER", "http://127.0.0.1:8970/v1")
MODEL = os.environ.get("CREW_TEST_MODEL", "tiny")
ROLES = ("a", "b", "c", "d")


def _is_up() -> bool:
    url = urlsplit(SERVER)
    try:
        with socket.create_connection((url.hostname or "", url.port or 80), timeout=0.5):
            return True
    except OSError:
        return False


pytestmark = [
    pytest.mark.real_server,
    pytest.mark.skipif(not _is_up(), reason=f"no model server at {SERVER}"),
]


def four(arrange: Arrange) -> Crew:
    """Four members who work at the same time, on short answers."""
    config = Config(
        providers={
            "real": ProviderConfig(
                base_url=SERVER, context=4096, extra_body={"max_tokens": 24, "temperature": 0.7}
            )
        }
    )
    crew = arrange([], model=f"real:{MODEL}", config=config)
    crew.agent("worker", max_turns=4, tools=[])
    crew.team(dict.fromkeys(ROLES, "worker"), max_concurrency=4)
    crew.workflow({role: {"role": role} for role in ROLES})
    return crew


async def begun(crew: Crew, session: str) -> None:
    """Wait until a session is there."""
    async with crew.run.feed.subscribe() as items:
        async for item in items:
            if isinstance(item, SessionStarted) and item.session == session:
                return


def answers(entries: list[Entry]) -> int:
    return sum(isinstance(entry, UsageEntry) for entry in entries)


async def test_a_team_of_four_runs_to_its_end(arrange: Arrange) -> None:
    crew = four(arrange)
    outcome = await crew.finish()
    assert outcome.status in {Status.COMPLETED, Status.NEEDS_ATTENTION}
    assert len(crew.events_of(SessionEnded)) == len(ROLES)
    assert all(answers(crew.transcript(role)) >= 1 for role in ROLES)
    assert all(crew.unpaired_calls(role) == [] for role in ROLES)


async def test_a_steer_reaches_a_session(arrange: Arrange) -> None:
    crew = four(arrange)
    async with crew.start() as run:
        await begun(crew, "a")
        await crew.send(Steer(id=crew.id(), session="a", text="Mind the tests."))
        await run.wait()
    assert [e.text for e in crew.transcript("a") if isinstance(e, SteerEntry)] == [
        "Mind the tests."
    ]


async def test_a_hard_pause_cuts_a_request_and_it_is_asked_again(arrange: Arrange) -> None:
    crew = four(arrange)
    async with crew.start() as run:
        await begun(crew, "a")
        await crew.send(Pause(id=crew.id(), session="a", hard=True))
        await crew.send(Resume(id=crew.id(), session="a"))
        outcome = await run.wait()
    assert outcome.status in {Status.COMPLETED, Status.NEEDS_ATTENTION}
    assert answers(crew.transcript("a")) >= 1


async def test_a_cancel_ends_every_session_at_once(arrange: Arrange) -> None:
    crew = four(arrange)
    async with crew.start() as run:
        await begun(crew, "d")
        with anyio.fail_after(3):
            await crew.send(Cancel(id=crew.id()))
            outcome = await run.wait()
    assert outcome.status is Status.CANCELLED
    ended = {event.session: event.status for event in crew.events_of(SessionEnded)}
    assert ended["d"] is Status.CANCELLED
    assert set(ended) == set(ROLES)
