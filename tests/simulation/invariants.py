"""What must be true of a run's folder at every death and at its end, whatever happened to it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from crew.entries import (
    FollowUpEntry,
    SteerEntry,
    ToolCallEntry,
    ToolResultEntry,
    parse_entry,
)
from crew.events import (
    CommandAccepted,
    CommandRefused,
    Event,
    Notice,
    RunContinued,
    RunEnded,
    SessionEnded,
    SessionStarted,
    SteerDelivered,
    SteerUndelivered,
    TaskEnded,
    TasksReopened,
    TaskStarted,
)
from crew.records import TERMINAL
from crew.service.doctor import examine_run
from crew.store import journal, manifest
from crew.store.folder import RunFolder
from crew.view import RunView, replay


def broken(folder: RunFolder, seen: Sequence[Event] = ()) -> Iterator[str]:
    """Everything that is wrong with a run that has ended.

    Args:
        seen: What an observer of its last process saw.
    """
    events, lines = list(journal.read(folder)), transcripts(folder)
    yield from history(events)
    yield from entries_of_sessions(events, lines)
    yield from examined(folder)
    yield from deliveries(events, lines)
    yield from folds(folder, events, seen)


Transcripts = Mapping[str, list[bytes]]
"""Session to the whole lines of its transcript."""


def transcripts(folder: RunFolder) -> Transcripts:
    """Session to the whole lines of its transcript."""
    found: dict[str, list[bytes]] = {}
    for path in sorted(folder.sessions.glob("*.jsonl")):
        if path.stem.endswith(".live"):
            continue
        *whole, _ = path.read_bytes().split(b"\n")
        found[path.stem] = whole
    return found


def rewritten(
    before: Sequence[Event],
    events: Sequence[Event],
    old: Transcripts,
    lines: Transcripts,
    *,
    lost: bool,
) -> Iterator[str]:
    """What one process left and the next one changed; a loss of power may take from its end."""
    if not _goes_on(before, events, lost=lost):
        yield "the journal of an earlier process was changed"
    for session, entries in old.items():
        if not _goes_on(_answered(entries), lines.get(session, []), lost=lost):
            yield f"the transcript of {session} was changed"


def _goes_on(old: Sequence[Any], new: Sequence[Any], *, lost: bool) -> bool:
    most = min(len(old), len(new)) if lost else len(old)
    return list(new[:most]) == list(old[:most])


def _answered(lines: list[bytes]) -> list[bytes]:
    """A transcript without an answer at its end that is not whole, which may be taken back."""
    whole = list(lines)
    while whole and parse_entry(whole[-1]).kind in {"text", "thinking", "tool_call"}:
        whole.pop()
    return whole


def history(events: Sequence[Event]) -> Iterator[str]:
    """Numbers, and who may end when, and what may follow it."""
    for place, event in enumerate(events, start=1):
        if event.seq != place:
            yield f"event {event.seq} is number {place} of the journal"
            break
    epochs = [event.epoch for event in events]
    if epochs != sorted(epochs):
        yield "an earlier attempt wrote behind a later one"
    for end, event in pairwise(events):
        if isinstance(end, RunEnded) and not _retries(event):
            yield f"{event.kind} follows run.ended"
    yield from _sessions_end(events)
    yield from _tasks_end(events)
    yield from _commands_once(events)


def end_of(events: Sequence[Event]) -> RunEnded | None:
    """How a run has ended; None while it goes on, for the first time or once more."""
    last = events[-1] if events else None
    return last if isinstance(last, RunEnded) else None


def _retries(event: Event) -> bool:
    return isinstance(event, RunContinued) and event.reason == "retry"


def _sessions_end(events: Sequence[Event]) -> Iterator[str]:
    parents: dict[str, str | None] = {}
    over: set[str] = set()
    for event in events:
        session = event.session or ""
        if isinstance(event, SessionStarted):
            if session in parents:
                yield f"{session} began twice"
            parents[session] = event.parent
        elif isinstance(event, SessionEnded):
            if session in over:
                yield f"{session} ended twice"
            over.add(session)
            for child, parent in parents.items():
                if parent == session and child not in over:
                    yield f"{session} ended before its child {child}"
        elif session in over and not isinstance(event, CommandAccepted | CommandRefused):
            yield f"{event.kind} of {session} follows its end"
        elif isinstance(event, RunEnded):
            for left in sorted(set(parents) - over):
                yield f"the run ended before its session {left}"


def _tasks_end(events: Sequence[Event]) -> Iterator[str]:
    over: set[str] = set()
    attempts: Counter[tuple[str, int]] = Counter()
    for event in events:
        task = event.task or ""
        if isinstance(event, RunContinued | TasksReopened):
            over -= {*event.tasks}
        if isinstance(event, TaskStarted) and task in over:
            yield f"{task} was started after its end"
        elif isinstance(event, TaskEnded):
            if task in over:
                yield f"{task} ended twice"
            if not event.retry:
                over.add(task)
            attempts[task, event.attempt] += 1
    yield from (
        f"attempt {number} of {task} ended {times} times"
        for (task, number), times in attempts.items()
        if number and times > 1
    )


def _commands_once(events: Sequence[Event]) -> Iterator[str]:
    taken = Counter(event.command.id for event in events if isinstance(event, CommandAccepted))
    yield from (f"{command} was accepted {n} times" for command, n in taken.items() if n > 1)
    told = Counter(
        event.command for event in events if isinstance(event, SteerDelivered | SteerUndelivered)
    )
    for command, times in told.items():
        if times > 1:
            yield f"{command} was delivered or reported {times} times"
        if not taken[command]:
            yield f"{command} was delivered or reported, and never accepted"


def entries_of_sessions(events: Sequence[Event], lines: Transcripts) -> Iterator[str]:
    """Each call one answer, and nothing behind the end of a session.

    What a fork has copied keeps the epochs of the run that it is of.
    """
    over = {event.session or "": event for event in events if isinstance(event, SessionEnded)}
    copied = any(isinstance(event, Notice) and event.text[:6] == "forked" for event in events)
    for session, raw in lines.items():
        entries = [parse_entry(line) for line in raw]
        calls = Counter(entry.call_id for entry in entries if isinstance(entry, ToolCallEntry))
        given = Counter(entry.call_id for entry in entries if isinstance(entry, ToolResultEntry))
        for call in calls | given:
            if calls[call] > 1 or given[call] > calls[call]:
                yield f"{session}: {call} was made {calls[call]}, answered {given[call]} times"
            elif session in over and not given[call]:
                yield f"{session} has ended, and {call} has no answer"
        if (end := over.get(session)) is not None and not copied:
            late = [entry for entry in entries if entry.epoch > end.epoch]
            if late:
                yield f"{session}: {late[0].kind} was written after its end"


def examined(folder: RunFolder) -> Iterator[str]:
    _, checks = examine_run(folder.home, folder.id)
    for check in checks:
        if check.state == "wrong":
            yield f"doctor: {check.where or check.name}: {check.what}"


def deliveries(events: Sequence[Event], lines: Transcripts) -> Iterator[str]:
    """Every message that was accepted is in one context, or reported."""
    told = {
        event.command: event
        for event in events
        if isinstance(event, SteerDelivered | SteerUndelivered)
    }
    heard = Counter(
        entry.command
        for raw in lines.values()
        for entry in map(parse_entry, raw)
        if isinstance(entry, SteerEntry | FollowUpEntry)
    )
    for event in events:
        if not isinstance(event, CommandAccepted):
            continue
        command = event.command
        if command.kind not in {"steer", "follow_up"}:
            continue
        said = told.get(command.id)
        wanted = int(isinstance(said, SteerDelivered))
        if said is None:
            yield f"{command.id} was accepted, and neither delivered nor reported"
        elif heard[command.id] != wanted:
            yield f"{command.id}: {said.kind}, and it is {heard[command.id]} times in a transcript"


def folds(folder: RunFolder, events: Sequence[Event], seen: Sequence[Event]) -> Iterator[str]:
    """What is folded of the journal, kept in run.json, and seen by an observer: the same."""
    view, kept = replay(events), manifest.read(folder)
    ours = (view.status, view.error, view.result)
    if (kept.status, kept.error, kept.result) != ours:
        yield f"run.json says {kept.status.value}, the journal {view.status.value}"
    if not view.over:
        yield f"the run has ended and its view is {view.status.value}"
    yield from _open_ends(view)
    if seen and isinstance(seen[-1], RunEnded) and list(seen) != list(events):
        yield "an observer of the live run saw other events than the journal has"


def _open_ends(view: RunView) -> Iterator[str]:
    for task in view.tasks.values():
        if not task.ended:
            yield f"the run has ended and task {task.id} is {task.status}"
    for session in view.sessions.values():
        if session.status not in TERMINAL:
            yield f"the run has ended and session {session.id} is {session.status.value}"
