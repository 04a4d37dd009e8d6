import asyncio
import errno
import json
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from crew.bus.disk import POLL_INTERVAL, DiskFeed
from crew.bus.live import LiveFeed
from crew.bus.progress_file import read_progress
from crew.bus.recorder import Recorder
from crew.bus.session_recorder import SessionRecorder
from crew.entries import ErrorEntry, TextEntry, UnknownEntry, UserEntry
from crew.errors import StoreError
from crew.events import Notice, RunEnded, RunPaused, RunResumed, SessionEnded
from crew.feed import Feed, FeedItem, Grew
from crew.progress import Progress
from crew.records import Status
from crew.store import folder as folders
from crew.store import journal as journals
from crew.store.folder import RunFolder
from crew.store.redact import Redactor
from tests.doubles.virtual_time import VIRTUAL, Backend, VirtualLoop

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = "gh" + "p_" + "Ab1" * 12
END = RunEnded(status=Status.COMPLETED)


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return folders.create(tmp_path, "20261121-094105-review-7f3a")


class Disk:
    """A disk whose syncs wait while it is shut, and may fail."""

    def __init__(self) -> None:
        self.syncs = 0
        self.error: OSError | None = None
        self._gate = threading.Event()
        self._gate.set()

    def shut(self) -> None:
        self._gate.clear()

    def open(self) -> None:
        self._gate.set()

    def __call__(self, handle: int) -> None:
        self.syncs += 1
        assert self._gate.wait(10)
        if self.error is not None:
            raise self.error
        os.fsync(handle)

    async def busy(self, syncs: int) -> None:
        while self.syncs < syncs:
            await anyio.lowlevel.checkpoint()


def a_recorder(
    run: RunFolder, sync: Callable[[int], None] = os.fsync, redact: Redactor | None = None
) -> Recorder:
    return Recorder(run, epoch=1, now=lambda: NOON, redact=redact or Redactor(), sync=sync)


@asynccontextmanager
async def recording(
    run: RunFolder, sync: Callable[[int], None] = os.fsync, redact: Redactor | None = None
) -> AsyncIterator[Recorder]:
    recorder = a_recorder(run, sync, redact)
    async with anyio.create_task_group() as tasks:
        await tasks.start(lambda *, task_status: recorder.run(task_status=task_status))
        yield recorder
        await recorder.close()


class Session:
    """A session whose progress is counted in turns."""

    def __init__(self, recorder: Recorder, name: str = "s") -> None:
        self.name = name
        self.turn = 0
        self.finished = False
        self.recorder: SessionRecorder = recorder.session(name, self.progress)

    def progress(self) -> Progress:
        return Progress(
            session=self.name,
            status=Status.RUNNING,
            turn=self.turn,
            started=NOON,
            updated=NOON,
            finished=self.finished,
        )

    def advance(self) -> None:
        self.turn += 1
        self.recorder.touch()


async def collect(feed: Feed, into: list[FeedItem], after: int = 0) -> None:
    async with feed.subscribe(after=after) as items:
        async for item in items:
            into.append(item)  # noqa: PERF401 - what was seen must be there while it goes on


def seqs(items: list[FeedItem]) -> list[int]:
    return [item.seq for item in items if not isinstance(item, Progress | Grew)]


def turns(items: list[FeedItem], session: str = "s") -> list[int]:
    return [item.turn for item in items if isinstance(item, Progress) and item.session == session]


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


# Sessions


async def test_entries_are_stamped_and_read_back_the_same(run: RunFolder) -> None:
    async with recording(run) as recorder:
        session = Session(recorder).recorder
        first = session.append(UserEntry(text="do it"), turn=0)
        rest = session.append(TextEntry(text="one"), TextEntry(text="two"), turn=3)
        assert [entry.id for entry in (*first, *rest)] == [0, 1, 2]
        assert {(entry.at, entry.turn) for entry in rest} == {(NOON, 3)}
        assert session.entries == 3
        assert list(recorder.feed.transcript("s").poll()) == [*first, *rest]


