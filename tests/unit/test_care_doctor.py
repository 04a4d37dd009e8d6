"""The doctor: a sound run has nothing wrong, and whatever is damaged is named with its file."""

import json
import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crew.commands import Cancel
from crew.records import Status
from crew.service import list_runs, open_run
from crew.service.doctor import Check, examine_machine, examine_run
from crew.store.folder import RunFolder
from crew.store.lock import RunLock
from tests.doubles.kept import copied, make_kept
from tests.doubles.models import BROKEN, calls, says, submits
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_kept(tmp_path_factory.mktemp("doctor") / "work")


@pytest.fixture
def kept(sound: RunFolder, tmp_path: Path) -> RunFolder:
    return copied(sound, tmp_path / "home")


def examined(folder: RunFolder) -> list[Check]:
    return examine_run(folder.home, folder.id)[1]


def wrong(folder: RunFolder) -> list[Check]:
    return [check for check in examined(folder) if check.state == "wrong"]


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_a_sound_run_has_nothing_wrong_and_each_look_says_so(kept: RunFolder) -> None:
    checks = examined(kept)
    assert [check.state for check in checks] == ["ok"] * 8
    assert all(check.what for check in checks)


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ([says("No.")] * 4, Status.NEEDS_ATTENTION),
        ([BROKEN], Status.FAILED),
        ([calls("together", ("work", {"seconds": 60})), submits()], Status.CANCELLED),
    ],
)
async def test_a_run_that_ended_badly_is_sound_all_the_same(
    arrange: Arrange, script: list[object], status: Status
) -> None:
    crew = arrange(script)
    async with crew.start() as run:
        if status is Status.CANCELLED:
            await crew.model.asked(1)
            await crew.send(Cancel(id=crew.id()))
        outcome = await run.wait()
    assert outcome.status is status
    assert wrong(crew.folder) == []


async def test_a_live_run_is_examined_and_is_not_called_damaged(arrange: Arrange) -> None:
    crew = arrange([calls(("work", {"seconds": 60})), submits()])
    async with crew.start():
        await crew.model.asked(1)
        checks = examined(crew.folder)
    assert [check.name for check in checks if check.state == "note"] == ["lock"]
    assert not [check for check in checks if check.state == "wrong"]


def test_an_interrupted_run_is_told_and_is_not_called_damaged(kept: RunFolder) -> None:
    kept.journal.write_bytes(b"".join(lines(kept.journal)[:9]))
    text = kept.manifest.read_text().replace('"status": "completed"', '"status": "running"')
    kept.manifest.write_text(text)
    checks = examined(kept)
    journal = next(check for check in checks if check.name == "journal")
    assert "interrupted" in journal.what
    assert journal.mend == f"go on: crew resume {kept.id}"
    assert [check for check in checks if check.state == "wrong"] == []


def test_an_end_that_only_the_journal_has_is_told_and_believed(kept: RunFolder) -> None:
    before = open_run(kept.home, kept.id).outcome()
    text = kept.manifest.read_text().replace('"status": "completed"', '"status": "running"')
    kept.manifest.write_text(text)
    told = [check for check in examined(kept) if check.name == "manifest"]
    assert [(check.state, "running" in check.what) for check in told] == [("note", True)]
    assert wrong(kept) == []
    assert list_runs(kept.home)[0].status is Status.COMPLETED
    assert before is not None
    assert open_run(kept.home, kept.id).outcome() == before


# Each kind of damage, with its name and its place.


def _gap(run: RunFolder) -> None:
    kept = lines(run.journal)
    run.journal.write_bytes(b"".join(kept[:3] + kept[4:]))


def _bent_event(run: RunFolder) -> None:
    run.journal.write_bytes(run.journal.read_bytes().replace(b'"team":"crew"', b'"team":7'))


def _second_end(run: RunFolder) -> None:
    kept = lines(run.journal)
    (end,) = [line for line in kept if b"session.ended" in line and b'"session":"a"' in line]
    last = json.loads(kept[-1])["seq"]
    again = json.loads(end) | {"seq": last}
    moved = json.loads(kept[-1]) | {"seq": last + 1}
    added = [json.dumps(event).encode() + b"\n" for event in (again, moved)]
    run.journal.write_bytes(b"".join([*kept[:-1], *added]))


