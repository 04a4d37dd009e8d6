"""`progress.json`: every session's progress for observers in other processes."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from crew.errors import StoreError
from crew.progress import Progress
from crew.records import SCHEMA_VERSION
from crew.store import atomic
from crew.store.redact import Redactor

INTERVAL = 0.5


class ProgressFile:
    """Replaces the file as a whole, at most twice a second.

    It is a view, not the record: a write that the disk refuses is tried again with the next one,
    and the transcript's own write says what is wrong.

    Attributes:
        next_due: When `write` is to be called; None while the file has the newest.
    """

    def __init__(self, path: Path, redact: Redactor, interval: float = INTERVAL) -> None:
        self._path = path
        self._redact = redact
        self._interval = interval
        self._written = float("-inf")
        self._changed: dict[str, Progress] = {}
        self._lines: dict[str, bytes] = {}
        self.next_due: float | None = None

    def note(self, progress: Progress, now: float) -> None:
        """Take a session's newest progress."""
        self._changed[progress.session] = progress
        if self.next_due is None:
            self.next_due = max(now, self._written + self._interval)

    def write(self, now: float) -> None:
        """Replace the file, if anything changed."""
        if not self._changed:
            return
        for session, progress in self._changed.items():
            self._lines[session] = self._redact.line(to_json({session: progress}))[1:-1]
        self._changed = {}
        self._written, self.next_due = now, None
        body = b'{"v":%d,"sessions":{%s}}\n' % (SCHEMA_VERSION, b",\n".join(self._lines.values()))
        try:
            atomic.replace(self._path, body, sync=False)
        except StoreError:
            return


def read_progress(path: Path) -> dict[str, Progress]:
    """Every session's last progress; what can't be read is left out."""
    return {
        session: progress
        for session, raw in read_raw_progress(path).items()
        if (progress := parse_progress(raw)) is not None
    }


def read_raw_progress(path: Path) -> dict[str, Any]:
    """The file's sessions as they stand; empty when it can't be read."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    sessions = data.get("sessions") if isinstance(data, dict) else None
    return sessions if isinstance(sessions, dict) else {}


def parse_progress(raw: object) -> Progress | None:
    """One session's progress; None when this program does not understand it."""
    try:
        return Progress.model_validate(raw)
    except ValidationError:
        return None