async def test_a_session_that_is_recorded_again_goes_on_behind_its_entries(
    run: RunFolder,
) -> None:
    async with recording(run) as recorder:
        Session(recorder).recorder.append(UserEntry(text="a"), UserEntry(text="b"), turn=0)
    async with recording(run) as recorder:
        (entry,) = Session(recorder).recorder.append(UserEntry(text="c"), turn=1)
    assert entry.id == 2


async def test_a_session_is_recorded_once_at_a_time(run: RunFolder) -> None:
    async with recording(run) as recorder:
        Session(recorder)
        with pytest.raises(ValueError, match="session s is being recorded"):
            Session(recorder)


async def test_progress_goes_out_at_once_and_then_once_an_interval(run: RunFolder) -> None:
    seen: list[tuple[float, int]] = []

    async def watch(feed: Feed) -> None:
        async with feed.subscribe() as items:
            async for item in items:
                assert isinstance(item, Progress)
                seen.append((round(anyio.current_time() - began, 3), item.turn))

    async with anyio.create_task_group() as tasks, recording(run) as recorder:
        began = anyio.current_time()
        tasks.start_soon(watch, recorder.feed)
        session = Session(recorder)
        for _ in range(40):
            session.advance()
            await anyio.sleep(1 / 64)
        await anyio.sleep(1)
    assert seen == [(0.0, 1), (0.15, 10), (0.3, 20), (0.45, 29), (0.6, 39), (0.75, 40)]


async def test_a_flush_sends_now_and_an_end_sends_the_last(run: RunFolder) -> None:
    seen: list[FeedItem] = []
    async with anyio.create_task_group() as tasks, recording(run) as recorder:
        tasks.start_soon(collect, recorder.feed, seen)
        session = Session(recorder)
        for step in (session.recorder.touch, session.recorder.flush, session.recorder.touch):
            session.turn += 1
            step()
            await anyio.wait_all_tasks_blocked()
        assert turns(seen) == [1, 2]
        session.turn, session.finished = 9, True
        session.recorder.end()
        session.recorder.end()
        session.advance()
        session.recorder.flush()
        session.recorder.stream("too late")
        session.recorder.landed()
        assert session.recorder.append(UserEntry(text="too late"), turn=9) == ()
        await anyio.sleep(5)
    assert turns(seen) == [1, 2, 9]
    assert recorder.feed.transcript("s").poll() == []


async def test_an_idle_recorder_has_no_timer(run: RunFolder) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    async with recording(run) as recorder:
        session = Session(recorder)
        session.advance()
        session.recorder.stream("text")
        await anyio.sleep(10)
        before = loop.jumps
        await anyio.sleep(1000)
        assert loop.jumps == before + 1


# The part in flight


async def test_text_in_flight_is_seen_within_an_interval_until_it_lands(run: RunFolder) -> None:
    async with recording(run) as recorder:
        session = Session(recorder).recorder
        reader = recorder.feed.transcript("s")
        session.stream("The first ")
        await anyio.sleep(0.14)
        session.stream("words, ")
        assert not run.live("s").exists()
        await anyio.sleep(0.02)
        assert reader.in_flight() == "The first words, "
        session.stream("then more ")
        assert reader.in_flight() == "The first words, "
        await anyio.sleep(0.16)
        assert reader.in_flight() == "The first words, then more "
        assert len(run.live("s").read_bytes().splitlines()) == 2
        session.append(TextEntry(text="The first words, then more to come"), turn=1)
        assert reader.in_flight() == ""
        assert run.live("s").read_bytes() == b""


async def test_a_fast_answer_never_touches_the_live_file(run: RunFolder) -> None:
    async with recording(run) as recorder:
        session = Session(recorder).recorder
        for turn in range(30):
            session.stream("an answer ")
            await anyio.sleep(0.1)
            session.append(TextEntry(text="an answer"), turn=turn)
        assert not run.live("s").exists()


async def test_a_part_that_is_dropped_leaves_nothing_in_flight(run: RunFolder) -> None:
    async with recording(run) as recorder:
        session = Session(recorder).recorder
        session.stream("to be asked again ")
        await anyio.sleep(0.2)
        session.landed()
        session.stream("next ")
        await anyio.sleep(0.2)
        assert recorder.feed.transcript("s").in_flight() == "next "


