"""Reports that crew wrote among the changed files: what it said itself is not under review."""

import os
from collections.abc import Iterable
from pathlib import Path

from crew.tools.changes.folder import FILE_LIMIT, read_regular
from crew.tools.changes.types import Change

_REPORT = "report.md"
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
