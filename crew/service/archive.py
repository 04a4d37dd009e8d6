"""A kept run as one archive: the same bytes for the same run, and no secrets of either machine."""

import gzip
import hashlib
import json
import os
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from stat import S_ISREG
from typing import IO, Any

from crew.config import load_config
from crew.errors import RunLockedError, StoreError, UsageError
from crew.records import JsonObject
from crew.store.folder import RunFolder, find
from crew.store.lock import holder
from crew.store.manifest import read
from crew.store.redact import Redactor, StreamRedactor

SUFFIX = ".tar.gz"
PART = re.compile(r"[A-Za-z0-9_~@=+-][A-Za-z0-9._~@=+-]{0,254}")
"""A name inside an archive, part by part; nothing hidden, nothing that a file system may bend."""

OF_THE_PROCESS = frozenset({"lock", "control"})
"""What belongs to the process that runs a run, and means nothing elsewhere."""

_IN_MEMORY = 8 << 20

Digests = dict[str, tuple[str, int]]
"""Old digest of an artifact to its new one and size, where redaction changed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """An archive that was written.

    Attributes:
        size: Bytes of the archive.
        files: How many files are in it.
        redacted: Files in which secrets were replaced that were still there.
        left_out: Files that no archive may hold: links, devices, odd names.
    """

    run: str
    path: Path
    size: int
    files: int
    redacted: tuple[str, ...]
    left_out: tuple[str, ...]


def export_run(
    home: Path,
    ref: str,
    target: Path | None = None,
    *,
    live: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Exported:
    """Write a run into one archive.

    Args:
        home: The folder of all runs.
        ref: The run's id, the start of it, or `latest`.
        target: The file; by default `RUN.tar.gz` in the current folder. It must not exist.
        live: Take what a run that still goes on has so far.
        environ: Where secrets of this machine are looked for.

    Raises:
        RunNotFoundError: There is no such run.
        RunLockedError: It still goes on, and `live` was not asked for.
        UsageError: The file exists, or its folder does not.
        StoreError: The run can't be read or the file not written.
    """
    folder = find(home, ref)
    _refuse_live(folder, allowed=live)
    manifest = read(folder)
    target = target or Path(f"{folder.id}{SUFFIX}")
    if os.path.lexists(target):
        raise UsageError(f"{target} exists already", hint="name another file with -o")
    if not target.absolute().parent.is_dir():
        raise UsageError(f"{target}: the folder does not exist", hint="create it first")
    redact = Redactor.from_environ(environ, known=load_config(environ).secrets(environ))
    try:
        with ExitStack() as held:
            packing = _Packing(folder, redact, held)
            temporary = _write_aside(
                target, packing, int(manifest.created.timestamp()), held, folder.id
            )
            _place(temporary, target)
            size = target.stat().st_size
    except FileExistsError:
        raise UsageError(f"{target} exists already", hint="name another file with -o") from None
    except OSError as error:
        raise StoreError.from_os(f"exporting run {folder.id} to {target}", error) from error
    return Exported(
        run=folder.id,
        path=target,
        size=size,
        files=len(packing.parts),
        redacted=tuple(packing.redacted),
        left_out=tuple(packing.left_out),
    )


def _refuse_live(folder: RunFolder, *, allowed: bool) -> None:
    held = holder(folder)
    if held is not None and held.live and not allowed:
        raise RunLockedError(
            f"run {folder.id} is run by process {held.pid} on {held.host}",
            hint=f"wait for its end, or take what it has so far: crew export {folder.id} --live",
        )


class _Packing:
    """The clean content of a run's files, by their names in the archive.

    Lines are taken up to where they end when it begins; what they refer to is on disk before
    them, so everything else is read after that.
    """

    def __init__(self, folder: RunFolder, redact: Redactor, held: ExitStack) -> None:
        self._root = folder.root
        self._redact = redact
        self._held = held
        self.redacted: list[str] = []
        self.left_out: list[str] = []
        self.parts: dict[str, IO[bytes]] = {}
        ends = {
            name: path.stat().st_size
            for name, path in _files(self._root, [])
            if name.endswith(".jsonl")
        }
        files = dict(sorted(_files(self._root, self.left_out)))
        for name in [name for name in files if redact.plain(name) != name]:
            self.left_out.append(redact.plain(name))
            del files[name]
        renewed: Digests = {}
        for name, path in files.items():
            if name.startswith("artifacts/"):
                self._take_artifact(name, path, renewed)
        for name, path in files.items():
            if name in self.parts:
                continue
            if name in ends:
                self._take_lines(name, path, ends[name], renewed)
            elif name.endswith(".json"):
                clean = self._clean(name, _read(path), redact)
                self._take(name, (_with_renewed(clean, renewed, indent=2),))
            elif not name.endswith(".jsonl"):
                self._take(name, (self._clean(name, _read(path), redact.plain),))

    def _take(self, name: str, content: Iterable[bytes]) -> tuple[str, int]:
        """Keep a file's clean content for the archive; its digest and size."""
        spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the stack closes it
        self._held.enter_context(spool)
        digest = hashlib.sha256()
        for piece in content:
            spool.write(piece)
            digest.update(piece)
        self.parts[name] = spool
        return digest.hexdigest(), spool.tell()

    def _take_artifact(self, name: str, path: Path, renewed: Digests) -> None:
        data = _read(path)
        clean = self._clean(name, data, self._redact.plain)
        digest, size = self._take(name, (clean,))
        if clean != data:
            renewed[hashlib.sha256(data).hexdigest()] = (digest, size)

    def _take_lines(self, name: str, path: Path, end: int, renewed: Digests) -> None:
        lines = _whole_lines(path, end)
        if name.endswith(".live.jsonl"):
            lines = _chunks_without_secrets(lines, self._redact)
        clean = (self._clean(name, line, self._redact) for line in lines)
        self._take(name, (_with_renewed(line, renewed) + b"\n" for line in clean))

    def _clean(self, name: str, data: bytes, redact: Callable[[str], str]) -> bytes:
        clean = redact(data.decode("utf-8", "surrogateescape"))
        cleaned = clean.encode("utf-8", "surrogateescape")
        if cleaned != data and name not in self.redacted:
            self.redacted.append(name)
        return cleaned


