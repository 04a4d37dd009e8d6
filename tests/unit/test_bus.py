"""The bus announces what is on disk, in order, to everyone, however slow."""

import errno
import os
import threading
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from crew.bus.live import LiveFeed
from crew.entries import UserEntry
from crew.errors import StoreError
from crew.events import Notice, RunPaused, RunResumed, SessionEnded
from crew.feed import FeedItem
from crew.records import Status
from crew.store import folder as folders
from crew.store import journal as journals
from crew.store.folder import RunFolder
from tests.doubles.recordings import (
    END,
    RUN,
    SECRET,
    Disk,
    Session,
    a_recorder,
    collect,
    recording,
    seqs,
    turns,
)
from tests.doubles.virtual_time import VIRTUAL, Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return folders.create(tmp_path, RUN)


# Events


async def test_events_are_on_disk_and_announced_in_order(run: RunFolder) -> None:
    seen: list[FeedItem] = []
    async with anyio.create_task_group() as tasks, recording(run) as recorder:
        tasks.start_soon(collect, recorder.feed, seen)
        written = [recorder.record(RunPaused()), recorder.record(RunResumed())]
        written.append(await recorder.commit(END))
        assert list(journals.read(run)) == written
    assert seen == written


async def test_a_durable_event_can_not_skip_the_sync(run: RunFolder) -> None:
    async with recording(run) as recorder:
        with pytest.raises(ValueError, match="commit it"):
            recorder.record(END)


async def test_nothing_is_announced_before_a_durable_event_that_waits_for_the_disk(
    run: RunFolder,
) -> None:
    disk, seen = Disk(), list[FeedItem]()
    async with recording(run, disk) as recorder, anyio.create_task_group() as tasks:
        tasks.start_soon(collect, recorder.feed, seen)
        recorder.record(Notice(text="before"))
        disk.shut()
        tasks.start_soon(recorder.commit, SessionEnded(session="s", status=Status.COMPLETED))
        await disk.busy(1)
        recorder.record(Notice(text="after"))
        await anyio.wait_all_tasks_blocked()
        assert seqs(seen) == [1]
        disk.open()
        await recorder.commit(END)
    assert seqs(seen) == [1, 2, 3, 4]


async def test_each_durable_event_waits_for_a_sync_of_its_own_time(run: RunFolder) -> None:
    gates = [threading.Event() for _ in range(3)]
    begun, seen = list[int](), list[FeedItem]()

    def sync(_handle: int) -> None:
        begun.append(len(begun))
        assert gates[begun[-1]].wait(10)

    async def begins(number: int) -> None:
        while len(begun) < number:
            await anyio.lowlevel.checkpoint()

    async with recording(run, sync) as recorder, anyio.create_task_group() as tasks:
        tasks.start_soon(collect, recorder.feed, seen)
        tasks.start_soon(recorder.commit, SessionEnded(session="a", status=Status.COMPLETED))
        await begins(1)
        tasks.start_soon(recorder.commit, END)
        await anyio.wait_all_tasks_blocked()
        gates[0].set()
        await begins(2)
        await anyio.wait_all_tasks_blocked()
        assert seqs(seen) == [1]
        gates[1].set()
        gates[2].set()
    assert seqs(seen) == [1, 2]


async def test_many_commits_share_few_syncs_and_are_announced_in_order(run: RunFolder) -> None:
    disk, seen = Disk(), list[FeedItem]()
    async with recording(run, disk) as recorder, anyio.create_task_group() as tasks:
        tasks.start_soon(collect, recorder.feed, seen)
        disk.shut()
        for number in range(50):
            ended = SessionEnded(session=f"s{number}", status=Status.COMPLETED)
            tasks.start_soon(recorder.commit, ended)
        await disk.busy(1)
        disk.open()
        await recorder.commit(END)
        assert disk.syncs <= 3
    assert seqs(seen) == list(range(1, 52))


async def test_a_commit_that_was_cancelled_is_announced_all_the_same(run: RunFolder) -> None:
    disk, seen = Disk(), list[FeedItem]()
    async with recording(run, disk) as recorder, anyio.create_task_group() as tasks:
        tasks.start_soon(collect, recorder.feed, seen)
        disk.shut()
        with anyio.CancelScope() as scope:
            tasks.start_soon(_cancel_when_busy, scope, disk)
            await recorder.commit(SessionEnded(session="s", status=Status.CANCELLED))
        assert scope.cancelled_caught
        assert seqs(seen) == []
        disk.open()
        with anyio.fail_after(60):
            while seqs(seen) != [1]:
                await anyio.lowlevel.checkpoint()
        await recorder.commit(END)
    assert seqs(seen) == [1, 2]


async def _cancel_when_busy(scope: anyio.CancelScope, disk: Disk) -> None:
    await disk.busy(1)
    scope.cancel()


