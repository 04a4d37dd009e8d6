import errno
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from crew.errors import StoreError
from crew.events import Notice, RunPaused, SessionStatus, Unknown
from crew.records import Status
from crew.store import folder as folders
from crew.store import journal as journals
from crew.store.folder import RunFolder
from crew.store.journal import Journal
from crew.store.redact import Redactor
from tests.doubles.virtual_time import VIRTUAL, Backend

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = "gh" + "p_" + "Ab1" * 12


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return folders.create(tmp_path, "20261121-094105-review-7f3a")


def open_journal(
    run: RunFolder, *, epoch: int = 1, sync: Callable[[int], None] = os.fsync
) -> Journal:
    return Journal(run, run=run.id, epoch=epoch, now=lambda: NOON, redact=Redactor(), sync=sync)


class Disk:
    """A disk whose syncs wait to be let through, and may fail."""

    def __init__(self) -> None:
        self.syncs = 0
        self.gate = threading.Event()
        self.error: OSError | None = None

    def __call__(self, handle: int) -> None:
        assert os.fstat(handle).st_size > 0
        self.syncs += 1
        assert self.gate.wait(10)
        if self.error is not None:
            raise self.error


def test_an_event_is_numbered_stamped_and_read_back_the_same(run: RunFolder) -> None:
    journal = open_journal(run, epoch=3)
    first = journal.append(SessionStatus(session="s", status=Status.RUNNING))
    second = journal.append(RunPaused())
    assert (first.seq, first.at, first.run, first.epoch) == (1, NOON, run.id, 3)
    assert list(journals.read(run)) == [first, second]
    assert list(journals.read(run, after=1)) == [second]


def test_numbers_go_on_behind_an_existing_journal(run: RunFolder) -> None:
    open_journal(run).append(RunPaused())
    with run.journal.open("ab") as file:
        file.write(b"not an event\n\n[1]\n{torn")
    journal = open_journal(run, epoch=2)
    assert journal.append(RunPaused()).seq == 2
    assert [event.seq for event in journals.read(run)] == [1, 2]


def test_an_event_is_announced_as_the_disk_has_it(run: RunFolder) -> None:
    announced = open_journal(run).append(Notice(text=f"cloned with {SECRET}"))
    assert announced.text == "cloned with [redacted:github-token]"
    assert list(journals.read(run)) == [announced]


def test_a_write_that_fails_uses_no_number(run: RunFolder) -> None:
    journal = open_journal(run)
    run.journal.unlink()
    run.journal.symlink_to("/dev/full")
    journal.close()
    with pytest.raises(StoreError, match="No space left"):
        journal.append(RunPaused())
    assert journal.seq == 0


def test_events_of_a_newer_crew_are_kept(run: RunFolder) -> None:
    run.journal.write_text('{"v":1,"seq":1,"kind":"moon.landed","crater":"Tycho"}\n')
    (event,) = journals.read(run)
    assert isinstance(event, Unknown)
    assert event.raw["crater"] == "Tycho"


def test_a_journal_that_is_not_there_has_no_events(tmp_path: Path) -> None:
    assert list(journals.read(RunFolder(tmp_path, "none"))) == []


def test_damage_is_named_by_line(run: RunFolder) -> None:
    journal = open_journal(run)
    for _ in range(3):
        journal.append(RunPaused())
    lines = run.journal.read_bytes().splitlines(keepends=True)
    run.journal.write_bytes(lines[0] + b"\xff\n" + lines[2])
    assert [(damage.line, damage.what[:16]) for damage in journals.check(run)] == [
        (2, "not an event: b'"),
        (3, "expected event 2"),
    ]
    run.journal.write_bytes(b"".join(lines))
    assert journals.check(run) == []


async def test_one_sync_serves_all_who_wait(run: RunFolder) -> None:
    disk = Disk()
    journal = open_journal(run, sync=disk)
    done: list[int] = []

    async def commit(seq: int) -> None:
        await journal.commit(seq)
        done.append(seq)

    async with anyio.create_task_group() as tasks:
        first = journal.append(RunPaused())
        tasks.start_soon(commit, first.seq)
        while disk.syncs == 0:
            await anyio.lowlevel.checkpoint()
        for _ in range(20):
            tasks.start_soon(commit, journal.append(RunPaused()).seq)
        await anyio.wait_all_tasks_blocked()
        assert done == []
        disk.gate.set()
    assert sorted(done) == list(range(1, 22))
    assert disk.syncs == 2
    await journal.commit(21)
    assert disk.syncs == 2


async def test_a_sync_that_failed_fails_everyone_who_was_not_synced_before(
    run: RunFolder,
) -> None:
    disk = Disk()
    journal = open_journal(run, sync=disk)
    disk.gate.set()
    await journal.commit(journal.append(RunPaused()).seq)
    disk.error = OSError(errno.EIO, "Input/output error")
    later = journal.append(RunPaused()).seq
    with pytest.raises(StoreError, match=r"syncing .*events\.jsonl: Input/output error"):
        await journal.commit(later)
    disk.error = None  # the system forgets the error once it was told
    with pytest.raises(StoreError, match="Input/output error"):
        await journal.commit(later)
    await journal.commit(1)
