"""The other files: artifacts, what is there for people, and whose all of them are."""

import os
from collections.abc import Iterator
from pathlib import Path
from stat import S_IMODE, S_ISDIR, S_ISLNK, S_ISREG

from crew.bus.progress_file import parse_progress, read_raw_progress
from crew.events import ResultSubmitted, RunEnded, SessionEnded, TaskEnded
from crew.records import ArtifactRef
from crew.service.doctor.checks import BACKUP, JOURNAL, Check, RunExamined, note, regular, wrong
from crew.store.artifacts import ArtifactStore
from crew.store.redact import Redactor


def look_at_artifacts(run: RunExamined) -> Iterator[Check]:
    """Whether each that is referred to has its bytes; after the journal and the transcripts."""
    for event in run.events:
        match event:
            case ResultSubmitted(result=ref) | RunEnded(result=ArtifactRef() as ref):
                run.refs.setdefault(ref, f"{JOURNAL}, event {event.seq},")
            case SessionEnded(result=ArtifactRef() as ref) | TaskEnded(result=ArtifactRef() as ref):
                run.refs.setdefault(ref, f"{JOURNAL}, event {event.seq},")
            case _:
                pass
    store = ArtifactStore(run.folder, Redactor())
    for ref, by in run.refs.items():
        where, path = f"artifacts/{ref.name}", run.folder.artifacts / ref.name
        if not os.path.lexists(path):
            yield wrong("artifacts", where, f"it is missing; {by} refers to it", BACKUP)
        elif not regular(path) or not store.verify(ref):
            what = f"it has not the bytes that {by} refers to"
            yield wrong("artifacts", where, what, BACKUP)
    if run.live:
        return
    named = {ref.name for ref in run.refs}
    for name in sorted(set(os.listdir(run.folder.artifacts)) - named):
        yield note("artifacts", f"artifacts/{name}", "nothing refers to it")


def look_at_views(run: RunExamined) -> Iterator[Check]:
    """Whether the report and the last progress are there."""
    if run.ended is None:
        return
    if not regular(run.folder.report) or not run.folder.report.stat().st_size:
        mend = f"the result is there all the same: crew show {run.folder.id}"
        yield wrong("views", "report.md", "it is missing or empty", mend)
    if not run.sessions:
        return
    known = read_raw_progress(run.folder.progress) if regular(run.folder.progress) else {}
    if not known or any(parse_progress(raw) is None for raw in known.values()):
        mend = "none is needed: nothing reads it once a run has ended"
        yield note("views", "progress.json", "it is missing or can't be read", mend)


def look_at_modes(run: RunExamined) -> Iterator[Check]:
    """Whether there are only files and folders, and nobody else may read them."""
    root = run.folder.root
    for place, folders, names in os.walk(root):
        for path in (Path(place), *(Path(place) / name for name in sorted((*folders, *names)))):
            status = path.lstat()
            if S_ISDIR(status.st_mode) and path != Path(place):
                continue  # looked at when it is walked
            where = path.relative_to(root).as_posix()
            if S_ISLNK(status.st_mode):
                yield wrong("permissions", where, "it is a link", "delete it: crew makes none")
                continue
            if not S_ISDIR(status.st_mode) and not S_ISREG(status.st_mode):
                what = "it is neither a file nor a folder"
                yield wrong("permissions", where, what, "delete it: crew makes none")
                continue
            wanted = 0o700 if S_ISDIR(status.st_mode) else 0o600
            if (mode := S_IMODE(status.st_mode) & 0o777) != wanted:
                what = f"its mode is {mode:04o}, it should be {wanted:04o}"
                yield wrong("permissions", where, what, f"chmod {wanted:o} '{path}'")
            if status.st_uid != os.getuid():
                what = f"it belongs to user {status.st_uid}, not to you"
                yield wrong("permissions", where, what, f"chown {os.getuid()} '{path}'")
