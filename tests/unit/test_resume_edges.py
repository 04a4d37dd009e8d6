"""A run goes on also where its process was lost between two writes that belong together."""

import errno
import os
from typing import Any

import anyio
import pytest

from crew.commands import Pause, Resume, Steer
from crew.entries import SteerEntry
from crew.errors import Fault, StoreError, UsageError
from crew.events import RunPaused, RunResumed, SessionStarted, SteerDelivered
from crew.models.script import ScriptedFault, Turn
from crew.records import Status, Usage
from crew.store import manifest
from tests.doubles.crews import Crew
from tests.doubles.models import calls, submits, works
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange
from tests.unit.test_resume import check


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def cut_journal(crew: Crew, behind: bytes, *, newline: bool = True) -> None:
    """Leave of the journal what ends with the last line that has these bytes."""
    lines = crew.folder.journal.read_bytes().splitlines(keepends=True)
    last = max(place for place, line in enumerate(lines) if behind in line)
    kept = b"".join(lines[: last + 1])
    crew.folder.journal.write_bytes(kept if newline else kept[:-1])


async def test_a_pause_of_the_run_is_told_where_only_its_acceptance_was_kept(
    arrange: Arrange,
) -> None:
    crew = arrange([works(5), submits()])
    async with crew.start():
        await anyio.sleep(1)
        await crew.send(Pause(id=crew.id()))
        crew.lose()
    cut_journal(crew, b"command.accepted")
    async with crew.resume() as run:
        await anyio.sleep(100)
        assert len(crew.events_of(RunPaused)) == 1
        await crew.send(Resume(id=crew.id()))
        assert (await run.wait()).status is Status.COMPLETED
    check(crew)


async def test_a_run_goes_on_where_only_the_acceptance_of_its_resume_was_kept(
    arrange: Arrange,
) -> None:
    crew = arrange([works(5), submits()])
    async with crew.start():
        await anyio.sleep(1)
        await crew.send(Pause(id=crew.id()))
        await crew.send(Resume(id=crew.id()))
        crew.lose()
    cut_journal(crew, b"command.accepted")
    assert (await crew.finish_again()).status is Status.COMPLETED
    assert len(crew.events_of(RunResumed)) == 1
    check(crew)


async def test_a_last_event_that_only_lacks_its_newline_counts(arrange: Arrange) -> None:
    crew = arrange([works(5), submits()])
    async with crew.start():
        await anyio.sleep(1)
        crew.lose()
    cut_journal(crew, b"session.started", newline=False)
    assert (await crew.finish_again()).status is Status.COMPLETED
    assert len(crew.events_of(SessionStarted)) == 1
    check(crew)


async def test_a_steer_that_waits_does_not_cut_off_a_child_that_goes_on(arrange: Arrange) -> None:
    spawn = calls(("spawn_agent", {"agent": "worker", "prompt": "help"}))
    crew = arrange({"work": [spawn, submits()], "work.worker-1": [works(5), submits()]})
    crew.agent("worker", spawns=["worker"])
    async with crew.start():
        await anyio.sleep(1)
        await crew.send(Steer(id="turn-left", session="work", text="left"))
        crew.lose()
    assert (await crew.finish_again()).status is Status.COMPLETED
    assert crew.results("work")[0] == ("spawn_agent", "ok")
    assert [entry.command for entry in crew.transcript() if isinstance(entry, SteerEntry)] == [
        "turn-left"
    ]
    check(crew)


async def test_a_budget_is_kept_over_an_interruption(arrange: Arrange) -> None:
    crew = arrange([works(5), submits()])
    crew.team({"worker": "worker"}, budget={"tokens": 100_000})
    crew.workflow({"work": {"role": "worker", "budget": {"tokens": 50_000}}})
    async with crew.start():
        await anyio.sleep(1)
        crew.lose()
    assert (await crew.finish_again()).status is Status.COMPLETED
    check(crew)


async def test_of_a_run_that_has_ended_the_manifest_is_mended(arrange: Arrange) -> None:
    crew = arrange([works(5), submits()])
    async with crew.start() as run:
        await anyio.sleep(1)
        before = crew.folder.manifest.read_bytes()
        await run.wait()
    crew.folder.manifest.write_bytes(before)
    with pytest.raises(UsageError, match="has ended: completed"):
        await crew.finish_again()
    assert manifest.read(crew.folder).status is Status.COMPLETED
    check(crew)


