"""An exported run is looked at where its file is: nothing is imported, nothing is left behind."""

import json
import signal
from pathlib import Path

import pytest

from tests.doubles.repository import Repository
from tests.e2e.installed import Installed
from tests.e2e.terminal import terminal


@pytest.fixture
def archive(crew: Installed, repository: Repository, tmp_path: Path) -> str:
    """A finished review in a file, and its run gone from here."""
    repository.write("ledger.py", "import os\n")
    crew.review()
    path = tmp_path / "review.tar.gz"
    assert crew.run("export", "-o", str(path)).code == 0
    assert crew.run("prune", "--keep", "0", "--yes").code == 0
    return str(path)


def left_behind(crew: Installed) -> list[Path]:
    return [*crew.home.glob("crew-archive-*"), *Path(crew.cwd, ".crew", "runs").iterdir()]


def test_show_and_logs_read_an_archive_as_they_read_a_run(crew: Installed, archive: str) -> None:
    shown = crew.run("show", archive)
    assert "ledger.py:1" in shown.out
    assert f"one session: crew show {archive}/explore" in shown.out
    assert "report:" not in shown.out + shown.err
    told = json.loads(crew.run("show", archive, "--json").out)
    assert (told["status"], told["folder"], told["report"]) == ("completed", archive, None)
    assert "submit_result" in crew.run("show", f"{archive}/verify").out
    assert "code-review" in crew.run("logs", "-f", archive).out
    assert "tool_call" in crew.run("logs", f"{archive}/verify", "--json").out
    assert left_behind(crew) == []


def test_the_observer_opens_an_archive_and_takes_it_away_when_it_is_left(
    crew: Installed, archive: str
) -> None:
    with terminal(crew, "watch", archive) as screen:
        screen.wait_for("verify")
        assert len(left_behind(crew)) == 1
        (unpacked,) = left_behind(crew)
        assert unpacked.stat().st_mode & 0o777 == 0o700
        screen.press(b"q")
        assert screen.wait_for_end() == 0
    assert left_behind(crew) == []


def test_the_doctor_examines_an_archive(crew: Installed, archive: str) -> None:
    done = crew.run("doctor", archive, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["wrong"] == 0


def test_a_signal_takes_what_was_unpacked_with_it(crew: Installed, archive: str) -> None:
    with terminal(crew, "watch", archive) as screen:
        screen.wait_for("verify")
        screen.signal(signal.SIGTERM)
        assert screen.wait_for_end() == 128 + signal.SIGTERM
    assert left_behind(crew) == []


def test_what_is_no_archive_is_refused_and_commands_need_a_run(
    crew: Installed, archive: str
) -> None:
    Path(archive).write_bytes(b"no archive")
    for refused, why in (
        (crew.run("show", archive), "not an archive of a run"),
        (crew.run("logs", "gone.tar.gz"), "No such file"),
        (crew.run("steer", f"{archive}/verify", "hm"), "can only be looked at"),
        (crew.run("wait", archive), "can only be looked at"),
    ):
        assert (refused.code, why in refused.err) == (2, True), refused.err
    assert left_behind(crew) == []