async def test_a_part_that_never_landed_stays_readable(run: RunFolder) -> None:
    async with recording(run) as recorder:
        session = Session(recorder).recorder
        session.stream("cut in the midd")
        await anyio.sleep(0.05)
        session.end()
        assert recorder.feed.transcript("s").in_flight() == "cut in the midd"


async def test_a_landed_part_is_not_shown_twice_by_a_live_file_that_was_left(
    run: RunFolder,
) -> None:
    async with recording(run) as recorder:
        session = Session(recorder).recorder
        session.stream("some text ")
        await anyio.sleep(0.2)
        left = run.live("s").read_bytes()
        session.append(TextEntry(text="some text"), turn=1)
        run.live("s").write_bytes(left)
        reader = recorder.feed.transcript("s")
        assert len(reader.poll()) == 1
        assert reader.in_flight() == ""


async def test_a_damaged_transcript_is_read_on(run: RunFolder) -> None:
    run.transcript("s").write_bytes(
        b'\xff\n{"kind":"moon"}\n[]\n{"v":1,"id":3,"kind":"user","text":"x"}\n'
    )
    run.live("s").write_bytes(b'\xff\n[]\n{"text":5}\n{"row":4,"text":"fine"}\n')
    reader = LiveFeed(run).transcript("s")
    kinds = [type(entry) for entry in reader.poll()]
    assert kinds == [ErrorEntry, UnknownEntry, ErrorEntry, UserEntry]
    assert reader.in_flight() == "fine"


@pytest.mark.parametrize("secret", [SECRET, "a known secret, with words"])
async def test_no_file_of_a_run_holds_a_secret(run: RunFolder, secret: str) -> None:
    async with recording(run, redact=Redactor(["a known secret, with words"])) as recorder:
        session = recorder.session(
            "s",
            lambda: Progress(
                session="s",
                status=Status.RUNNING,
                preview=secret,
                lines=(secret,),
                started=NOON,
                updated=NOON,
            ),
        )
        recorder.record(Notice(text=secret))
        session.append(UserEntry(text=secret), turn=0)
        session.touch()
        for at in range(len(secret)):
            session.stream(secret[at])
            await anyio.sleep(0.1)
        recorder.artifacts.put("a.txt", secret.encode())
        session.end()
    assert secret[:20] not in recorder.feed.transcript("s").in_flight()
    files = [path for path in run.root.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"s.jsonl", "s.live.jsonl", "events.jsonl", "a.txt"}
    for path in files:
        assert secret not in path.read_text(), path
        assert secret[:20] not in path.read_text(), path


# progress.json


async def test_progress_json_is_replaced_twice_a_second_and_at_the_end(run: RunFolder) -> None:
    versions: set[int] = set()
    async with recording(run) as recorder:
        session = Session(recorder)
        for _ in range(100):
            session.advance()
            await anyio.sleep(0.02)
            versions.add(run.progress.stat().st_mtime_ns)
        assert len(versions) <= 5
        session.turn = 777
        session.recorder.end()
    assert read_progress(run.progress)["s"].turn == 777


async def test_the_last_progress_is_on_disk_before_the_runs_end(run: RunFolder) -> None:
    disk = Disk()
    async with recording(run, disk) as recorder, anyio.create_task_group() as tasks:
        session = Session(recorder)
        session.advance()
        await anyio.sleep(0.01)  # the first one is written at once, the next in half a second
        session.finished = True
        session.recorder.end()
        disk.shut()
        tasks.start_soon(recorder.commit, END)
        await disk.busy(1)
        assert read_progress(run.progress)["s"].finished
        disk.open()


def test_progress_that_can_not_be_read_is_none(run: RunFolder) -> None:
    assert read_progress(run.progress) == {}
    run.progress.write_text("{")
    assert read_progress(run.progress) == {}
    run.progress.write_text(json.dumps({"sessions": {"s": {"session": "s"}}}))
    assert read_progress(run.progress) == {}


# The disk feed


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
