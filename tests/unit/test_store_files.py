import errno
import fcntl
import json
import os
import resource
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crew.errors import StaleGenerationError, StoreError, ToolError
from crew.records import ArtifactRef, Status
from crew.store import atomic, manifest
from crew.store import folder as folders
from crew.store.artifacts import ArtifactStore
from crew.store.atomic import fsync
from crew.store.folder import RunFolder
from crew.store.jsonl import AppendLog, DescriptorPool
from crew.store.manifest import Manifest
from crew.store.redact import Redactor

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = "gh" + "p_" + "Ab1" * 12


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return folders.create(tmp_path, "20261121-094105-review-7f3a")


def log(path: Path) -> AppendLog:
    return AppendLog(path, redact=Redactor())


# Append-only lines


def test_lines_are_appended_without_their_secrets(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    written = log(path).append([b'{"n":1}', b'{"t":"%s"}' % SECRET.encode()])
    assert path.read_bytes().splitlines() == written
    assert path.read_bytes() == b'{"n":1}\n{"t":"[redacted:github-token]"}\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_appending_goes_on_behind_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    log(path).append([b"{}"])
    log(path).append([b"[]"])
    assert path.read_bytes() == b"{}\n[]\n"


def test_a_torn_last_line_moves_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n":1}\n{"n":2,"text":"hal')
    log(path).append([b'{"n":3}'])
    assert path.read_bytes() == b'{"n":1}\n{"n":3}\n'
    assert (tmp_path / "a.jsonl.torn").read_bytes() == b'{"n":2,"text":"hal\n'


def test_a_last_line_that_only_lacks_its_newline_gets_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n":1}\n{"n":2}')
    log(path).append([b'{"n":3}'])
    assert path.read_bytes() == b'{"n":1}\n{"n":2}\n{"n":3}\n'


def test_a_torn_line_longer_than_a_block_is_cut_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n":1}\n' + b'{"' + b"x" * 700_000)
    log(path)
    assert path.read_bytes() == b'{"n":1}\n'


def test_a_full_disk_leaves_whole_lines_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    writer = log(path)
    writer.append([b'{"n":1}'])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, limits[1]))  # stands for a disk that is full
    try:
        with pytest.raises(StoreError, match=r"writing .*a\.jsonl: File too large"):
            writer.append([b'{"n":2,"text":"too long for what is left"}'])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b'{"n":1}\n'
    writer.append([b'{"n":3}'])
    assert path.read_bytes() == b'{"n":1}\n{"n":3}\n'


def test_the_device_that_is_always_full_gives_the_root_reason_and_the_mend() -> None:
    with pytest.raises(StoreError, match="No space left on device") as error:
        log(Path("/dev/full")).append([b"{}"])
    assert "CREW_HOME" in error.value.hint


def test_many_files_are_written_through_few_descriptors(tmp_path: Path) -> None:
    pool = DescriptorPool(limit=4)
    logs = [
        AppendLog(tmp_path / f"{number}.jsonl", redact=Redactor(), pool=pool)
        for number in range(30)
    ]
    before = len(os.listdir("/proc/self/fd"))
    for turn in range(3):
        for writer in logs:
            writer.append([b'{"turn":%d}' % turn])
    assert len(os.listdir("/proc/self/fd")) <= before
    assert all(
        writer.path.read_bytes() == b'{"turn":0}\n{"turn":1}\n{"turn":2}\n' for writer in logs
    )
    pool.close()
    assert len(os.listdir("/proc/self/fd")) <= before - 4


def test_a_folder_that_is_gone_is_an_error_of_the_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"opening .*No such file"):
        log(tmp_path / "none" / "a.jsonl")


# Whole files


def test_a_file_is_replaced_as_a_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    atomic.replace(path, b"[1]")
    atomic.replace(path, b"[2]", sync_folder=True)
    assert atomic.read_json(path) == [2]
    assert os.listdir(tmp_path) == ["a.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_replace_that_fails_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.mkdir()
    with pytest.raises(StoreError, match="writing "):
        atomic.replace(path, b"[1]")
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize(
    ("content", "what"), [(None, "No such file"), (b"{", "damaged"), (b"\xff", "damaged")]
)
def test_reading_what_is_not_json_says_what_is_wrong(
    tmp_path: Path, content: bytes | None, what: str
) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreError, match=what):
        atomic.read_json(path)


# The manifest


def a_manifest(**fields: object) -> Manifest:
    return Manifest.model_validate(
        {
            "run": "20261121-094105-review-7f3a",
            "team": "review",
            "workflow": "review",
            "goal": "find mistakes",
            "model": "rules",
            "workspace": "/src",
            "created": NOON,
            "updated": NOON,
            **fields,
        }
    )


def test_a_manifest_comes_back_as_it_was_written(run: RunFolder) -> None:
    written = manifest.write(run, a_manifest(options={"base": None}, pid=7), expected=0)
    assert written.generation == 1
    assert manifest.read(run) == written


def test_a_folder_without_a_manifest_is_told_to_be_no_run(run: RunFolder) -> None:
    with pytest.raises(StoreError, match=r"reading .*run.json: No such file") as error:
        manifest.read(run)
    assert error.value.hint.startswith("without it there is no run: start a new one")
    assert str(run.root) in error.value.hint


def test_a_manifest_keeps_no_secret(run: RunFolder) -> None:
    manifest.write(run, a_manifest(goal=f"use {SECRET}"), expected=0)
    assert manifest.read(run).goal == "use [redacted:github-token]"


