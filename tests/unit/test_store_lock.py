import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crew.errors import RunLockedError, StoreError
from crew.records import timestamp
from crew.store import folder as folders
from crew.store.folder import RunFolder
from crew.store.lock import RunLock, holder

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

HOLD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from crew.store.folder import RunFolder
from crew.store.lock import RunLock
lock = RunLock.acquire(RunFolder(Path(sys.argv[1]), sys.argv[2]), datetime.now(UTC))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return folders.create(tmp_path, "20261121-094105-review-7f3a")


def claim(run: RunFolder, **changes: Any) -> None:
    """Leave the lock file of this very process, as a crash would, with some of it changed."""
    lock = RunLock.acquire(run, NOON)
    data = json.loads(run.lock.read_text())
    lock.release()
    run.lock.write_text(json.dumps(data | changes))


def test_a_held_lock_names_its_live_process(run: RunFolder) -> None:
    lock = RunLock.acquire(run, NOON)
    found = holder(run, NOON)
    assert found is not None
    assert (found.pid, found.host, found.live) == (os.getpid(), socket.gethostname(), True)
    assert found.beat == NOON
    lock.release()


def test_a_second_runner_is_told_who_runs_it(run: RunFolder) -> None:
    lock = RunLock.acquire(run, NOON)
    with pytest.raises(RunLockedError, match=f"process {os.getpid()} on "):
        RunLock.acquire(run, NOON)
    lock.release()


def test_a_released_lock_is_free(run: RunFolder) -> None:
    lock = RunLock.acquire(run, NOON)
    lock.release()
    lock.release()
    assert holder(run, NOON) is None
    RunLock.acquire(run, NOON).release()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell")
def test_a_process_that_has_ended_holds_nothing_before_its_parent_knows(run: RunFolder) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as other:
        stat = Path(f"/proc/{other.pid}/stat").read_text()
        claim(run, pid=other.pid, started=stat.rpartition(")")[2].split()[19])
        found = holder(run, NOON)
        assert found is not None
        assert found.live
        assert other.stdin is not None
        other.stdin.close()
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        found = holder(run, NOON)
        assert found is not None
        assert not found.live


def test_a_lock_dies_with_its_process(run: RunFolder) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.home), run.id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(RunLockedError, match=f"process {other.pid} on "):
            RunLock.acquire(run, NOON)
        found = holder(run)
        assert found is not None
        assert found.live
        other.kill()
    found = holder(run)
    assert found is not None
    assert not found.live
    RunLock.acquire(run, NOON).release()


def test_a_heartbeat_renews_the_time(run: RunFolder) -> None:
    lock = RunLock.acquire(run, NOON)
    lock.beat(NOON + timedelta(seconds=10))
    found = holder(run, NOON)
    assert found is not None
    assert found.beat == NOON + timedelta(seconds=10)
    lock.release()


@pytest.mark.parametrize("change", [{"started": "1"}, {"boot": "another"}, {"pid": 2**22 + 1}])
def test_a_lock_whose_process_is_gone_is_stale(run: RunFolder, change: dict[str, Any]) -> None:
    claim(run, **change)
    found = holder(run, NOON)
    assert found is not None
    assert not found.live
    RunLock.acquire(run, NOON).release()


@pytest.mark.parametrize(("age", "live"), [(59, True), (61, False)])
def test_a_process_of_another_host_lives_as_long_as_its_heart_beats(
    run: RunFolder, age: int, live: bool
) -> None:
    claim(run, host="elsewhere", beat=timestamp(NOON - timedelta(seconds=age)))
    found = holder(run, NOON)
    assert found is not None
    assert found.live is live
    if live:
        with pytest.raises(RunLockedError, match="on elsewhere"):
            RunLock.acquire(run, NOON)
    else:
        RunLock.acquire(run, NOON).release()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid":1}', '{"pid":"x"}', "\xff"])
def test_a_lock_file_that_says_nothing_holds_nothing(run: RunFolder, content: str) -> None:
    run.lock.write_text(content, encoding="latin-1")
    assert holder(run, NOON) is None
    RunLock.acquire(run, NOON).release()


def test_a_run_that_is_gone_can_not_be_locked(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"opening .*lock: No such file"):
        RunLock.acquire(RunFolder(tmp_path, "none"), NOON)
