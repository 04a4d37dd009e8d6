"""Commands that come through the run's folder."""

import asyncio
import errno
import os
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from crew.commands import Cancel, Command, Pause, Receipt, Resume, Steer
from crew.errors import CommandError, RunGoneError, SessionEndedError, StoreError
from crew.events import CommandAccepted, CommandRefused, RunEnded
from crew.orchestration.inbox import serve_inbox
from crew.records import Status
from crew.service.remote import RemoteControl
from crew.store.folder import RunFolder, create, new_run_id
from crew.store.inbox import LARGEST, put, take, withdraw
from crew.store.journal import Journal
from crew.store.lock import RunLock
from crew.store.redact import Redactor
from tests.doubles.crews import Crew
from tests.doubles.models import submits, works
from tests.doubles.recordings import SECRET
from tests.doubles.virtual_time import VIRTUAL, VirtualLoop

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def made(home: Path) -> RunFolder:
    return create(home, new_run_id("crew", NOON, "ab12"))


def test_commands_are_taken_once_in_the_order_they_were_put(tmp_path: Path) -> None:
    folder = made(tmp_path)
    steer = Steer(id="b", session="work", text="ü\nleft")
    sent: list[Command] = [Pause(id="a"), steer, Resume(id="c")]
    for number, command in enumerate(sent):
        put(folder, command, f"{number:03}")
    assert take(folder) == sent
    assert take(folder) == []
    assert list(folder.control.iterdir()) == []


def test_what_is_no_command_is_dropped_and_hurts_nobody(tmp_path: Path) -> None:
    folder = made(tmp_path)
    (folder.control / "1.json").write_bytes(b"\xff{")
    (folder.control / "2.json").write_text('{"kind": "explode", "id": "x"}')
    (folder.control / "3.json").write_bytes(b" " * (LARGEST + 1))
    (folder.control / "4.json").mkdir()
    (folder.control / ".5.json.tmp").write_text("half")
    put(folder, Pause(id="a"), "6")
    assert take(folder) == [Pause(id="a")]
    assert (folder.control / ".5.json.tmp").exists()
    assert take(RunFolder(tmp_path, "gone")) == []


def test_what_another_user_put_there_is_dropped(tmp_path: Path) -> None:
    folder = made(tmp_path)
    try:
        os.chown(put(folder, Pause(id="theirs"), "1"), 12345, -1)
    except PermissionError:
        pytest.skip("only root gives files away")
    put(folder, Pause(id="mine"), "2")
    assert take(folder) == [Pause(id="mine")]
    assert list(folder.control.iterdir()) == []


def test_a_pipe_or_a_link_in_the_place_of_a_command_holds_nobody(tmp_path: Path) -> None:
    folder = made(tmp_path)
    os.mkfifo(folder.control / "1.json")
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(Pause(id="elsewhere").model_dump_json())
    (folder.control / "2.json").symlink_to(elsewhere)
    put(folder, Pause(id="a"), "3")
    assert take(folder) == [Pause(id="a")]
    assert elsewhere.exists()


def test_no_secret_is_in_a_command_that_waits_to_be_taken(tmp_path: Path) -> None:
    folder = made(tmp_path)
    steer = Steer(id="a", session="work", text=f"use {SECRET} and 'hunter\\2-hunter\"2'")
    redact = Redactor(["'hunter\\2-hunter\"2'"])
    waiting = put(folder, steer, "1", redact=redact).read_text()
    assert "[redacted:github-token] and [redacted:env]" in waiting
    (taken,) = take(folder)
    assert taken.id == "a"


def test_a_command_can_be_taken_back_until_it_is_taken(tmp_path: Path) -> None:
    folder = made(tmp_path)
    path = put(folder, Pause(id="a"), "1")
    assert withdraw(path)
    assert take(folder) == []
    path = put(folder, Pause(id="b"), "2")
    take(folder)
    assert not withdraw(path)