def _files(root: Path, others: list[str]) -> Iterator[tuple[str, Path]]:
    """Regular files below a folder by their names in it; the names of others go into a list."""
    for place, folders, names in os.walk(root):
        above = Path(place)
        if above == root:
            folders[:] = [name for name in folders if name not in OF_THE_PROCESS]
        linked = [name for name in folders if (above / name).is_symlink()]
        for name in sorted((*names, *linked)):
            path = above / name
            inside = path.relative_to(root).as_posix()
            if inside in OF_THE_PROCESS or name.startswith("."):
                continue
            if not S_ISREG(path.lstat().st_mode) or not _portable(inside):
                others.append(inside)
                continue
            yield inside, path


def _portable(name: str) -> bool:
    return all(PART.fullmatch(part) for part in name.split("/"))


def _read(path: Path) -> bytes:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        return file.read()


def _whole_lines(path: Path, end: int) -> Iterator[bytes]:
    """A file's lines; a last one without its newline only if it is whole."""
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        while end > 0 and (line := file.readline(end)):
            end -= len(line)
            if line.endswith(b"\n"):
                yield line[:-1]
            elif _object(line) is not None:
                yield line


def _object(text: bytes) -> JsonObject | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _chunks_without_secrets(lines: Iterable[bytes], redact: Redactor) -> Iterator[bytes]:
    """The part in flight; a secret may begin in one of its chunks and end in another."""
    chunks = [_object(line) for line in lines]
    for _, part in groupby((chunk for chunk in chunks if chunk), lambda chunk: chunk.get("row")):
        stream, taken = StreamRedactor(redact), list(part)
        for chunk in taken:
            chunk["text"] = stream.feed(str(chunk.get("text", "")))
        taken[-1]["text"] += stream.flush()
        yield from (json.dumps(chunk).encode() for chunk in taken)


def _with_renewed(text: bytes, renewed: Digests, indent: int | None = None) -> bytes:
    """JSON that refers to artifacts as they are after redaction."""
    if not any(old.encode() in text for old in renewed):
        return text
    value = _object(text)
    return text if value is None else json.dumps(_renewed(value, renewed), indent=indent).encode()


def _renewed(value: Any, renewed: Digests) -> Any:
    match value:
        case {"name": str(), "sha256": str(old), "size": int()} if old in renewed:
            sha256, size = renewed[old]
            return {**value, "sha256": sha256, "size": size}
        case dict():
            return {key: _renewed(inner, renewed) for key, inner in value.items()}
        case list():
            return [_renewed(inner, renewed) for inner in value]
        case _:
            return value


def _write_aside(target: Path, packing: _Packing, at: int, held: ExitStack, run: str) -> str:
    """Write the archive beside its place, so that nobody finds half of one there."""
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    held.callback(_remove, temporary)
    with (
        os.fdopen(handle, "wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        folders = {f"{run}/{name.rpartition('/')[0]}".rstrip("/") for name in packing.parts}
        for name in sorted({run, *folders}):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.mtime = tarfile.DIRTYPE, 0o700, at
            tar.addfile(info)
        for name, data in sorted(packing.parts.items()):
            info = tarfile.TarInfo(f"{run}/{name}")
            info.mode, info.mtime = 0o600, at
            info.size = data.seek(0, os.SEEK_END)
            data.seek(0)
            tar.addfile(info, data)
    return temporary


def _place(temporary: str, target: Path) -> None:
    """Give the archive its name, unless that is taken."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        os.rename(temporary, target)


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
