"""The disk feed gives what the live feed gives."""

import errno
import os
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from crew.bus.disk import POLL_INTERVAL, DiskFeed
from crew.bus.recorder import Recorder
from crew.entries import TextEntry
from crew.events import Notice, RunEnded, RunPaused, RunResumed, SessionEnded
from crew.feed import FeedItem, Grew
from crew.progress import Progress
from crew.records import Status
from crew.store import folder as folders
from crew.store.folder import RunFolder
from tests.doubles.recordings import END, RUN, Session, collect, recording, seqs, turns
from tests.doubles.virtual_time import VIRTUAL, Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return folders.create(tmp_path, RUN)


async def play(recorder: Recorder) -> None:
    sessions = [Session(recorder, name) for name in ("a", "b")]
    recorder.record(RunPaused())
    for number in range(30):
        for session in sessions:
            session.advance()
            session.recorder.stream("some text ")
        recorder.record(Notice(text=f"step {number}"))
        await anyio.sleep(0.06)
        sessions[number % 2].recorder.append(TextEntry(text="some text"), turn=number)
    for session in sessions:
        session.finished = True
        session.recorder.end()
        ended = SessionEnded(session=session.name, status=Status.COMPLETED)
        await recorder.commit(ended)
    await recorder.commit(END)


async def test_an_end_is_on_the_disk_before_it_is_told(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with recording(run) as recorder:
        await recorder.commit(END)
    synced: list[int] = []
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
        async with DiskFeed(run, watch=False).subscribe() as items:
            assert isinstance(await anext(items), RunEnded)
            assert synced == [run.journal.stat().st_ino]


async def test_an_end_is_told_also_where_the_disk_refuses_to_sync_it(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with recording(run) as recorder:
        await recorder.commit(END)

    def refuse(handle: int) -> None:
        raise OSError(errno.EROFS, "read-only")

    seen = list[FeedItem]()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse)
        await collect(DiskFeed(run, watch=False), seen)
    assert isinstance(seen[-1], RunEnded)


async def test_the_disk_feed_gives_what_the_live_feed_gives(run: RunFolder) -> None:
    live, disk = list[FeedItem](), list[FeedItem]()
    async with anyio.create_task_group() as tasks, recording(run) as recorder:
        tasks.start_soon(collect, recorder.feed, live)
        tasks.start_soon(collect, DiskFeed(run, watch=False), disk)
        await play(recorder)
    for seen in (live, disk):
        assert seqs(seen) == list(range(1, 35))
        assert isinstance(seen[-1], RunEnded)
        for name in "ab":
            assert turns(seen, name) == sorted(turns(seen, name))
            assert turns(seen, name)[-1] == 30
    assert [item for item in live if not isinstance(item, Progress | Grew)] == [
        item for item in disk if not isinstance(item, Progress | Grew)
    ]
    assert {item.session for item in disk if isinstance(item, Grew)} == {"a", "b"}
    transcripts = [feed.transcript("a").poll() for feed in (recorder.feed, DiskFeed(run))]
    assert transcripts[0] == transcripts[1]


async def test_a_finished_run_is_read_from_disk_from_any_event_on(run: RunFolder) -> None:
    async with recording(run) as recorder:
        await play(recorder)
    seen: list[FeedItem] = []
    await collect(DiskFeed(run, watch=False), seen, 30)
    assert seqs(seen) == [31, 32, 33, 34]
    assert turns(seen, "a") == [30]


async def test_a_disk_feed_may_be_opened_before_the_run_is_there(tmp_path: Path) -> None:
    run_id = "20261121-094105-review-7f3a"
    seen: list[FeedItem] = []
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(collect, DiskFeed(RunFolder(tmp_path, run_id), watch=False), seen)
            await anyio.sleep(1)
            assert seen == []
            async with recording(folders.create(tmp_path, run_id)) as recorder:
                await recorder.commit(END)
    assert seqs(seen) == [1]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_change_on_disk_wakes_the_disk_feed(run: RunFolder) -> None:
    with anyio.fail_after(20):
        async with recording(run) as recorder, DiskFeed(run).subscribe() as items:
            reader = aiter(items)
            recorder.record(RunPaused())
            assert seqs([await anext(reader)]) == [1]
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_record_when_waiting, recorder)
                assert seqs([await anext(reader)]) == [2]


async def test_a_disk_feed_without_a_way_to_watch_looks_at_intervals(tmp_path: Path) -> None:
    run = folders.create(tmp_path, "20261121-094105-review-7f3a")
    async with recording(run) as recorder, DiskFeed(run, watch=False).subscribe() as items:
        reader = aiter(items)
        began = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_record_when_waiting, recorder)
            assert seqs([await anext(reader)]) == [1]
        assert anyio.current_time() - began <= POLL_INTERVAL


async def test_a_run_that_never_rests_is_read_at_intervals(run: RunFolder) -> None:
    async with DiskFeed(run, watch=False).subscribe() as items:
        reader = aiter(items)
        began = anyio.current_time()
        for _ in range(5):
            with run.transcript("a").open("a") as file:
                file.write("{}\n")
            assert await anext(reader) == Grew(session="a")
        assert anyio.current_time() - began == pytest.approx(4 * POLL_INTERVAL)


async def _record_when_waiting(recorder: Recorder) -> None:
    for _ in range(100):
        await anyio.lowlevel.checkpoint()
    recorder.record(RunResumed())


async def test_a_journal_that_is_damaged_is_read_on(run: RunFolder) -> None:
    async with recording(run) as recorder:
        recorder.record(RunPaused())
    with run.journal.open("ab") as file:
        file.write(b"\xff damaged\n")
    async with recording(run) as recorder:
        await recorder.commit(END)
        seen: list[FeedItem] = []
        await collect(recorder.feed, seen)
        await collect(DiskFeed(run, watch=False), seen)
    assert seqs(seen) == [1, 2, 1, 2]
