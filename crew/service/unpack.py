"""An archive of a run back into a home: whatever is in it, nothing leaves its own new folder."""

import gzip
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path, PurePosixPath
from typing import IO

from crew.errors import StoreError, UsageError
from crew.service.archive import OF_THE_PROCESS, PART
from crew.service.runs import StoredRun, open_run
from crew.store.atomic import sync_path
from crew.store.folder import RunFolder, is_run_id, make_home
from crew.store.manifest import read

STAGED = ".importing-"
"""Start of the name of a folder that an import fills."""

_HEADERS = 1 << 20
_BLOCK = 1 << 18
_DEEPEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What an archive may come to.

    Attributes:
        files: Files and folders in it.
        total: Bytes of all files together, unpacked.
    """

    files: int = 50_000
    total: int = 8 << 30


BOUNDS = Bounds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A run that is now in the home.

    Attributes:
        size: Bytes of its files.
    """

    run: str
    folder: Path
    files: int
    size: int


def import_run(home: Path, source: Path, *, bounds: Bounds = BOUNDS) -> Imported:
    """Unpack a run into the home, under its own id.

    It is there as a whole or not at all.

    Raises:
        UsageError: There is no such file, it is no archive of a run, or the id is taken.
        StoreError: The home can't be written.
    """
    make_home(home)
    stage = Path(_staged(home))
    try:
        with source.open("rb") as file:
            unpacking = _Unpacking(stage, source, bounds)
            unpacking.take(file)
        run = unpacking.checked_run()
        final = RunFolder(home, run).root
        if os.path.lexists(final):
            raise UsageError(
                f"run {run} is in {home} already",
                hint="set CREW_HOME to import it elsewhere, or see crew ps",
            )
        _move(RunFolder(stage, run).root, final)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        if error.filename != str(source):
            raise StoreError.from_os(f"importing {source}", error) from error
        raise UsageError(f"{source}: {error.strerror}") from error
    except OSError as error:
        raise StoreError.from_os(f"importing {source}", error) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return Imported(run=run, folder=final, files=unpacking.files, size=unpacking.size)


@contextmanager
def opened_archive(source: Path, *, bounds: Bounds = BOUNDS) -> Iterator[StoredRun]:
    """Open the run of an archive for reading, from a private folder that goes with the context.

    Raises:
        UsageError: There is no such file, or it is no archive of a run.
        StoreError: It can't be unpacked.
    """
    try:
        home = tempfile.TemporaryDirectory(prefix="crew-archive-", ignore_cleanup_errors=True)
    except OSError as error:
        raise StoreError.from_os("making a temporary folder", error) from error
    with home as place:
        found = import_run(Path(place), source, bounds=bounds)
        yield open_run(Path(place), found.run)


def _staged(home: Path) -> str:
    try:
        return tempfile.mkdtemp(prefix=STAGED, dir=home / "runs")
    except OSError as error:
        raise StoreError.from_os(f"making a folder in {home / 'runs'}", error) from error


def _move(staged: Path, final: Path) -> None:
    for inner in ("sessions", "artifacts", "control"):
        (staged / inner).mkdir(mode=0o700, exist_ok=True)
    os.rename(staged, final)
    sync_path(final.parent)


