"""Export and import: the same run elsewhere, no secret in between, no archive that escapes."""

import gzip
import hashlib
import io
import json
import os
import stat
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crew.errors import RunLockedError, UsageError
from crew.events import EventBase
from crew.records import Status
from crew.service import list_runs, open_run
from crew.service.archive import export_run
from crew.service.doctor import examine_run
from crew.service.unpack import Bounds, import_run
from crew.store.folder import RunFolder
from crew.store.lock import RunLock
from crew.tools.changes import Change
from crew.tools.changes.reports import own_archives
from tests.doubles.kept import copied, make_kept
from tests.doubles.models import calls, submits
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange

SECRET = "correct-horse-42"
ENVIRON = {"SHOP_TOKEN": SECRET}


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_kept(tmp_path_factory.mktemp("archive") / "work")


@pytest.fixture
def kept(made: RunFolder, tmp_path: Path) -> RunFolder:
    return copied(made, tmp_path / "home")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere"


def exported(folder: RunFolder, name: str = "run.tar.gz", **options: object) -> Path:
    target = folder.home.parent / name
    environ = options.pop("environ", {})
    assert isinstance(environ, dict)
    export_run(folder.home, folder.id, target, environ=environ, live=bool(options.get("live")))
    return target


def contents(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {
            member.name: file.read()
            for member in tar
            if member.isfile() and (file := tar.extractfile(member))
        }


def damage(home: Path, run: str) -> list[str]:
    return [check.what for check in examine_run(home, run)[1] if check.state == "wrong"]


def test_an_imported_run_is_the_one_that_was_exported(kept: RunFolder, elsewhere: Path) -> None:
    done = import_run(elsewhere, exported(kept))
    assert done.run == kept.id
    here, there = open_run(kept.home, kept.id), open_run(elsewhere, "latest")
    outcome = there.outcome()
    assert outcome is not None
    assert outcome.status is Status.COMPLETED
    assert there.events() == here.events()
    assert there.report() == here.report()
    assert damage(elsewhere, kept.id) == []
    assert [run.id for run in list_runs(elsewhere)] == [kept.id]


async def test_an_imported_run_can_be_watched_to_its_end(kept: RunFolder, elsewhere: Path) -> None:
    done = import_run(elsewhere, exported(kept))
    stored = open_run(elsewhere, done.run)
    async with stored.feed.subscribe() as items:
        seen = [item async for item in items if isinstance(item, EventBase)]
    assert seen == stored.events()


def test_what_is_imported_is_its_owners_alone(kept: RunFolder, elsewhere: Path) -> None:
    done = import_run(elsewhere, exported(kept))
    for path in (done.folder, *done.folder.rglob("*")):
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_the_same_run_gives_the_same_bytes(kept: RunFolder) -> None:
    first = exported(kept, "first.tar.gz")
    for path in kept.root.rglob("*"):
        os.utime(path, (1, 1))
    assert exported(kept, "second.tar.gz").read_bytes() == first.read_bytes()
    assert stat.S_IMODE(first.stat().st_mode) == 0o600


def test_a_file_that_is_there_is_not_written_over(kept: RunFolder) -> None:
    target = exported(kept)
    before = target.read_bytes()
    with pytest.raises(UsageError, match="exists already"):
        exported(kept)
    assert target.read_bytes() == before
    assert sorted(path.name for path in kept.home.parent.iterdir()) == ["home", "run.tar.gz"]


def test_the_next_review_knows_an_archive_whatever_its_name(kept: RunFolder) -> None:
    target = exported(kept, "review.bin")
    change = Change(path=target.name, status="added", binary=True, untracked=True)
    assert own_archives(target.parent, kept.root.parent, [change]) == {"review.bin": kept.id}


def test_lock_commands_links_and_temporaries_stay_behind(kept: RunFolder) -> None:
    (kept.control / "1.json").write_text("{}")
    (kept.root / ".run.json.abc").write_text("{}")
    (kept.artifacts / "link").symlink_to("/etc/passwd")
    (kept.root / "linked").symlink_to("/etc")
    os.mkfifo(kept.root / "pipe")
    done = export_run(kept.home, kept.id, kept.home.parent / "a.tar.gz", environ={})
    names = contents(done.path)
    assert sorted(done.left_out) == ["artifacts/link", "linked", "pipe"]
    for name in ("lock", "control/1.json", ".run.json.abc", "artifacts/link", "linked/passwd"):
        assert f"{kept.id}/{name}" not in names
    assert done.files == len(names)


# Secrets.


def plant(kept: RunFolder) -> None:
    """Put the secret into a transcript, an artifact, the report, and bytes that are no text."""
    path = kept.transcript("a")
    path.write_text(path.read_text().replace("Do it.", f"Use {SECRET}."))
    kept.report.write_text(f"The key is {SECRET}.\n")
    (kept.artifacts / "raw.bin").write_bytes(b"\xff\x00" + SECRET.encode() + b"\xfe")
    half = len(SECRET) // 2
    chunks = [{"row": 9, "text": SECRET[:half]}, {"row": 9, "text": SECRET[half:] + " it is"}]
    kept.live("a").write_text("".join(json.dumps(chunk) + "\n" for chunk in chunks))
    artifact = kept.artifacts / "a.result.json"
    old = artifact.read_bytes()
    new = json.dumps({"summary": SECRET}).encode()
    artifact.write_bytes(new)
    renew = (
        (hashlib.sha256(old).hexdigest(), hashlib.sha256(new).hexdigest()),
        (f'"size":{len(old)}', f'"size":{len(new)}'),
    )
    for path in (kept.journal, kept.transcript("a")):
        text = path.read_text()
        for before, after in renew:
            text = text.replace(before, after)
        path.write_text(text)


def test_no_secret_of_the_exporters_environment_is_in_the_archive(
    kept: RunFolder, elsewhere: Path
) -> None:
    plant(kept)
    files = contents(exported(kept, environ=ENVIRON))
    assert not [name for name, data in files.items() if SECRET.encode() in data]
    live = files[f"{kept.id}/sessions/a.live.jsonl"].decode()
    said = "".join(json.loads(line)["text"] for line in live.splitlines())
    assert SECRET not in said
    assert said == "[redacted:env] it is"


def test_what_refers_to_a_redacted_artifact_has_its_new_digest(
    kept: RunFolder, elsewhere: Path
) -> None:
    plant(kept)
    before = [what for what in damage(kept.home, kept.id) if "bytes" in what]
    done = export_run(kept.home, kept.id, kept.home.parent / "a.tar.gz", environ=ENVIRON)
    assert "artifacts/a.result.json" in done.redacted
    import_run(elsewhere, done.path)
    assert [what for what in damage(elsewhere, kept.id) if "bytes" in what] == before


def test_a_file_named_after_a_secret_is_left_out(kept: RunFolder) -> None:
    (kept.artifacts / f"{SECRET}.txt").write_text("x")
    done = export_run(kept.home, kept.id, kept.home.parent / "a.tar.gz", environ=ENVIRON)
    assert done.left_out == ("artifacts/[redacted:env].txt",)
    assert not [name for name in contents(done.path) if SECRET in name]


# Live runs.


def test_a_live_run_is_refused_by_the_name_of_its_process(kept: RunFolder) -> None:
    lock = RunLock.acquire(kept, datetime.now(UTC))
    try:
        with pytest.raises(RunLockedError, match=f"process {os.getpid()} ") as raised:
            exported(kept)
    finally:
        lock.release()
    assert "--live" in raised.value.hint


async def test_a_live_run_is_taken_as_far_as_it_came(arrange: Arrange, elsewhere: Path) -> None:
    crew = arrange([calls("together", ("work", {"seconds": 60})), submits()])
    async with crew.start():
        await crew.model.asked(1)
        with crew.folder.journal.open("a") as file:
            file.write('{"v":1,"seq"')
        archive = exported(crew.folder, live=True)
    done = import_run(elsewhere, archive)
    assert damage(elsewhere, done.run) == []
    (summary,) = list_runs(elsewhere)
    assert (summary.status, summary.live) == (Status.INTERRUPTED, False)
    assert (done.folder / "events.jsonl").read_bytes().endswith(b"}\n")


def test_a_last_line_that_is_whole_but_for_its_newline_is_kept(kept: RunFolder) -> None:
    data = kept.journal.read_bytes()
    kept.journal.write_bytes(data[:-1])
    assert contents(exported(kept))[f"{kept.id}/events.jsonl"] == data


# Archives that should not be.

Entry = tuple[tarfile.TarInfo, bytes]


def entry(name: str, data: bytes = b"{}", **fields: object) -> Entry:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def packed(path: Path, entries: Iterable[Entry]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, data in entries:
            tar.addfile(info, io.BytesIO(data))
    return path


def of_run(kept: RunFolder) -> list[Entry]:
    names = ("run.json", "events.jsonl", "sessions/a.jsonl")
    return [entry(f"{kept.id}/{name}", (kept.root / name).read_bytes()) for name in names]


@pytest.mark.parametrize(
    ("add", "reason"),
    [
        (lambda run: entry("/etc/evil"), "not a name"),
        (lambda run: entry(f"{run}/../../evil"), "not a name"),
        (lambda run: entry("../evil"), "not a name"),
        (lambda run: entry(f"./{run}/evil"), "not a name"),
        (lambda run: entry(f"{run}/a\\b"), "not a name"),
        (lambda run: entry(f"{run}/.hidden"), "not a name"),
        (lambda run: entry(f"{run}//evil"), "not a name"),
        (lambda run: entry(f"{run}/a\nb"), "not a name"),
        (lambda run: entry(f"{run}/" + "a/" * 20 + "b"), "not a name"),
        (lambda run: entry(f"{run}/" + "a" * 300), "not a name"),
        (lambda run: entry("another/evil"), "named as one run"),
        (entry, "a file where the run's folder belongs"),
        (lambda run: entry(f"{run}/run.json"), "twice"),
        (lambda run: entry(f"{run}/run.json/evil"), "as a file and as a folder"),
        (lambda run: entry(f"{run}/sessions"), "twice"),
        (lambda run: entry(f"{run}/lock"), "belongs to a process"),
        (lambda run: entry(f"{run}/control/1.json"), "belongs to a process"),
        (
            lambda run: entry(f"{run}/x", b"", type=tarfile.SYMTYPE, linkname="/etc"),
            "neither a file nor a folder",
        ),
        (
            lambda run: entry(f"{run}/x", b"", type=tarfile.LNKTYPE, linkname=f"{run}/run.json"),
            "neither a file nor a folder",
        ),
        (lambda run: entry(f"{run}/x", b"", type=tarfile.CHRTYPE), "neither a file nor a folder"),
        (lambda run: entry(f"{run}/x", b"", type=tarfile.BLKTYPE), "neither a file nor a folder"),
        (lambda run: entry(f"{run}/x", b"", type=tarfile.FIFOTYPE), "neither a file nor a folder"),
        (lambda run: entry(f"{run}/x", b"1" * 200_001), "more than 200,000 bytes"),
        (
            lambda run: entry(f"{run}/x", b"", pax_headers={"comment": "x" * 5_000_000}),
            "header of it is far too long",
        ),
    ],
)
def test_a_hostile_entry_is_refused_and_nothing_is_left(
    kept: RunFolder, elsewhere: Path, add: Callable[[str], Entry], reason: str
) -> None:
    archive = packed(elsewhere.with_name("x.tar.gz"), [*of_run(kept), add(kept.id)])
    around = sorted(elsewhere.parent.iterdir())
    with pytest.raises(UsageError, match=reason):
        import_run(elsewhere, archive, bounds=Bounds(total=200_000))
    assert list((elsewhere / "runs").iterdir()) == []
    assert sorted(elsewhere.parent.iterdir()) == sorted([*around, elsewhere])


def test_more_files_than_a_run_has_are_refused(kept: RunFolder, elsewhere: Path) -> None:
    many = [entry(f"{kept.id}/artifacts/{number}") for number in range(20)]
    archive = packed(elsewhere.with_name("x.tar.gz"), [*of_run(kept), *many])
    with pytest.raises(UsageError, match="more than 10 files"):
        import_run(elsewhere, archive, bounds=Bounds(files=10))
    assert list((elsewhere / "runs").iterdir()) == []


def test_a_size_that_lies_is_refused_before_the_disk_is_full(
    kept: RunFolder, elsewhere: Path
) -> None:
    giant, _ = entry(f"{kept.id}/x")
    giant.size = 1 << 50
    archive = elsewhere.with_name("x.tar.gz")
    archive.write_bytes(gzip.compress(giant.tobuf()))
    with pytest.raises(UsageError, match="bytes"):
        import_run(elsewhere, archive)
    assert list((elsewhere / "runs").iterdir()) == []


def test_a_run_that_is_here_already_is_refused_and_stays(kept: RunFolder) -> None:
    archive = exported(kept)
    before = kept.journal.stat()
    with pytest.raises(UsageError, match="already"):
        import_run(kept.home, archive)
    assert kept.journal.stat() == before
    assert [path.name for path in (kept.home / "runs").iterdir()] == [kept.id]


@pytest.mark.parametrize(
    ("left_out", "reason"),
    [("run.json", "reading run.json"), ("events.jsonl", "it has no events.jsonl")],
)
def test_an_archive_without_what_makes_a_run_is_refused(
    kept: RunFolder, elsewhere: Path, left_out: str, reason: str
) -> None:
    entries = [each for each in of_run(kept) if not each[0].name.endswith(left_out)]
    with pytest.raises(UsageError, match=reason):
        import_run(elsewhere, packed(elsewhere.with_name("x.tar.gz"), entries))
    assert list((elsewhere / "runs").iterdir()) == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda _: b"plain text", "it is no gzip file, or a damaged one"),
        (lambda _: gzip.compress(b"plain text"), "what it holds is no tar archive"),
        (lambda whole: whole[:300], "it ends too early"),
    ],
)
def test_what_is_no_archive_is_told_why(
    kept: RunFolder, elsewhere: Path, change: Callable[[bytes], bytes], why: str
) -> None:
    archive = exported(kept)
    archive.write_bytes(change(archive.read_bytes()))
    with pytest.raises(UsageError, match=f"is not an archive of a run: {why}"):
        import_run(elsewhere, archive)