async def test_a_sync_that_fails_announces_nothing_and_ends_the_recording(run: RunFolder) -> None:
    disk, seen = Disk(), list[FeedItem]()
    async with anyio.create_task_group() as tasks, recording(run, disk) as recorder:
        tasks.start_soon(collect, recorder.feed, seen)
        session = Session(recorder)
        disk.error = OSError(errno.EIO, "Input/output error")
        with pytest.raises(StoreError, match="Input/output error") as first:
            await recorder.commit(SessionEnded(session="s", status=Status.COMPLETED))
        assert recorder.failed is first.value
        disk.error = None
        with pytest.raises(StoreError, match="Input/output error"):
            recorder.record(RunPaused())
        with pytest.raises(StoreError, match="Input/output error"):
            await recorder.commit(END)
        with pytest.raises(StoreError, match="Input/output error"):
            session.recorder.append(UserEntry(text="x"), turn=0)
    assert seqs(seen) == []


async def test_a_result_is_on_the_disk_before_the_event_that_names_it(run: RunFolder) -> None:
    synced: list[str] = []

    def sync(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}").rpartition("/")[2])

    async with recording(run, sync) as recorder:
        ref = recorder.artifacts.put("result.json", b"{}")
        await recorder.commit(SessionEnded(session="s", status=Status.COMPLETED, result=ref))
        assert synced == ["result.json", "events.jsonl"]


# Subscribers of the live feed


async def test_who_comes_late_gets_everything_from_the_journal(run: RunFolder) -> None:
    seen, later = list[FeedItem](), list[FeedItem]()
    async with recording(run) as recorder:
        session = Session(recorder)
        for _ in range(5):
            recorder.record(RunPaused())
        session.advance()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(collect, recorder.feed, seen)
            await anyio.wait_all_tasks_blocked()
            assert (seqs(seen), turns(seen)) == ([1, 2, 3, 4, 5], [1])
            await recorder.commit(END)
        await collect(recorder.feed, later, 3)
    assert seqs(later) == [4, 5, 6]
    assert turns(later) == [1]
    assert seqs(later[-1:]) == [6]


async def test_a_slow_subscriber_loses_and_doubles_nothing_and_holds_nobody_up(
    run: RunFolder,
) -> None:
    seen: list[FeedItem] = []
    async with recording(run) as recorder:
        async with recorder.feed.subscribe() as items:
            reader = aiter(items)
            recorder.record(RunPaused())
            seen.append(await anext(reader))
            for number in range(5000):
                recorder.record(Notice(text=f"note {number}: {SECRET}"))
            seen += [await anext(reader) for _ in range(3000)]
            for number in range(3000):
                recorder.record(Notice(text=f"more {number}"))
            await recorder.commit(END)
            seen += [item async for item in reader]
        assert seqs(seen) == list(range(1, 8003))
        # From memory or from the journal, a subscriber gets the same events.
        assert not [item for item in seen if isinstance(item, Notice) and SECRET in item.text]


async def test_a_backlog_of_one_is_enough_to_lose_nothing(run: RunFolder) -> None:
    feed = LiveFeed(run, backlog=1)
    recorder = a_recorder(run)
    recorder.feed = feed
    seen: list[FeedItem] = []
    async with feed.subscribe() as items:
        reader = aiter(items)
        for burst in range(1, 6):
            for _ in range(burst):
                recorder.record(RunPaused())
            seen += [await anext(reader) for _ in range(burst // 2 + 1)]
        await recorder.commit(END)
        seen += [item async for item in reader]
    assert seqs(seen) == list(range(1, 17))
    await recorder.close()


async def test_what_was_read_before_it_was_announced_is_given_when_it_is(run: RunFolder) -> None:
    disk = Disk()
    recorder = a_recorder(run, disk)
    recorder.feed = LiveFeed(run, backlog=1)
    async with recorder.feed.subscribe() as items, anyio.create_task_group() as tasks:
        reader = aiter(items)
        recorder.record(RunPaused())
        disk.shut()
        tasks.start_soon(recorder.commit, SessionEnded(session="s", status=Status.COMPLETED))
        await disk.busy(1)
        for _ in range(10):
            recorder.record(RunResumed())
        assert seqs([await anext(reader)]) == [1]
        disk.open()
        await recorder.commit(END)
        assert seqs([item async for item in reader]) == list(range(2, 14))
    await recorder.close()


async def test_of_many_states_a_slow_subscriber_gets_the_newest_in_its_place(
    run: RunFolder,
) -> None:
    async with recording(run) as recorder:
        session = Session(recorder)
        async with recorder.feed.subscribe() as items:
            for _ in range(5):
                session.turn += 1
                session.recorder.flush()
            session.recorder.append(UserEntry(text="x"), turn=0)
            session.recorder.append(UserEntry(text="y"), turn=0)
            recorder.record(RunPaused())
            session.turn += 1
            session.recorder.flush()
            recorder.record(RunResumed())
            await recorder.commit(END)
            got = [item async for item in items]
    kinds = [type(item).__name__ for item in got]
    assert kinds == ["Grew", "RunPaused", "Progress", "RunResumed", "RunEnded"]
    assert turns(got) == [6]


async def test_subscribers_end_when_a_run_is_closed_without_its_end(run: RunFolder) -> None:
    seen: list[FeedItem] = []
    async with anyio.create_task_group() as tasks, recording(run) as recorder:
        tasks.start_soon(collect, recorder.feed, seen)
        recorder.record(RunPaused())
        await anyio.wait_all_tasks_blocked()
    assert seqs(seen) == [1]
