"""Files that have to be on the disk before what names them."""

import errno
import os
import threading
from pathlib import Path

import pytest

from crew.store.unsynced import Unsynced


def test_who_syncs_while_another_thread_is_at_it_waits_for_its_files_too(tmp_path: Path) -> None:
    begun, may_end = threading.Event(), threading.Event()
    synced: list[int] = []

    def sync(handle: int) -> None:
        begun.set()
        assert may_end.wait(10)
        synced.append(os.fstat(handle).st_ino)

    unsynced = Unsynced(sync)
    path = tmp_path / "result.json"
    path.touch()
    unsynced.add(path)
    first = threading.Thread(target=unsynced.sync)
    first.start()
    assert begun.wait(10)
    seen: list[list[int]] = []

    def wait_for_both() -> None:
        unsynced.sync()
        seen.append(list(synced))

    second = threading.Thread(target=wait_for_both)
    second.start()
    may_end.set()
    first.join(10)
    second.join(10)
    assert seen == [[path.stat().st_ino]]
    assert unsynced.synced == unsynced.added == 1


def test_a_refusal_of_the_disk_is_told_to_whoever_syncs_later(tmp_path: Path) -> None:
    refusals = [OSError(errno.EIO, "Input/output error")]

    def sync(_: int) -> None:
        if refusals:
            raise refusals.pop()

    unsynced = Unsynced(sync)
    for name in ("a", "b"):
        (tmp_path / name).touch()
        unsynced.add(tmp_path / name)
    for _ in range(2):
        with pytest.raises(OSError, match="Input/output"):
            unsynced.sync()
    assert unsynced.synced == 0
