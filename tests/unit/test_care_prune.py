"""Prune: old runs go as a whole; live ones, and whatever is no run, are left alone."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crew.records import Status
from crew.service import list_runs
from crew.service.prune import Pruning, plan_prune, prune
from crew.store.folder import RunFolder
from crew.store.lock import RunLock
from tests.doubles.kept import copied, make_kept

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_kept(tmp_path_factory.mktemp("prune") / "work")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def aged(made: RunFolder, home: Path, days: int) -> RunFolder:
    """A run that nothing was written to for so many days."""
    run = copied(made, home, f"{NOW - days * DAY:%Y%m%d}-120000-crew-{days:04}")
    used = NOW - days * DAY
    text = run.manifest.read_text()
    for line in text.splitlines():
        if '"updated"' in line:
            text = text.replace(line, f'  "updated": "{used:%Y-%m-%dT%H:%M:%S}.000Z",')
    run.manifest.write_text(text)
    os.utime(run.journal, (used.timestamp(), used.timestamp()))
    return run


def planned(home: Path, *, days: int | None = None, keep: int | None = None) -> Pruning:
    older_than = None if days is None else days * DAY
    return plan_prune(home, older_than=older_than, keep=keep, now=NOW)


def going(plan: Pruning) -> list[str]:
    return [each.run for each in plan.going]


def pruned(plan: Pruning) -> Pruning:
    return prune(plan, lambda: NOW)


@pytest.mark.parametrize(
    ("days", "keep", "expected"),
    [
        (30, None, [40, 31, 30]),
        (None, 2, [30, 31, 40]),
        (31, 3, [31, 40]),
        (30, 4, [40]),
        (1, 9, []),
        (None, 0, [40, 31, 30, 2, 1]),
    ],
)
def test_a_run_goes_when_it_is_outside_of_every_bound_that_is_set(
    made: RunFolder, home: Path, days: int | None, keep: int | None, expected: list[int]
) -> None:
    made_runs = {number: aged(made, home, number).id for number in (1, 2, 30, 31, 40)}
    plan = planned(home, days=days, keep=keep)
    assert sorted(going(plan)) == sorted(made_runs[number] for number in expected)
    assert len(list_runs(home)) == 5


def test_a_run_that_was_written_to_lately_is_not_old(made: RunFolder, home: Path) -> None:
    run = aged(made, home, 90)
    os.utime(run.journal, (NOW.timestamp(), NOW.timestamp()))
    assert going(planned(home, days=30)) == []


def test_what_goes_is_gone_and_the_rest_is_whole(made: RunFolder, home: Path) -> None:
    old, new = aged(made, home, 40), aged(made, home, 1)
    plan = planned(home, days=30)
    assert plan.size == sum(path.stat().st_size for path in old.root.rglob("*") if path.is_file())
    done = pruned(plan)
    assert going(done) == [old.id]
    assert [path.name for path in (home / "runs").iterdir()] == [new.id]
    assert list_runs(home)[0].status is Status.COMPLETED


def test_a_live_run_is_left_alone_and_so_is_one_that_came_to_life(
    made: RunFolder, home: Path
) -> None:
    run = aged(made, home, 40)
    plan = planned(home, days=30)
    lock = RunLock.acquire(run, NOW)
    try:
        assert going(planned(home, days=30)) == []
        done = pruned(plan)
    finally:
        lock.release()
    assert done.going == ()
    assert f"process {os.getpid()}" in done.left[0].why
    assert run.manifest.exists()


def test_what_is_no_run_is_never_touched(made: RunFolder, home: Path, tmp_path: Path) -> None:
    aged(made, home, 40)
    runs = home / "runs"
    (runs / "notes").mkdir()
    (runs / "notes" / "mine.txt").write_text("mine")
    (runs / "file").write_text("mine")
    (runs / "Other Things").mkdir()
    damaged = aged(made, home, 50)
    damaged.manifest.write_text("{}")
    renamed = aged(made, home, 60)
    renamed.root.rename(runs / "another-id")
    done = pruned(planned(home, keep=0))
    assert len(done.going) == 1
    assert sorted(path.name for path in runs.iterdir()) == sorted(
        ["notes", "file", "Other Things", damaged.id, "another-id"]
    )
    assert {each.run for each in done.left} == {"notes", damaged.id, "another-id"}


def test_links_are_never_followed(made: RunFolder, home: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    run = aged(made, home, 40)
    (run.artifacts / "link").symlink_to(precious)
    outside = copied(made, tmp_path / "outside", "a-run")
    (home / "runs" / "a-run").symlink_to(outside.root)
    linked = aged(made, home, 50)
    linked.lock.unlink()
    linked.lock.symlink_to(precious / "file")
    done = pruned(planned(home, keep=0))
    assert going(done) == [run.id]
    assert (precious / "file").read_text() == "mine"
    assert outside.manifest.exists()
    assert {each.run: each.why for each in done.left} == {
        "a-run": "it is a link, not a folder",
        linked.id: "its lock is no file",
    }


def test_what_an_interrupted_prune_left_is_no_run_and_goes_with_the_next(
    made: RunFolder, home: Path
) -> None:
    run = aged(made, home, 40)
    rest = run.root.with_name(f".pruned-{run.id}-0badcafe")
    run.root.rename(rest)
    (rest / "run.json").unlink()
    assert list_runs(home) == []
    plan = planned(home, days=9999)
    assert [each.status for each in plan.going] == [None]
    pruned(plan)
    assert list((home / "runs").iterdir()) == []


def test_an_import_that_goes_on_is_left_and_one_that_was_cut_goes(home: Path) -> None:
    for name, days in ((".importing-new", 0.5), (".importing-old", 2)):
        folder = home / "runs" / name
        folder.mkdir(parents=True)
        at = (NOW - days * DAY).timestamp()
        os.utime(folder, (at, at))
    assert going(planned(home, days=30)) == [".importing-old"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_run_that_can_not_be_deleted_is_told_and_the_others_go(
    made: RunFolder, home: Path
) -> None:
    closed, other = aged(made, home, 40), aged(made, home, 50)
    closed.artifacts.chmod(0o500)
    done = pruned(planned(home, days=30))
    (rest,) = (home / "runs").glob(".pruned-*")
    (rest / "artifacts").chmod(0o700)
    assert going(done) == [other.id]
    assert "Permission denied" in done.left[0].why


def test_a_home_without_runs_has_nothing_to_prune(home: Path) -> None:
    assert planned(home, days=1) == Pruning(going=(), left=())
