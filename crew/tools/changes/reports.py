"""What crew wrote among the changed files, reports and archives: it is not under review."""

import os
import stat
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from crew.store.folder import is_run_id
from crew.tools.changes.folder import FILE_LIMIT, read_regular
from crew.tools.changes.types import Change

_REPORT = "report.md"
_GZIP = 16 + zlib.MAX_WBITS
_HEAD = 4_096
_TEXTS = frozenset({"", ".md", ".markdown", ".txt"})
"""Files that nothing runs: a repository that brings a report of its own hides no code with it."""


def own_reports(root: Path, runs: Path | None, changes: Iterable[Change]) -> dict[str, Path]:
    """The changed files that are, byte for byte, the report of a run that is kept in `runs`.

    Returns:
        Path of the file to the report that it is.
    """
    texts = [
        change
        for change in changes
        if change.status != "deleted"
        and change.kind == "file"
        and os.path.splitext(change.path)[1].lower() in _TEXTS
    ]
    if runs is None or not texts:
        return {}
    kept = _by_size(runs)
    found: dict[str, Path] = {}
    for change in texts:
        try:
            reports = kept.get((root / change.path).stat().st_size, ())
            written = read_regular(root / change.path, FILE_LIMIT) if reports else b""
        except OSError:
            continue
        same = next((report for report in reports if _bytes_of(report) == written), None)
        if same is not None:
            found[change.path] = same
    return found


def own_archives(root: Path, runs: Path | None, changes: Iterable[Change]) -> dict[str, str]:
    """The new files that hold, as `crew export` writes it, a run that is kept in `runs`.

    Only files that no check reads anyway: an archive hides no code that would be looked at.

    Returns:
        Path of the file to the run's id.
    """
    if runs is None:
        return {}
    unread = [
        change.path
        for change in changes
        if change.untracked and change.kind == "file" and (change.binary or change.note)
    ]
    named = {path: _archived_run(root / path) for path in unread}
    return {path: run for path, run in named.items() if run and (runs / run).is_dir()}


def _archived_run(path: Path) -> str:
    """The run whose folder an archive begins with; empty when it begins otherwise."""
    try:
        head = zlib.decompressobj(_GZIP).decompress(_head_of(path), tarfile.BLOCKSIZE)
        first = tarfile.TarInfo.frombuf(head, "utf-8", "strict")
    except (OSError, zlib.error, tarfile.TarError, ValueError):
        return ""
    return first.name if first.isdir() and is_run_id(first.name) else ""


def _head_of(path: Path) -> bytes:
    with open(
        os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb"
    ) as file:
        return file.read(_HEAD) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""


def _by_size(runs: Path) -> dict[int, list[Path]]:
    kept: dict[int, list[Path]] = {}
    try:
        with os.scandir(runs) as entries:
            names = [entry.name for entry in entries]
    except OSError:
        return kept
    for name in names:
        report = runs / name / _REPORT
        try:
            size = report.stat().st_size
        except OSError:
            continue  # it has none: it goes on, or was lost
        if size:
            kept.setdefault(size, []).append(report)
    return kept


def _bytes_of(report: Path) -> bytes | None:
    try:
        return read_regular(report, FILE_LIMIT)
    except OSError:
        return None
