"""Transcripts: readable, complete, every tool call answered once."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from crew.entries import (
    Entry,
    ErrorEntry,
    ResultEntry,
    ToolCallEntry,
    ToolResultEntry,
    UnknownEntry,
    parse_entry,
)
from crew.events import SessionEnded
from crew.records import ArtifactRef, Status
from crew.service.doctor.checks import (
    BACKUP,
    Check,
    RunExamined,
    note,
    regular,
    torn_bytes,
    torn_line,
    whole_lines,
    wrong,
)


def look_at_transcripts(run: RunExamined) -> Iterator[Check]:
    """Whether each session has one, and all that should be in it."""
    for session, end in run.sessions.items():
        path = run.folder.transcript(session)
        where = f"sessions/{path.name}"
        if regular(path):
            yield from _transcript(run, session, end, where)
        elif end is not None:
            yield wrong("transcripts", where, "it is missing", BACKUP)
        else:
            yield note("transcripts", where, "it is missing, and its session has not ended")


@dataclass(slots=True)
class _Transcript:
    """What a transcript's lines come to."""

    ids: list[int] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    results: set[ArtifactRef] = field(default_factory=set)
    errors: set[str] = field(default_factory=set)

    @property
    def gapless(self) -> bool:
        """Whether every entry is there once, as far as all of them can be read."""
        return -1 in self.ids or sorted(self.ids) == list(range(len(self.ids)))


def _transcript(
    run: RunExamined, session: str, end: SessionEnded | None, where: str
) -> Iterator[Check]:
    path, found = run.folder.transcript(session), _Transcript()
    for number, line in enumerate(whole_lines(path), start=1):
        yield from _entry(run, parse_entry(line), found, where, number)
    if run.live:
        return
    over = end is not None
    if torn := torn_bytes(path):
        yield torn_line("transcripts", where, f"its last {torn} bytes are half a line", over=over)
    if not found.gapless:
        yield wrong("transcripts", where, "entries are missing, or there twice", BACKUP)
    yield from _unanswered(where, found.calls, found.answers, over=over)
    if end is None or end.status is Status.INTERRUPTED:
        return
    if end.status is Status.COMPLETED and end.result not in found.results:
        yield wrong("transcripts", where, "the session's result is missing at its end", BACKUP)
    if end.error is not None and end.error.title not in found.errors:
        yield wrong("transcripts", where, "the session's error is missing at its end", BACKUP)


def _entry(
    run: RunExamined, entry: Entry, found: _Transcript, where: str, number: int
) -> Iterator[Check]:
    found.ids.append(entry.id)
    match entry:
        case ErrorEntry(id=-1):
            yield wrong("transcripts", f"{where}:{number}", entry.text[:200], BACKUP)
        case UnknownEntry():
            what = f"this crew does not know {entry.kind[:80]!r} as it stands there"
            yield note("transcripts", f"{where}:{number}", what, "update crew")
        case ErrorEntry():
            found.errors.add(entry.title)
        case ToolCallEntry():
            found.calls[entry.call_id] += 1
        case ToolResultEntry():
            found.answers[entry.call_id] += 1
            if entry.artifact is not None:
                run.refs.setdefault(entry.artifact, where)
        case ResultEntry():
            found.results.add(entry.artifact)
            run.refs.setdefault(entry.artifact, where)
        case _:
            pass


def _unanswered(
    where: str, calls: Counter[str], answers: Counter[str], *, over: bool
) -> Iterator[Check]:
    for call in sorted(calls | answers):
        asked, given = calls[call], answers[call]
        if given > asked:
            what = f"tool call {call[:80]} was made {asked} and answered {given} times"
            yield wrong("transcripts", where, what, BACKUP)
        elif given < asked and over:
            yield wrong("transcripts", where, f"tool call {call[:80]} has no answer", BACKUP)
        elif given < asked:
            what = f"tool call {call[:80]} was cut before its answer: its outcome is unknown"
            yield note("transcripts", where, what)
