"""A point in a run from which another goes on: what of it stays, and what is done afresh."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crew.entries import (
    Entry,
    ErrorEntry,
    FollowUpEntry,
    ResultEntry,
    SteerEntry,
    ToolCallEntry,
    ToolResultEntry,
    UsageEntry,
)
from crew.errors import UsageError
from crew.events import (
    CommandAccepted,
    CommandRefused,
    Event,
    Notice,
    PermissionAnswered,
    PermissionAsked,
    ResultSubmitted,
    RunContinued,
    RunEnded,
    RunPaused,
    RunResumed,
    SessionEnded,
    SessionStarted,
    SessionStatus,
    SteerDelivered,
    SteerUndelivered,
    TaskAdded,
    TaskEnded,
    TasksReopened,
    TaskStarted,
    ToolBegan,
    Unknown,
)
from crew.orchestration.again import run_again
from crew.orchestration.board import DONE
from crew.orchestration.history import History, PastSession
from crew.records import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A session that goes on from the end of one of its turns.

    Attributes:
        entries: How many lines of its transcript stay.
        at: When the last of them was written, or the session announced, whichever came later.
        calls: Its tool calls up to there.
        messages: Steers and follow-ups that it had been told by then.
    """

    session: str
    attempt: int
    turn: int
    entries: int
    at: datetime
    calls: frozenset[str]
    messages: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What of a run stays.

    Attributes:
        tasks: Those that stay done.
        sessions: Those whose transcripts stay; the one that is cut last.
        begun: The task of the session that is cut.
    """

    tasks: frozenset[str]
    sessions: tuple[str, ...]
    cut: Cut | None = None
    begun: frozenset[str] = field(default_factory=frozenset)


def kept_at(history: History, at: str) -> Kept:
    """What stays of a run that is gone back to.

    Args:
        history: The run.
        at: `TASK`, which is run afresh with all that depends on it, or `SESSION:TURN`, from the
            end of which that session goes on. What has not completed is run afresh as well.

    Raises:
        UsageError: There is no such point.
    """
    name, colon, turn = at.rpartition(":")
    if not colon:
        if at not in history.tasks:
            raise UsageError(
                f"the run has no task {at}",
                hint=f"tasks: {_listed(history.tasks)}; for a turn of a session: SESSION:TURN",
            )
        return _kept(history, at)
    session = _session(history, name)
    cut = _cut(session, history.entries(name), turn)
    return _kept(history, session.started.task or "", cut, session)


def _kept(
    history: History, task: str, cut: Cut | None = None, session: PastSession | None = None
) -> Kept:
    afresh = set(run_again(history.tasks, task))
    done = {
        name
        for name, known in history.tasks.items()
        if name not in afresh and known.status in DONE and not known.began
    }
    sessions = [
        name
        for name, known in history.sessions.items()
        if known.ended is not None and known.started.task in done
    ]
    if cut is None or session is None:
        return Kept(tasks=frozenset(done), sessions=tuple(sessions))
    _check_needs(history, task, cut, done, session.started.seq)
    earlier = [
        name
        for name, known in history.sessions.items()
        if known.ended is not None
        and known.started.task == task
        and _root(history, known).attempt < session.started.attempt
    ]
    children = _children(history, cut.session, cut.calls)
    mine = (*earlier, *children, cut.session)
    return Kept(
        tasks=frozenset(done), sessions=(*sessions, *mine), cut=cut, begun=frozenset({task})
    )


def _check_needs(history: History, task: str, cut: Cut, done: Container[str], begun: int) -> None:
    """Refuse to go on from what was made of something that is made anew, or was since."""
    step = history.tasks[task].step
    since = {
        event.task
        for event in history.attempts
        if isinstance(event, TaskStarted | TaskEnded) and event.seq > begun
    }
    for need in history.tasks[step].needs:
        if need in since:
            raise UsageError(
                f"{cut.session} worked on what {need} gave, and {need} was run again since",
                hint=f"go back to a later attempt at {task}, or to {need}: --at {need}",
            )
        if need not in done:
            raise UsageError(
                f"{cut.session} worked on what {need} gave, and {need} is done afresh",
                hint=f"go back to that: --at {need}",
            )


def _root(history: History, session: PastSession) -> SessionStarted:
    while session.started.parent is not None:
        session = history.sessions[session.started.parent]
    return session.started


def _children(history: History, parent: str, calls: frozenset[str] | None) -> Iterator[str]:
    for call, child in history.sessions[parent].children.items():
        if calls is None or call in calls:
            yield child
            yield from _children(history, child, None)


def _session(history: History, name: str) -> PastSession:
    known = history.sessions.get(name)
    if known is None:
        raise UsageError(
            f"the run has no session {name}", hint=f"sessions: {_listed(history.sessions)}"
        )
    if known.started.parent is not None:
        raise UsageError(
            f"{name} was spawned by {known.started.parent}, and can't go on without it",
            hint=f"go back to a turn of that one: {known.started.parent}:TURN",
        )
    return known


def _cut(session: PastSession, entries: Sequence[Entry], turn: str) -> Cut:
    name = session.started.session or ""
    answered = [entry.turn for entry in entries if isinstance(entry, UsageEntry)]
    last = max(answered, default=0)
    if not turn.isdecimal() or int(turn) not in answered:
        there = f"it has turns 1 to {last}" if last else "its model has not answered yet"
        raise UsageError(f"{name} has no turn {turn or '?'}", hint=there)
    count = next((n for n, e in enumerate(entries) if e.turn > int(turn)), len(entries))
    while count and isinstance(entries[count - 1], ResultEntry | ErrorEntry):
        count -= 1  # how it ended is not what its model was told
    stay = entries[:count]
    calls = {entry.call_id for entry in stay if isinstance(entry, ToolCallEntry)}
    answers = {entry.call_id for entry in stay if isinstance(entry, ToolResultEntry)}
    if calls - answers:
        before = f"go back to turn {int(turn) - 1}, " if int(turn) > 1 else ""
        raise UsageError(
            f"turn {turn} of {name} is not over: tool calls of it have no answer",
            hint=f"{before}or wait for its end",
        )
    told = [entry.command for entry in stay if isinstance(entry, SteerEntry | FollowUpEntry)]
    return Cut(
        session=name,
        attempt=session.started.attempt,
        turn=int(turn),
        entries=count,
        # A loss of power may have taken its beginning, and left its transcript to be taken up.
        at=max(stay[-1].at, session.started.at),
        calls=frozenset(calls),
        messages=frozenset(told),
    )


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(names) or "none"


def kept_events(events: Sequence[Event], kept: Kept) -> Iterator[Event]:
    """The events that are still true, in order, requests numbered anew."""
    requests: dict[str, str] = {}
    reopened = kept.tasks | kept.begun
    for event in events:
        if not _stays(event, kept):
            continue
        match event:
            case PermissionAsked():
                requests[event.request] = f"permission-{len(requests) + 1}"
                yield event.model_copy(update={"request": requests[event.request]})
            case PermissionAnswered():
                # What a person allowed for a session was meant for the run that it was in.
                once = "allow" if event.decision == "allow_session" else event.decision
                request = requests.get(event.request, event.request)
                yield event.model_copy(update={"request": request, "decision": once})
            case TasksReopened() | RunContinued():
                again = tuple(name for name in event.tasks if name in reopened)
                if again:
                    yield TasksReopened(tasks=again, at=event.at)
            case TaskStarted() if kept.cut is not None and event.attempt == kept.cut.attempt:
                if event.task in kept.begun:  # whatever ran it again later is undone
                    reopened = kept.tasks
                yield event
            case _:
                yield event
    if kept.cut is not None:
        task = next(iter(kept.begun), None)
        reason = f"kept up to turn {kept.cut.turn}"
        yield SessionStatus(
            session=kept.cut.session, task=task, status=Status.PAUSED, reason=reason, at=kept.cut.at
        )


def _stays(event: Event, kept: Kept) -> bool:
    match event:
        case RunEnded() | RunPaused() | RunResumed() | Unknown() | CommandRefused():
            return False
        case RunContinued() | TasksReopened():
            return True
        case TaskAdded():
            return event.task == event.step or event.task in kept.tasks | kept.begun
        case TaskStarted() | TaskEnded():
            return event.task in kept.tasks or _before_cut(event, kept)
        case Notice(session=None):
            return event.task in kept.tasks
        case _:
            if kept.cut is not None and event.session == kept.cut.session:
                return _of_the_cut(event, kept.cut)
            return event.session is not None and event.session in kept.sessions


def _before_cut(event: TaskStarted | TaskEnded, kept: Kept) -> bool:
    """Whether it tells of an attempt at the task of the cut session, up to its beginning."""
    if event.task not in kept.begun or kept.cut is None:
        return False
    return 0 < event.attempt <= kept.cut.attempt - isinstance(event, TaskEnded)


def _of_the_cut(event: Event, cut: Cut) -> bool:
    match event:
        case SessionEnded() | ResultSubmitted() | SteerUndelivered():
            return False
        case CommandAccepted():
            return event.command.id in cut.messages
        case SteerDelivered():
            return event.command in cut.messages
        case ToolBegan():
            return event.call in cut.calls
        case _:
            return event.at <= cut.at