def _no_end(run: RunFolder) -> None:
    kept = [line for line in lines(run.journal) if b"session.ended" not in line]
    run.journal.write_bytes(b"".join(kept))


def _after_the_end(run: RunFolder) -> None:
    last = json.loads(lines(run.journal)[-1])
    more = {**last, "seq": last["seq"] + 1, "kind": "notice", "text": "more"}
    for key in ("status", "error", "result", "usage"):
        del more[key]
    with run.journal.open("a") as file:
        file.write(json.dumps(more) + "\n")


def _other_status(run: RunFolder) -> None:
    text = run.manifest.read_text().replace('"status": "completed"', '"status": "failed"')
    run.manifest.write_text(text)


def _unanswered(run: RunFolder) -> None:
    path = run.transcript("a")
    kept = [line for line in lines(path) if b'"tool_result"' not in line]
    path.write_bytes(b"".join(kept))


def _answered_twice(run: RunFolder) -> None:
    path = run.transcript("a")
    (first, *_) = [line for line in lines(path) if b'"tool_result"' in line]
    path.write_bytes(path.read_bytes() + first)


def _lost_line(run: RunFolder) -> None:
    path = run.transcript("a")
    kept = [line for line in lines(path) if b'"kind":"usage"' not in line]
    path.write_bytes(b"".join(kept))


def _lost_end(run: RunFolder) -> None:
    path = run.transcript("a")
    path.write_bytes(b"".join(lines(path)[:-1]))


def _other_bytes(run: RunFolder) -> None:
    (run.artifacts / "a.result.json").write_bytes(b"{}")


def _link(run: RunFolder) -> None:
    (run.artifacts / "result.json").unlink()
    (run.artifacts / "result.json").symlink_to("a.result.json")


def _readable(run: RunFolder) -> None:
    run.transcript("b").chmod(0o644)


def _open_folder(run: RunFolder) -> None:
    run.sessions.chmod(0o755)


def _pipes(run: RunFolder) -> None:
    for path in (run.report, run.progress, run.transcript("b")):
        path.unlink()
        os.mkfifo(path, 0o600)


def _nonsense_lock(run: RunFolder) -> None:
    run.lock.write_text("somebody")


@pytest.mark.parametrize(
    ("damage", "name", "where", "what"),
    [
        (_gap, "journal", "events.jsonl:4", "expected event 4, found 5"),
        (_bent_event, "journal", "events.jsonl", "no run.started as one is written"),
        (_after_the_end, "journal", "events.jsonl", "1 follow it"),
        (_second_end, "sessions", "events.jsonl", "a has 2 final events"),
        (_no_end, "sessions", "events.jsonl", "b has no final event"),
        (_other_status, "manifest", "run.json", "status is 'failed'"),
        (_unanswered, "transcripts", "sessions/a.jsonl", "has no answer"),
        (_answered_twice, "transcripts", "sessions/a.jsonl", "made 1 and answered 2 times"),
        (_lost_line, "transcripts", "sessions/a.jsonl", "entries are missing"),
        (_lost_end, "transcripts", "sessions/a.jsonl", "result is missing at its end"),
        (_other_bytes, "artifacts", "artifacts/a.result.json", "not the bytes"),
        (_link, "permissions", "artifacts/result.json", "it is a link"),
        (_readable, "permissions", "sessions/b.jsonl", "0644, it should be 0600"),
        (_open_folder, "permissions", "sessions", "0755, it should be 0700"),
        (_pipes, "permissions", "report.md", "neither a file nor a folder"),
        (_nonsense_lock, "lock", "lock", "it names no process"),
    ],
)
def test_a_damage_is_named_with_its_place(
    kept: RunFolder, damage: Callable[[RunFolder], None], name: str, where: str, what: str
) -> None:
    damage(kept)
    assert any(
        check.name == name and check.where == where and what in check.what for check in wrong(kept)
    ), wrong(kept)


def test_a_stale_lock_is_told_and_is_no_damage(kept: RunFolder) -> None:
    lock = RunLock.acquire(kept, datetime(2026, 1, 1, tzinfo=UTC))
    try:
        held = json.loads(kept.lock.read_text())
    finally:
        lock.release()
    kept.lock.write_text(json.dumps(held | {"started": "1", "boot": "another"}))
    (check,) = [check for check in examined(kept) if check.name == "lock"]
    assert check.state == "note"
    assert "stale" in check.what


