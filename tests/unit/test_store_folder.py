import os
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crew.errors import RunNotFoundError, StoreError, UsageError
from crew.store import folder as folders
from crew.store.folder import RunFolder

NOON = datetime(2026, 11, 21, 9, 41, 5, tzinfo=UTC)


def test_a_run_id_says_when_and_what_and_sorts_by_time() -> None:
    first = folders.new_run_id("review", NOON, "7f3a")
    assert first == "20261121-094105-review-7f3a"
    assert first < folders.new_run_id("a", NOON.replace(second=6), "0000")


def test_runs_of_one_second_have_folders_of_their_own(tmp_path: Path) -> None:
    tokens = iter(["7f3a9c", "7f3a00", "0b1c22"])
    names = [
        folders.create_new(tmp_path, "review", NOON, lambda: next(tokens)).id for _ in range(2)
    ]
    assert [name[-4:] for name in names] == ["7f3a", "0b1c"]
    with pytest.raises(StoreError, match="File exists"):
        folders.create_new(tmp_path, "review", NOON, lambda: "7f3a9c")


@pytest.mark.parametrize("team", ["../x", "a/b", "Review", "a b", "a\0b"])
def test_a_team_that_can_not_be_a_folder_is_refused(team: str) -> None:
    with pytest.raises(UsageError):
        folders.new_run_id(team, NOON, "7f3a")


def test_a_new_run_is_the_owners_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        run = folders.create(tmp_path / ".crew", "20261121-094105-review-7f3a")
    finally:
        os.umask(before)
    made = [run.home, run.root, run.sessions, run.artifacts, run.control]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o700}


def test_runs_stay_out_of_git_and_definitions_stay_in(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    home = folders.home_for(tmp_path, {})
    run = folders.create(home, "20261121-094105-review-7f3a")
    run.journal.write_text("{}\n")
    (home / "agents").mkdir()
    (home / "agents" / "mine.md").write_text("mine")
    status = subprocess.run(
        ["git", "status", "--porcelain", "-uall"], cwd=tmp_path, capture_output=True, check=True
    )
    assert status.stdout == b"?? .crew/agents/mine.md\n"


def test_a_home_that_holds_other_things_is_not_hidden_from_git(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    folders.create(tmp_path, "20261121-094105-review-7f3a")
    assert not (tmp_path / ".gitignore").exists()


def test_the_same_run_is_not_made_twice(tmp_path: Path) -> None:
    folders.create(tmp_path, "20261121-094105-review-7f3a")
    with pytest.raises(StoreError, match=r"making the run folder .*: File exists"):
        folders.create(tmp_path, "20261121-094105-review-7f3a")


@pytest.mark.parametrize("inner", ["", "deep/.crew"])
def test_a_file_where_the_home_belongs_is_named_with_the_mend(tmp_path: Path, inner: str) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for act in (
        lambda: folders.create(file / inner, "20261121-094105-review-7f3a"),
        lambda: folders.runs(file / inner),
    ):
        with pytest.raises(StoreError, match=f"{file} is a file and must be a folder") as error:
            act()
        assert "CREW_HOME" in error.value.hint


@pytest.mark.parametrize(
    "session", ["../../etc/passwd", "a/b", "", "A", "a\n", "x.live", "a" * 201]
)
def test_a_session_id_never_leads_out_of_its_folder(tmp_path: Path, session: str) -> None:
    run = RunFolder(tmp_path, "r")
    with pytest.raises(UsageError):
        run.transcript(session)
    with pytest.raises(UsageError):
        run.live(session)


def test_transcript_and_part_in_flight_lie_side_by_side(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, "r")
    assert run.transcript("review.1~2").name == "review.1~2.jsonl"
    assert run.live("review.1~2") == run.sessions / "review.1~2.live.jsonl"


def test_home_is_at_the_top_of_the_repository_unless_chosen(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert folders.home_for(inner, {}) == inner / ".crew"
    (tmp_path / ".git").write_text("gitdir: elsewhere")
    assert folders.home_for(inner, {}) == tmp_path / ".crew"
    assert folders.home_for(inner, {"CREW_HOME": "/var/crew"}) == Path("/var/crew")
    assert folders.home_for(inner, {"CREW_HOME": "runs"}) == inner / "runs"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for run_id in (
        "20261121-094105-review-7f3a",
        "20261121-094106-review-11aa",
        "20261122-120000-research-beef",
    ):
        folders.create(tmp_path, run_id)
    (tmp_path / "runs" / "NOT A RUN").mkdir()
    (tmp_path / "runs" / "20261123-file").write_text("")
    return tmp_path


def test_runs_come_newest_first_and_other_files_are_none(home: Path) -> None:
    assert [run.id for run in folders.runs(home)] == [
        "20261122-120000-research-beef",
        "20261121-094106-review-11aa",
        "20261121-094105-review-7f3a",
    ]


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        ("latest", "20261122-120000-research-beef"),
        ("20261121-094105-review-7f3a", "20261121-094105-review-7f3a"),
        ("20261122", "20261122-120000-research-beef"),
    ],
)
def test_a_run_is_found_by_id_or_start_or_as_the_latest(home: Path, ref: str, found: str) -> None:
    assert folders.find(home, ref).id == found


def test_the_latest_run_is_none_whose_manifest_was_lost(home: Path) -> None:
    older = RunFolder(home, "20261121-094106-review-11aa")
    older.manifest.touch()
    assert folders.find(home, "latest").id == older.id


def test_an_ambiguous_start_lists_what_it_fits(home: Path) -> None:
    with pytest.raises(RunNotFoundError, match=r"2 runs start with '20261121': .*11aa.*7f3a"):
        folders.find(home, "20261121")


@pytest.mark.parametrize("ref", ["7f3a", "20261121-094105-reveiw-7f3a", "", "../x"])
def test_a_run_that_is_not_there_names_near_ones(home: Path, ref: str) -> None:
    with pytest.raises(RunNotFoundError) as error:
        folders.find(home, ref)
    assert "20261121-094105-review-7f3a" in error.value.hint


def test_without_runs_the_way_to_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError) as error:
        folders.find(tmp_path / "none", "latest")
    assert "crew run" in error.value.hint


def test_a_link_in_the_place_of_the_ignore_file_is_not_followed(tmp_path: Path) -> None:
    home = tmp_path / ".crew"
    home.mkdir()
    (home / ".gitignore").symlink_to(tmp_path / "elsewhere")
    folders.make_home(home)
    assert not (tmp_path / "elsewhere").exists()
