"""The list of runs as it changes while somebody looks."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from datetime import timedelta
from itertools import count
from pathlib import Path

import anyio
import pytest

from crew.events import SessionEnded
from crew.progress import Progress
from crew.records import Status, Usage, utc_now
from crew.service import RunListing, follow_runs, list_runs
from crew.store import journal
from crew.store.folder import RunFolder
from crew.store.lock import RunLock
from crew.store.manifest import read, write
from tests.doubles.kept import copied, make_kept


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_kept(tmp_path_factory.mktemp("kept") / "work")


def as_words(result: object) -> str:
    return f"came to {result}"


async def first(home: Path) -> Sequence[RunListing]:
    async with aclosing(follow_runs(home, as_words)) as lists:
        return await anext(lists)


def ids() -> Iterator[str]:
    return (f"20260102-00000{n}-crew-0001" for n in count(1))


async def test_a_home_without_runs_has_an_empty_list_and_then_those_that_come(
    kept: RunFolder, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with anyio.fail_after(20):
        async with aclosing(follow_runs(home, as_words)) as lists:
            assert await anext(lists) == []
            copied(kept, home)
            assert [each.summary.id for each in await anext(lists)] == [kept.id]


async def test_a_run_is_listed_with_its_sessions_and_what_it_came_to(
    kept: RunFolder, tmp_path: Path
) -> None:
    names = ids()
    for _ in range(3):
        copied(kept, tmp_path, next(names))
    listed = await first(tmp_path)
    assert [each.summary.id for each in listed] == [
        f"20260102-00000{n}-crew-0001" for n in (3, 2, 1)
    ]
    assert {each.sessions for each in listed} == {2}
    assert all(each.outcome.startswith("came to ") for each in listed)


async def test_a_run_that_changes_or_goes_is_told_and_nothing_else(
    kept: RunFolder, tmp_path: Path
) -> None:
    run = copied(kept, tmp_path)
    *before, _ = run.journal.read_bytes().splitlines(keepends=True)
    run.journal.write_bytes(b"".join(before))  # its end is still to come
    manifest = read(run)
    running = manifest.model_copy(update={"status": Status.RUNNING, "result": None})
    changed = write(run, running, manifest.generation)
    lock = RunLock.acquire(run, utc_now())
    with anyio.fail_after(20):
        async with aclosing(follow_runs(tmp_path, as_words)) as lists:
            (listed,) = await anext(lists)
            assert (listed.summary.live, listed.outcome) == (True, "")
            lock.release()
            (listed,) = await anext(lists)
            assert listed.summary.status is Status.INTERRUPTED
            later = changed.updated + timedelta(seconds=1)
            ended = manifest.model_copy(update={"updated": later})
            write(run, ended, changed.generation)
            (listed,) = await anext(lists)
            assert listed.summary.status is Status.COMPLETED
            shutil.rmtree(run.root)
            assert await anext(lists) == []


def test_an_end_that_only_the_journal_tells_is_on_the_disk_before_it_is_listed(
    kept: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copied(kept, tmp_path)
    manifest = read(run)
    write(run, manifest.model_copy(update={"status": Status.RUNNING}), manifest.generation)
    synced: list[int] = []
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
        assert list_runs(tmp_path)[0].status is Status.COMPLETED
    assert synced == [run.journal.stat().st_ino]


async def test_what_a_run_that_goes_on_has_spent_is_told_as_its_own_screen_tells_it(
    kept: RunFolder, tmp_path: Path
) -> None:
    run = copied(kept, tmp_path)
    told = run.journal.read_text().replace('"input_tokens":0', '"input_tokens":30')
    run.journal.write_text(told)
    events = list(journal.read(run))
    ends = {event.session: event for event in events if isinstance(event, SessionEnded)}
    lines = run.journal.read_bytes().splitlines(keepends=True)
    later = lines[ends["b"].seq - 1]
    assert [end.usage.tokens for end in ends.values()] == [30, 30]
    run.journal.write_bytes(b"".join(lines[: ends["a"].seq]))
    manifest = read(run)
    going = manifest.model_copy(update={"status": Status.RUNNING, "result": None})
    write(run, going, manifest.generation)
    now = Progress(
        session="b",
        status=Status.RUNNING,
        usage=Usage(input_tokens=70, output_tokens=7),
        started=utc_now(),
        updated=utc_now(),
    )
    run.progress.write_text(json.dumps({"v": 1, "sessions": {"b": now.model_dump(mode="json")}}))
    lock = RunLock.acquire(run, utc_now())
    with anyio.fail_after(20):
        async with aclosing(follow_runs(tmp_path, as_words)) as lists:
            (listed,) = await anext(lists)
            assert listed.summary.usage == ends["a"].usage + now.usage
            assert list_runs(tmp_path)[0].usage == ends["a"].usage + now.usage
            with run.journal.open("ab") as file:
                file.write(later)
            (listed,) = await anext(lists)
            assert listed.summary.usage == ends["a"].usage + ends["b"].usage
    lock.release()


async def test_a_run_whose_manifest_is_damaged_is_left_out_and_a_lost_result_says_so(
    kept: RunFolder, tmp_path: Path
) -> None:
    names = ids()
    damaged, lost = (copied(kept, tmp_path, next(names)) for _ in range(2))
    damaged.manifest.write_text("{")
    shutil.rmtree(lost.artifacts)
    (listed,) = await first(tmp_path)
    assert (listed.summary.id, listed.outcome) == (lost.id, "its result can't be read")
