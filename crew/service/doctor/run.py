"""A run's folder held against its own journal: what is wrong, where, and the mend."""

from collections.abc import Callable, Iterator
from pathlib import Path

from crew.errors import CrewError
from crew.service.doctor.checks import Check, RunExamined, wrong
from crew.service.doctor.files import look_at_artifacts, look_at_modes, look_at_views
from crew.service.doctor.history import (
    look_at_journal,
    look_at_lock,
    look_at_manifest,
    look_at_sessions,
)
from crew.service.doctor.transcripts import look_at_transcripts
from crew.store.folder import find
from crew.store.lock import holder

_MOST = 20

_LOOKS: dict[str, tuple[Callable[[RunExamined], Iterator[Check]], str]] = {
    "lock": (look_at_lock, "no process runs it"),
    "journal": (look_at_journal, "every event is readable, numbered without a gap"),
    "manifest": (look_at_manifest, "it says what the journal says"),
    "sessions": (look_at_sessions, "each has the one final event that it should have"),
    "transcripts": (look_at_transcripts, "every line is readable, every tool call answered once"),
    "artifacts": (look_at_artifacts, "each has the bytes that it was stored with"),
    "views": (look_at_views, "the report and the last progress are there"),
    "permissions": (look_at_modes, "all files and folders are yours alone"),
}


def examine_run(home: Path, ref: str) -> tuple[str, list[Check]]:
    """Look at everything in a run's folder; what is there never makes it fail.

    The report and the words in a transcript have no digest: that they are there and can be read
    is all that can be said of them.

    Returns:
        The run's id, and what was found.

    Raises:
        RunNotFoundError: There is no such run.
    """
    folder = find(home, ref)
    held = holder(folder)
    run = RunExamined(folder=folder, live=held is not None and held.live)
    found: list[Check] = []
    for name, (look, fine) in _LOOKS.items():
        said: list[Check] = []
        try:
            said.extend(look(run))
        except (OSError, ValueError, CrewError, RecursionError) as error:
            said.append(wrong(name, "", f"it can't be examined: {error}"))
        found += said[:_MOST] or [Check(name=name, what=fine)]
        if len(said) > _MOST:
            found.append(wrong(name, "", f"and {len(said) - _MOST} more of the like"))
    return folder.id, found