class _Unpacking:
    """Takes an archive entry by entry; the first that should not be there ends it."""

    def __init__(self, stage: Path, source: Path, bounds: Bounds) -> None:
        self._runs = stage / "runs"
        self._stage = stage
        self._source = source
        self._bounds = bounds
        self._seen: dict[str, bool] = {}
        self._run = ""
        self._entries = 0
        self.files = 0
        self.size = 0

    def take(self, file: IO[bytes]) -> None:
        """Unpack everything.

        Raises:
            UsageError: It is no archive of a run.
            OSError: The disk refused.
        """
        self._runs.mkdir(mode=0o700)
        stream = _Rationed(gzip.GzipFile(fileobj=file))
        try:
            stream.allow(_HEADERS)
            with tarfile.open(fileobj=stream, mode="r|", errorlevel=2) as tar:
                while (member := tar.next()) is not None:
                    self._member(tar, member, stream)
                    stream.allow(_HEADERS)
                _read_out(tar)
        except EOFError as error:
            raise self._refusal("it ends too early") from error
        except (zlib.error, gzip.BadGzipFile) as error:
            raise self._refusal("it is no gzip file, or a damaged one") from error
        except tarfile.TarError as error:
            raise self._refusal("what it holds is no tar archive, or a damaged one") from error
        except ValueError as error:
            raise self._refusal(str(error)) from error

    def checked_run(self) -> str:
        """The id of the run that was unpacked.

        Raises:
            UsageError: What was unpacked is no run.
        """
        folder = RunFolder(self._stage, self._run)
        if not self._run or not folder.journal.is_file():
            raise self._refusal("it has no events.jsonl")
        try:
            manifest = read(folder)
        except StoreError as error:
            reason = error.message.replace(f"{folder.root}{os.sep}", "")
            raise UsageError(f"{self._source}: {reason}", hint=error.hint) from error
        if manifest.run != self._run:
            raise self._refusal(f"folder {self._run} has the manifest of {manifest.run[:128]!r}")
        return self._run

    def _member(self, tar: tarfile.TarFile, member: tarfile.TarInfo, stream: "_Rationed") -> None:
        parts = self._parts(member)
        self._entries += 1
        if self._entries > self._bounds.files:
            raise self._refusal(f"it has more than {self._bounds.files:,} files")
        target = self._runs.joinpath(*parts)
        if member.isdir():
            if "/".join(parts) not in self._seen:
                self._make_folders(parts)
            return
        if member.size < 0 or self.size + member.size > self._bounds.total:
            raise self._refusal(f"unpacked it has more than {self._bounds.total:,} bytes")
        self._make_folders(parts[:-1])
        name = "/".join(parts)
        if name in self._seen:
            raise self._refusal(f"{name} is in it twice")
        self._seen[name] = False
        self.files += 1
        self.size += member.size
        stream.allow(member.size + _HEADERS)
        content = tar.extractfile(member)
        if content is None:
            raise self._refusal(f"{name} has no content")
        _write(target, content)

    def _parts(self, member: tarfile.TarInfo) -> tuple[str, ...]:
        """Where an entry goes, below the folder of runs."""
        shown = repr(member.name[:100])
        if not (member.isdir() or member.type in (tarfile.REGTYPE, tarfile.AREGTYPE)):
            raise self._refusal(f"{shown} is neither a file nor a folder")
        parts = tuple(member.name.split("/"))
        if not all(PART.fullmatch(part) for part in parts) or len(parts) > _DEEPEST:
            raise self._refusal(f"{shown} is not a name in a run")
        self._run = self._run or parts[0]
        if parts[0] != self._run or not is_run_id(self._run):
            raise self._refusal(f"{shown} is not in a folder named as one run")
        if len(parts) == 1 and not member.isdir():
            raise self._refusal(f"{shown} is a file where the run's folder belongs")
        if len(parts) > 1 and parts[1] in OF_THE_PROCESS:
            raise self._refusal(f"{shown} belongs to a process that is not here")
        return parts

    def _make_folders(self, parts: tuple[str, ...]) -> None:
        for depth in range(1, len(parts) + 1):
            name = "/".join(parts[:depth])
            is_folder = self._seen.get(name)
            if is_folder is False:
                raise self._refusal(f"{name} is in it as a file and as a folder")
            if is_folder is None:
                (self._runs / PurePosixPath(name)).mkdir(mode=0o700)
                self._seen[name] = True

    def _refusal(self, reason: str) -> UsageError:
        return UsageError(
            f"{self._source} is not an archive of a run: {reason}",
            hint="make one with crew export RUN",
        )


def _read_out(tar: tarfile.TarFile) -> None:
    """Read to the end, where the checksum is; an entry that is cut looks like the end as well."""
    while tar.fileobj is not None and (block := tar.fileobj.read(_BLOCK)):
        if block.strip(b"\0"):
            raise ValueError("it is damaged in the middle")


def _write(target: Path, content: IO[bytes]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(target, flags, 0o600), "wb") as file:
        while block := content.read(_BLOCK):
            file.write(block)


class _Rationed(RawIOBase):
    """Unpacked bytes, no more of them than were allowed: headers may hide a flood as well."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream
        self._left = 0

    def allow(self, size: int) -> None:
        """Let this many bytes more be read before the next call."""
        self._left = size

    def read(self, size: int = -1) -> bytes:
        """Read as a stream does.

        Raises:
            ValueError: More was asked for than is left.
        """
        data = self._stream.read(size if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise ValueError("a header of it is far too long")
        return data
