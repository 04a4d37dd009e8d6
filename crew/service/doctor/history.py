"""The lock, the journal, and what else should agree with it."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import get_args

from crew.events import (
    Event,
    KnownEvent,
    RunContinued,
    RunStarted,
    SessionEnded,
    TaskAdded,
    TaskEnded,
    TasksReopened,
    Unknown,
)
from crew.records import SCHEMA_VERSION, TERMINAL
from crew.service.doctor.checks import (
    BACKUP,
    JOURNAL,
    Check,
    RunExamined,
    note,
    regular,
    torn_bytes,
    torn_line,
    wrong,
)
from crew.store import journal
from crew.store.lock import holder
from crew.store.manifest import Manifest, read

_OF_THE_START = ("team", "workflow", "goal")
_KINDS = frozenset(kind.model_fields["kind"].default for kind in get_args(get_args(KnownEvent)[0]))


def look_at_lock(run: RunExamined) -> Iterator[Check]:
    """Who holds the run."""
    held, path = holder(run.folder), run.folder.lock
    if held is None:
        if os.path.lexists(path) and (not regular(path) or path.stat().st_size):
            mend = "delete it, if nothing runs the run"
            yield wrong("lock", "lock", "it names no process", mend)
        return
    who = f"process {held.pid} on {held.host}"
    if held.live:
        yield note("lock", "lock", f"{who} runs it now")
    else:
        what = f"stale: {who} is gone, last heard of {held.beat:%Y-%m-%d %H:%M:%S} UTC"
        yield note("lock", "lock", what, "none is needed: a stale lock stops nobody")


def look_at_journal(run: RunExamined) -> Iterator[Check]:
    """Whether it is readable, gapless and of this run; it is kept for the looks behind."""
    path = run.folder.journal
    if not regular(path):
        yield wrong("journal", JOURNAL, "it is missing", BACKUP)
        return
    for damage in journal.check(run.folder):
        yield wrong("journal", f"{JOURNAL}:{damage.line}", damage.what, BACKUP)
    run.events = list(journal.read(run.folder))
    if not run.events or not isinstance(run.events[0], RunStarted):
        yield wrong("journal", JOURNAL, "it does not begin with run.started", BACKUP)
    for event in run.events:
        yield from _event(event, run.folder.id)
    last = run.events[-1].seq if run.events else 0
    if run.ended is not None and run.ended.seq != last:
        what = f"run.ended is event {run.ended.seq}, and {last - run.ended.seq} follow it"
        yield wrong("journal", JOURNAL, what)
    if run.live:
        return
    if torn := torn_bytes(path):
        what = f"its last {torn} bytes are half a line"
        yield torn_line("journal", JOURNAL, what, over=run.ended is not None)
    if run.ended is None:
        what = f"no run.ended, the last event is {last}: the run was interrupted"
        yield note("journal", JOURNAL, what, f"go on: crew resume {run.folder.id}")


def _event(event: Event, run: str) -> Iterator[Check]:
    if isinstance(event, Unknown):
        version = event.raw.get("v")
        if event.kind in _KINDS and isinstance(version, int) and version <= SCHEMA_VERSION:
            what = f"event {event.seq} is no {event.kind} as one is written"
            yield wrong("journal", JOURNAL, what, BACKUP)
        else:
            what = f"event {event.seq}: this crew does not know {event.kind[:80]!r}"
            yield note("journal", JOURNAL, what, "update crew")
    elif event.run != run:
        what = f"event {event.seq} is of run {event.run[:128]!r}"
        yield wrong("journal", JOURNAL, what, f"rename the folder if the run is that one: {run}")


def look_at_manifest(run: RunExamined) -> Iterator[Check]:
    """Whether it says what the journal says."""
    where = "run.json"
    if not regular(run.folder.manifest):
        yield wrong("manifest", where, "it is missing", BACKUP)
        return
    manifest = read(run.folder)
    if manifest.result is not None:
        run.refs.setdefault(manifest.result, where)
    if manifest.run != run.folder.id:
        yield wrong("manifest", where, f"it is of run {manifest.run[:128]!r}")
    if run.live:
        return
    if run.ended is not None and manifest.status not in TERMINAL:
        what = f"status is {manifest.status.value}, the journal has its end: that was not written"
        mend = "none is needed: everything else believes the journal"
        yield note("manifest", where, what, mend)
    for name, here, there in _compared(manifest, run):
        what = f"{name} is {here!r}, the journal says {there!r}"
        yield wrong("manifest", where, what, "believe the journal: crew logs " + run.folder.id)
    if run.ended is None and manifest.status in TERMINAL:
        what = f"status is {manifest.status.value}, the journal has no run.ended"
        yield wrong("manifest", where, what, f"restore {JOURNAL} from a backup")


def _compared(manifest: Manifest, run: RunExamined) -> Iterator[tuple[str, object, object]]:
    pairs: list[tuple[str, object, object]] = []
    if run.events and isinstance(begun := run.events[0], RunStarted):
        pairs += [(key, getattr(manifest, key), getattr(begun, key)) for key in _OF_THE_START]
    if (ended := run.ended) is not None and manifest.status in TERMINAL:
        pairs += [
            ("status", manifest.status.value, ended.status.value),
            ("error", manifest.error, ended.error),
            ("usage", manifest.usage, ended.usage),
            ("result", manifest.result, ended.result),
        ]
    yield from (pair for pair in pairs if pair[1] != pair[2])


def _tasks_done(events: Iterable[Event]) -> set[str | None]:
    """Tasks that have ended, and were not run again since without coming to an end."""
    done: set[str | None] = set()
    for event in events:
        if isinstance(event, TaskEnded) and not event.retry:
            done.add(event.task)
        elif isinstance(event, RunContinued | TasksReopened):
            done.difference_update(event.tasks)
    return done


def look_at_sessions(run: RunExamined) -> Iterator[Check]:
    """Whether each session, and each task of a run that ended, has its one end."""
    began = run.sessions
    ends = Counter(event.session for event in run.events if isinstance(event, SessionEnded))
    for session, times in ends.items():
        if times > 1:
            yield wrong("sessions", JOURNAL, f"{session} has {times} final events")
        if session not in began:
            yield wrong("sessions", JOURNAL, f"{session} ended and never began", BACKUP)
    if run.ended is None:
        return
    for session in began:
        if session not in ends:
            what = f"the run has ended, and {session} has no final event"
            yield wrong("sessions", JOURNAL, what, BACKUP)
    added = {event.task for event in run.events if isinstance(event, TaskAdded)}
    for task in sorted(str(task) for task in added - _tasks_done(run.events)):
        what = f"the run has ended, and task {task} has not"
        yield wrong("sessions", JOURNAL, what, BACKUP)