def test_a_file_in_a_folder_that_is_not_there_is_refused_with_the_mend(kept: RunFolder) -> None:
    with pytest.raises(UsageError, match="the folder does not exist") as refused:
        export_run(kept.home, kept.id, Path("/nope/run.tar.gz"))
    assert refused.value.hint == "create it first"


def test_a_manifest_of_another_run_is_refused(kept: RunFolder, elsewhere: Path) -> None:
    renamed = [entry(info.name.replace(kept.id, "other"), data) for info, data in of_run(kept)]
    with pytest.raises(UsageError, match="has the manifest of"):
        import_run(elsewhere, packed(elsewhere.with_name("x.tar.gz"), renamed))


@pytest.mark.parametrize("name", ["missing.tar.gz", "."])
def test_a_file_that_can_not_be_opened_is_named(elsewhere: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"No such file|Is a directory"):
        import_run(elsewhere, elsewhere.parent / name)


def test_an_archive_with_a_damaged_header_is_refused_and_not_taken_by_half(
    kept: RunFolder, elsewhere: Path
) -> None:
    archive = exported(kept)
    tar = gzip.decompress(archive.read_bytes())
    at = tar.rindex(f"{kept.id}/sessions/b.jsonl".encode())
    archive.write_bytes(gzip.compress(tar[:at] + b"X" + tar[at + 1 :]))
    with pytest.raises(UsageError, match="damaged in the middle"):
        import_run(elsewhere, archive)


@settings(max_examples=60)
@given(data=st.data())
def test_no_bent_archive_does_anything_but_fail_cleanly(
    made: RunFolder, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as place:
        kept = copied(made, Path(place) / "home")
        archive = exported(kept)
        content = archive.read_bytes()
        at = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["cut", "flip", "flip inside"]))
        if kind == "cut":
            bent = content[:at]
        elif kind == "flip":
            bent = content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :]
        else:
            tar = bytearray(gzip.decompress(content))
            tar[data.draw(st.integers(0, 4096))] ^= 0x55
            bent = gzip.compress(bytes(tar))
        archive.write_bytes(bent)
        home = Path(place) / "elsewhere"
        try:
            done = import_run(home, archive)
        except UsageError:
            assert list((home / "runs").iterdir()) == []
        else:
            assert sorted((home / "runs").iterdir()) == [done.folder]
        assert sorted(path.name for path in Path(place).iterdir()) == [
            "elsewhere",
            "home",
            "run.tar.gz",
        ]