def test_of_very_many_damages_the_first_are_named_and_the_rest_counted(kept: RunFolder) -> None:
    with kept.journal.open("a") as file:
        file.write("nonsense\n" * 1000)
    assert any(
        "981 more" in check.what or "more of the like" in check.what for check in wrong(kept)
    )
    assert len(wrong(kept)) < 30


FILES = (
    "run.json",
    "events.jsonl",
    "progress.json",
    "report.md",
    "sessions/a.jsonl",
    "sessions/b.jsonl",
    "artifacts/a.result.json",
    "artifacts/b.result.json",
    "artifacts/result.json",
)
WHOLE_IN_ANY_CUT = {"report.md"}
"""Free words without a digest: half of it reads as well."""


@settings(max_examples=60)
@given(data=st.data())
def test_whatever_file_is_removed_cut_or_altered_is_named(
    sound: RunFolder, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(FILES))
    ways = ["remove", "cut", "alter"] if name not in WHOLE_IN_ANY_CUT else ["remove"]
    way = data.draw(st.sampled_from(ways))
    with tempfile.TemporaryDirectory() as place:
        kept = copied(sound, Path(place) / "home")
        path = kept.root / name
        content = path.read_bytes()
        # A last newline holds nothing: an end without one is mended on opening.
        at = data.draw(st.integers(0, len(content.rstrip()) - 1))
        if way == "remove":
            path.unlink()
        elif way == "cut":
            path.write_bytes(content[:at])
        else:
            path.write_bytes(content[:at] + b"\xff" + content[at + 1 :])
        said = [check for check in examined(kept) if check.state != "ok"]
    assert any(name in check.where or name in check.what for check in said), (name, way, at, said)


@settings(max_examples=40)
@given(name=st.sampled_from(FILES), content=st.binary(max_size=300))
def test_no_content_of_a_file_makes_it_fail(sound: RunFolder, name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        kept = copied(sound, Path(place) / "home")
        (kept.root / name).write_bytes(content)
        assert len(examined(kept)) >= 8


def test_files_of_deeply_nested_json_do_not_make_it_fail(kept: RunFolder) -> None:
    for path in (kept.journal, kept.manifest, kept.transcript("a"), kept.progress):
        path.write_text('{"a":' * 100_000 + "\n")
    assert {"journal", "manifest"} <= {check.name for check in wrong(kept)}


# The machine.


def test_a_machine_that_has_all_is_told_so(tmp_path: Path) -> None:
    checks = examine_machine(tmp_path, tmp_path / ".crew", os.environ)
    assert {check.name for check in checks} == {
        *("python", "git", "ruff", "ripgrep", "home", "disk", "definitions", "models"),
    }
    assert [check for check in checks if check.state == "wrong"] == []


def test_a_machine_without_git_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    checks = {check.name: check for check in examine_machine(tmp_path, tmp_path, os.environ)}
    assert (checks["git"].state, checks["git"].mend) == ("wrong", "install git")
    assert checks["ripgrep"].state == "note"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_home_that_can_not_be_written_is_told_with_the_mend(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    checks = {check.name: check for check in examine_machine(tmp_path, tmp_path, {})}
    tmp_path.chmod(0o700)
    assert checks["home"].state == "wrong"
    assert "CREW_HOME" in checks["home"].mend


def test_definitions_and_settings_that_are_off_are_told(tmp_path: Path) -> None:
    (tmp_path / ".crew" / "agents").mkdir(parents=True)
    (tmp_path / ".crew" / "agents" / "x.md").write_text("---\nname: x\nbogus: 1\n---\n")
    (tmp_path / "config" / "crew").mkdir(parents=True)
    (tmp_path / "config" / "crew" / "config.toml").write_text("bogus = 1\n")
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    checks = {check.name: check for check in examine_machine(tmp_path, tmp_path, environ)}
    assert (checks["definitions"].state, checks["definitions"].mend) == (
        "wrong",
        "see them: crew check",
    )
    assert checks["models"].where.endswith("config.toml:1")


def test_a_home_that_is_not_there_yet_is_no_trouble(tmp_path: Path) -> None:
    checks = {check.name: check for check in examine_machine(tmp_path, tmp_path / "a" / "b", {})}
    assert checks["home"].state == "ok"
    assert "made" in checks["home"].what
    assert not (tmp_path / "a").exists()