async def test_an_end_is_on_the_disk_before_it_is_told_whose_process_was_lost_at_it(
    arrange: Arrange, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = arrange([submits()])
    async with crew.start() as run:
        before = crew.folder.manifest.read_bytes()
        await run.wait()
    crew.folder.manifest.write_bytes(before)
    synced: list[int] = []
    with monkeypatch.context() as patched, pytest.raises(UsageError, match="has ended"):
        patched.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
        await crew.finish_again()
    assert [file.stat().st_ino for file in (crew.folder.journal, crew.folder.manifest)] == synced


async def test_a_run_whose_disk_refuses_only_a_command_ends_and_can_be_taken_up(
    arrange: Arrange, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = arrange([works(5), submits()])

    def refuse(handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    async with crew.start() as run:
        await anyio.sleep(1)
        with monkeypatch.context() as patched, pytest.raises(StoreError):
            patched.setattr(os, "fsync", refuse)
            await crew.send(Pause(id=crew.id()))
        outcome = await run.wait()
    assert (outcome.status, outcome.recorded) == (Status.FAILED, False)
    assert manifest.read(crew.folder).status is Status.RUNNING
    async with crew.resume() as again:
        await crew.send(Resume(id=crew.id()))
        assert (await again.wait()).status is Status.COMPLETED
    check(crew)


@pytest.mark.parametrize("opening", [1, 2], ids=["to be healed", "to be gone on with"])
async def test_a_run_whose_disk_refuses_a_childs_transcript_stays_to_be_taken_up(
    arrange: Arrange, monkeypatch: pytest.MonkeyPatch, opening: int
) -> None:
    spawn = calls(("spawn_agent", {"agent": "helper", "prompt": "Help."}))
    crew = arrange({"worker": [spawn, submits()], "helper": [works(50), submits()]})
    crew.agent("helper")
    crew.agent("worker", spawns=["helper"])
    async with crew.start():
        await anyio.sleep(5)
        crew.lose()
    child, open_file, opened = crew.folder.transcript("work.helper-1"), os.open, []

    def refuse(path: Any, flags: int, mode: int = 0o777) -> int:
        if path == child and flags & os.O_CREAT:
            opened.append(path)
            if len(opened) == opening:
                raise OSError(errno.ENOSPC, "No space left on device")
        return open_file(path, flags, mode)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        outcome = await crew.finish_again()
    assert (outcome.status, outcome.recorded) == (Status.FAILED, False)
    assert (await crew.finish_again()).status is Status.COMPLETED
    check(crew)


async def test_a_steer_that_comes_while_a_request_is_retried_is_in_the_next_try(
    arrange: Arrange,
) -> None:
    limited = Turn(error=ScriptedFault(fault=Fault.RATE_LIMIT, retry_after=10))
    crew = arrange([limited, submits()])
    async with crew.start() as run:
        await anyio.sleep(5)
        await crew.send(Steer(id="turn-left", session="work", text="left"))
        await run.wait()
    assert len(crew.model.requests) == 2
    assert any(isinstance(message, SteerEntry) for message in crew.model.requests[1].messages)
    assert len(crew.events_of(SteerDelivered)) == 1


@pytest.mark.parametrize("budget", [{}, {"tokens": "10k"}], ids=["no limit", "a limit"])
async def test_what_a_child_spent_whose_beginning_the_journal_lost_stays_spent(
    arrange: Arrange, budget: dict[str, str]
) -> None:
    spawn = calls(("spawn_agent", {"agent": "helper", "prompt": "Help."}))
    asks = spawn.model_copy(update={"usage": Usage(input_tokens=100)})
    helps = works(50).model_copy(update={"usage": Usage(input_tokens=400)})
    crew = arrange({"worker": [asks, submits()], "helper": [helps, submits()]})
    crew.agent("helper")
    crew.agent("worker", spawns=["helper"])
    crew.team({"worker": "worker"}, **({"budget": budget} if budget else {}))
    async with crew.start():
        await anyio.sleep(5)
        crew.lose()
    crew.forget("work.helper-1")
    outcome = await crew.finish_again()
    assert outcome.status is Status.COMPLETED
    assert outcome.usage.tokens == 500