async def test_a_command_from_outside_is_applied_and_answered(tmp_path: Path) -> None:
    crew = Crew(tmp_path, {"worker": [works(30), submits()]})
    async with crew.start() as run:
        await crew.model.asked(1)
        remote = RemoteControl(crew.folder)
        receipt = await remote.send(Steer(id="a", session="work", text="look left"))
        accepted = [e for e in crew.events_of(CommandAccepted) if e.command.id == "a"]
        assert [event.seq for event in accepted] == [receipt.seq]
        with pytest.raises(CommandError, match="nobody") as refusal:
            await remote.send(Steer(id="b", session="nobody", text="hello"))
        assert refusal.value.hint == "live ones: work"
        (refused,) = crew.events_of(CommandRefused)
        assert (refused.command.id, refused.hint) == ("b", "live ones: work")
        await remote.send(Cancel(id="c"))
        await run.wait()
        with pytest.raises(SessionEndedError, match="the run has ended: cancelled") as late:
            await remote.send(Pause(id="d"))
        assert late.value.hint == f"see what it came to: crew show {crew.folder.id}"
    assert crew.events_of(RunEnded)[0].status is Status.CANCELLED


async def test_a_run_whose_process_is_gone_says_so_and_takes_nothing(tmp_path: Path) -> None:
    folder = made(tmp_path)
    with pytest.raises(RunGoneError, match="is gone"):
        await RemoteControl(folder).send(Pause(id="a"))
    assert list(folder.control.iterdir()) == []


@pytest.mark.parametrize("refused", [False, True])
async def test_an_acceptance_is_on_the_disk_before_its_sender_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: bool
) -> None:
    folder = made(tmp_path)
    lock = RunLock.acquire(folder, datetime.now(UTC))
    journal = Journal(folder, run=folder.id, epoch=1, now=lambda: NOON, redact=Redactor())
    synced: list[int] = []

    def sync(handle: int) -> None:
        synced.append(os.fstat(handle).st_ino)
        if refused:
            raise OSError(errno.EIO, "Input/output error")

    class Lost:
        """Accepts as a process does that is lost before it syncs."""

        async def send(self, command: Command) -> Receipt:
            return Receipt(command="", seq=journal.append(CommandAccepted(command=command)).seq)

    monkeypatch.setattr(os, "fsync", sync)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve_inbox, folder, Lost(), int)
        with pytest.raises(StoreError) if refused else nullcontext():
            await RemoteControl(folder).send(Pause(id="a"))
        tasks.cancel_scope.cancel()
    assert synced == [folder.journal.stat().st_ino]
    lock.release()


async def test_a_process_that_never_answers_gets_no_late_command(tmp_path: Path) -> None:
    folder = made(tmp_path)
    lock = RunLock.acquire(folder, datetime.now(UTC))
    try:
        with pytest.raises(CommandError, match="taken back"), anyio.fail_after(5):
            await RemoteControl(folder, patience=0.05).send(Pause(id="a"))
    finally:
        lock.release()
    assert list(folder.control.iterdir()) == []


class Applied:
    """Takes commands, and notes when."""

    def __init__(self) -> None:
        self.at: list[float] = []

    async def send(self, command: Command) -> Receipt:
        self.at.append(anyio.current_time())
        return Receipt(command=command.id, seq=1)


@pytest.mark.parametrize("anyio_backend", [VIRTUAL])
async def test_a_run_that_stands_still_looks_seldom_and_takes_a_command_soon(
    tmp_path: Path,
) -> None:
    folder, control = made(tmp_path), Applied()
    clock = asyncio.get_running_loop()
    assert isinstance(clock, VirtualLoop)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve_inbox, folder, control, lambda: 7)
        await anyio.sleep(10)
        looks = clock.jumps
        await anyio.sleep(10)
        looks = clock.jumps - looks
        asked = anyio.current_time()
        put(folder, Pause(id="a"), "1")
        await anyio.sleep(1)
        tasks.cancel_scope.cancel()
    assert looks <= 100
    assert control.at[0] - asked <= 0.25
