"""What a session records: entries, its part in flight, its progress."""

import asyncio
import json
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from crew.bus.live import LiveFeed
from crew.bus.progress_file import read_progress
from crew.bus.recorder import AT_ONCE
from crew.entries import ErrorEntry, TextEntry, UnknownEntry, UserEntry
from crew.events import Notice
from crew.feed import Feed, FeedItem
from crew.progress import Progress
from crew.records import Status
from crew.store import folder as folders
from crew.store.folder import RunFolder
from crew.store.redact import Redactor
from tests.doubles.recordings import (
    END,
    NOON,
    RUN,
    SECRET,
    Disk,
    Session,
    collect,
    recording,
    turns,
)
from tests.doubles.virtual_time import VIRTUAL, Backend, VirtualLoop


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return folders.create(tmp_path, RUN)


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


async def test_what_is_due_for_many_sessions_is_sent_in_portions(run: RunFolder) -> None:
    sent: list[str] = []

    class Watched(Session):
        def progress(self) -> Progress:
            sent.append(self.name)
            return super().progress()

    async with recording(run) as recorder:
        sessions = [Watched(recorder, f"s{number}") for number in range(4 * AT_ONCE)]
        for session in [*sessions, *sessions]:
            session.advance()  # the first goes out at once, the second is due with all others
        sent.clear()
        await anyio.sleep(0.15)
        portions = [len(sent)]
        while sum(portions) < len(sessions):
            await anyio.lowlevel.checkpoint()
            portions.append(len(sent) - sum(portions))
    assert sent == [session.name for session in sessions]
    assert max(portions) == AT_ONCE


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