def test_a_writer_that_read_an_older_manifest_loses_and_hears_both_numbers(run: RunFolder) -> None:
    first = manifest.write(run, a_manifest(), expected=0)
    manifest.write(run, first.model_copy(update={"status": Status.RUNNING}), expected=1)
    with pytest.raises(StaleGenerationError) as error:
        manifest.write(run, first, expected=1)
    assert (error.value.expected, error.value.found) == (1, 2)
    assert manifest.read(run).status is Status.RUNNING


def test_of_many_writers_of_one_generation_one_wins(run: RunFolder) -> None:
    manifest.write(run, a_manifest(), expected=0)
    won: list[int] = []
    start = threading.Barrier(8)

    def write(pid: int) -> None:
        start.wait()
        try:
            manifest.write(run, a_manifest(pid=pid), expected=1)
        except StaleGenerationError:
            return
        won.append(pid)

    threads = [threading.Thread(target=write, args=(pid,)) for pid in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [manifest.read(run).pid] == won


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ('{"v":99}', "version 99"),
        ("[]", "damaged"),
        ('{"v":1,"run":"x"}', "damaged: team"),
    ],
)
def test_a_manifest_that_can_not_be_used_says_why(run: RunFolder, content: str, what: str) -> None:
    run.manifest.write_text(content)
    with pytest.raises(StoreError, match=what):
        manifest.read(run)


# Artifacts


@pytest.fixture
def store(run: RunFolder) -> ArtifactStore:
    return ArtifactStore(run, Redactor())


def test_an_artifact_comes_back_and_its_reference_fits(store: ArtifactStore) -> None:
    ref = store.put("result.json", b'{"ok":true}')
    assert (ref.name, ref.size) == ("result.json", 11)
    assert store.get("result.json") == b'{"ok":true}'
    assert store.verify(ref)


def test_an_artifact_is_written_once(store: ArtifactStore, run: RunFolder) -> None:
    first = store.put("result.json", b"one")
    assert store.put("result.json", b"one") == first
    second = store.put("result.json", b"two")
    third = store.put("result.json", b"three")
    assert [second.name, third.name] == ["result-2.json", "result-3.json"]
    assert store.put("result.json", b"two") == second
    assert store.get(first.name) == b"one"
    assert sorted(os.listdir(run.artifacts)) == ["result-2.json", "result-3.json", "result.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in run.artifacts.iterdir()} == {0o600}


def test_text_is_redacted_and_the_digest_is_of_what_is_on_disk(store: ArtifactStore) -> None:
    ref = store.put("log.txt", f"token {SECRET}".encode())
    assert store.get("log.txt") == b"token [redacted:github-token]"
    assert store.verify(ref)
    assert store.put("raw.bin", b"\xff\x00" + SECRET.encode()).size == 2 + len(SECRET)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("../../etc/passwd", "etc-passwd"),
        (".hidden", "hidden"),
        ("a b/c\n.txt", "a-b-c-.txt"),
        ("", "artifact"),
        ("...", "artifact"),
        ("x" * 300 + ".json", "x" * 100 + ".json"),
    ],
)
def test_a_name_is_made_safe(store: ArtifactStore, name: str, stored: str) -> None:
    assert store.put(name, b"x").name == stored
    assert store.get(stored) == b"x"


@pytest.mark.parametrize("name", ["none.txt", "../run.json", "/etc/passwd", "a/b", "", "link"])
def test_what_is_no_artifact_is_not_read(store: ArtifactStore, run: RunFolder, name: str) -> None:
    run.manifest.write_text("{}")
    (run.artifacts / "link").symlink_to(run.manifest)
    with pytest.raises(ToolError):
        store.get(name)


def test_an_artifact_that_changed_or_went_does_not_verify(
    store: ArtifactStore, run: RunFolder
) -> None:
    ref = store.put("a.txt", b"as it was")
    (run.artifacts / "a.txt").write_bytes(b"as it is!")
    assert not store.verify(ref)
    assert not store.verify(ArtifactRef(name="none", sha256="", size=0))


def test_each_new_file_is_told_once(run: RunFolder) -> None:
    made: list[Path] = []
    store = ArtifactStore(run, Redactor(), made=made.append)
    store.put("a", b"a")
    store.put("b", b"b")
    store.put("a", b"a")
    assert made == [run.artifacts / "a", run.artifacts / "b"]


def test_storing_in_a_folder_that_is_gone_is_an_error_of_the_store(
    store: ArtifactStore, run: RunFolder
) -> None:
    run.artifacts.rmdir()
    with pytest.raises(StoreError, match="storing artifact 'a'") as error:
        store.put("a", b"a")
    assert isinstance(error.value.__cause__, OSError)
    assert error.value.__cause__.errno == errno.ENOENT
    assert json.dumps(error.value.message)


@pytest.mark.parametrize(("able", "synced"), [(True, ["full"]), (False, ["full", "plain"])])
def test_a_sync_goes_past_the_drives_cache_where_the_system_can(
    monkeypatch: pytest.MonkeyPatch, able: bool, synced: list[str]
) -> None:
    asked: list[str] = []

    def control(handle: int, command: int) -> None:
        asked.append("full")
        if not able:
            raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", control)
    monkeypatch.setattr(os, "fsync", lambda handle: asked.append("plain"))
    fsync(0)
    assert asked == synced
