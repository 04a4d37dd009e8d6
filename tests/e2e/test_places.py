"""Places that are hard to work in: no git, no folder, no room, no reader, nobody watching."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.doubles.repository import Repository
from tests.e2e.installed import Installed

MAY_MOUNT = (
    shutil.which("unshare") is not None
    and subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode
    == 0
)
needs_mounts = pytest.mark.skipif(not MAY_MOUNT, reason="this user may not mount a file system")


@pytest.fixture(autouse=True)
def something_to_find(repository: Repository) -> None:
    repository.write("ledger.py", "import os\n")


def _without_git(folder: Path) -> str:
    """A PATH on which only git is missing from what the program may need."""
    folder.mkdir()
    for name in ("env", "sh"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return str(folder)


def test_without_git_the_whole_folder_is_reviewed(crew: Installed, tmp_path: Path) -> None:
    done = crew.review(env={"PATH": _without_git(tmp_path / "bin")})
    assert ("ledger.py", 1, "F401") in done.places()
    assert "git isn't installed" in done.out


def test_outside_a_repository_the_whole_folder_is_reviewed(crew: Installed, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "a.py").write_text("import os\n")
    done = crew.review(cwd=folder)
    assert done.places() == {("a.py", 1, "F401")}
    assert "not in a git repository" in done.out


@pytest.mark.parametrize("args", [("run", "review"), ("ps",), ("teams",), ("check",)])
def test_a_folder_that_is_gone_is_said_to_be(
    crew: Installed, tmp_path: Path, args: tuple[str, ...]
) -> None:
    (tmp_path / "gone").mkdir()
    there = ("sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', str(tmp_path / "gone"))
    done = crew.run(*args, before=there)
    assert (done.code, done.out) == (2, "")
    assert "the current folder no longer exists" in done.err


def test_a_repository_of_someone_else_is_not_approved(
    crew: Installed, repository: Repository
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(repository.root, 12345, 12345)
    os.chown(repository.root / ".git", 12345, 12345)
    done = crew.run("run", "review")
    assert done.code == 4
    assert "approve" not in done.out


def _with_disk(disk: Path, options: str) -> tuple[str, ...]:
    disk.mkdir()
    mount = 'mount -t tmpfs -o "$0" tmpfs "$1" && shift && exec "$@"'
    return ("unshare", "--mount", "sh", "-c", mount, options, str(disk))


@needs_mounts
@pytest.mark.parametrize("size", [8, 36, 44, 60, 88])
def test_a_disk_that_fills_up_ends_the_run_with_the_reason(
    crew: Installed, tmp_path: Path, size: int
) -> None:
    disk = tmp_path / "disk"
    done = crew.run(
        "run",
        "review",
        before=_with_disk(disk, f"size={size}k"),
        env={"CREW_HOME": str(disk / "crew")},
    )
    assert done.code == 3
    assert "No space left on device" in done.err
    assert "free some space" in done.err
    assert "bug" not in done.err


@needs_mounts
def test_a_disk_that_can_only_be_read_is_refused_with_the_mend(
    crew: Installed, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    done = crew.run(
        "run", "review", before=_with_disk(disk, "ro"), env={"CREW_HOME": str(disk / "crew")}
    )
    assert done.code == 3
    assert "Read-only file system" in done.err
    assert "CREW_HOME" in done.err


def test_a_file_where_the_run_folder_belongs_is_refused(crew: Installed, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    done = crew.run("run", "review", env={"CREW_HOME": str(tmp_path / "taken")})
    assert done.code == 3
    assert f"{tmp_path / 'taken'} is a file and must be a folder" in done.err


def test_a_reader_that_stops_after_one_line_is_no_failure(crew: Installed) -> None:
    for more in ("", "--json"):
        done = crew.run(
            more,
            before=("bash", "-c", f'set -o pipefail; "$0" run review {more} | head -n 1'),
        )
        assert done.code == 0, done.err
        assert len(done.out.splitlines()) == 1
        assert "Broken" not in done.err


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_standard_streams_may_be_closed(crew: Installed, closed: str) -> None:
    done = crew.run("run", "review", before=("sh", "-c", f'exec "$0" "$@" {closed}'))
    assert done.code == 0, done.err
    journal = next((crew.cwd / ".crew" / "runs").glob("*/events.jsonl"))
    # What the program prints must not land in a file that took a stream's place.
    assert all(line.startswith('{"v":') for line in journal.read_text().splitlines())


@pytest.mark.parametrize("args", [("run", "review"), ("teams",), ("--version",), ("check",)])
def test_a_full_standard_output_is_an_error(crew: Installed, args: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = crew.run(*args, stdout=full)
    assert done.code == 3
    assert "standard output: No space left on device" in done.err
    assert "CREW_HOME" not in done.err
    assert "bug" not in done.err


@pytest.mark.parametrize(
    "env", [{}, {"TERM": "dumb"}, {"LANG": "C"}, {"PYTHONIOENCODING": "ascii"}]
)
def test_without_a_terminal_there_are_plain_lines(crew: Installed, env: dict[str, str]) -> None:
    done = crew.run("run", "review", env=env)
    assert done.code == 0
    assert "\x1b" not in done.out + done.err
    assert "code-review       started (reviewer, rules)" in done.err
