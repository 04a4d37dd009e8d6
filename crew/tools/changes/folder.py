"""Reading plain files as additions: what git does not have, and folders without git."""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from crew.tools.changes.types import Change, ChangeSet, FileKind, Hunk, Mark
from crew.tools.workspace import shown

FILE_LIMIT = 1_000_000
_FOLDER_FILES = 500
_FOLDER_BYTES = 2_000_000
_WALK_LIMIT = 20_000
_SNIFF = 8_000

_SKIPPED_FOLDERS = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".crew",
        ".venv",
        "venv",
        ".tox",
        ".nox",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        "__pycache__",
        "node_modules",
        "site-packages",
        "target",
        "dist",
        "build",
    }
)


def read_regular(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit` bytes; a link is not followed.

    Raises:
        OSError: It can't be read; EFBIG when it is larger, ENXIO when it is a device or a pipe.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    handle = os.open(path, flags)
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.ENXIO, "not a regular file")
        if about.st_size > limit:
            raise OSError(errno.EFBIG, f"not read: {about.st_size / 1e6:,.1f} MB")
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(limit)
    finally:
        os.close(handle)


def as_addition(root: Path, path: str, *, hunks: bool) -> Change:
    """One file as if it were new; what can't be read is said in the change's note."""
    if path.endswith("/"):
        return _bare(path.rstrip("/"), "submodule", "another repository: not entered")
    try:
        if (root / path).is_symlink():
            data, kind = os.fsencode(os.readlink(root / path)), "link"
            change = _bare(path, "link", "symbolic link")
        else:
            data, kind = read_regular(root / path, FILE_LIMIT), "file"
            change = _bare(path, "file", "")
    except OSError as error:
        return _bare(path, "file", error.strerror or str(error))
    if kind == "file" and is_binary(data):
        return replace(change, binary=True)
    count = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
    return replace(change, added=count, hunks=_whole(data) if hunks and data else ())


def is_binary(data: bytes) -> bool:
    """Whether bytes look binary, as git judges it: a NUL near the start."""
    return b"\0" in data[:_SNIFF]


def folder_changes(root: Path, places: tuple[str, ...]) -> ChangeSet:
    """A folder without git: its first 500 files or 2 MB, by path, all counted as added."""
    changes: list[Change] = []
    size, cut = 0, False
    for seen, path in enumerate(_walk(root, places)):
        if len(changes) >= _FOLDER_FILES or size >= _FOLDER_BYTES or seen >= _WALK_LIMIT:
            cut = True
            break
        change = as_addition(root, path, hunks=True)
        changes.append(change)
        size += sum(len(text) + 1 for hunk in change.hunks for _, text in hunk.lines)
    notes = (f"only the first {len(changes)} files are listed",) if cut else ()
    return ChangeSet(
        kind="folder",
        base=None,
        title=f"every file of the folder {shown(root.name)}, which git does not track",
        changes=tuple(sorted(changes, key=lambda change: change.path)),
        cut=cut,
        notes=notes,
    )


def _walk(root: Path, places: tuple[str, ...]) -> Iterator[str]:
    for place in places or (".",):
        start = root / place
        if start.is_dir():
            yield from _walk_folder(root, start)
        elif start.exists():
            yield os.path.relpath(start, root)


def _walk_folder(root: Path, folder: Path) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _SKIPPED_FOLDERS:
                yield from _walk_folder(root, Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            yield os.path.relpath(entry.path, root)


def _bare(path: str, kind: FileKind, note: str) -> Change:
    return Change(path=path, status="added", kind=kind, note=note, untracked=True)


def _whole(data: bytes) -> tuple[Hunk, ...]:
    text = data.decode("utf-8", "backslashreplace")
    lines: list[tuple[Mark, str]] = [("+", line) for line in text.split("\n")]
    if text.endswith("\n"):
        lines.pop()
    else:
        lines.append(("\\", " No newline at end of file"))
    return (Hunk(old_start=0, new_start=1, lines=tuple(lines)),)
