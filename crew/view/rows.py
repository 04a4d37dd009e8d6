"""A run as lines that keep their order: tasks as on the board, spawned sessions below them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from crew.progress import Retry
from crew.records import Status
from crew.view.state import RunView, SessionView, TaskView
from crew.view.steering import pausing
from crew.view.words import counted, one_line, tool_words


class Mark(StrEnum):
    """What a row's state means to the eye; each front end has its own sign for it."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    DONE = "done"
    ATTENTION = "attention"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line: a task with the session of its latest attempt, or a spawned session.

    Attributes:
        key: Stays the same as long as the row exists, also over a task's attempts.
        depth: 0 for a task of the workflow, one more for an item of its fan-out and each spawn.
        doing: What happens there now, or how it ended, in words.
    """

    key: str
    depth: int
    name: str
    mark: Mark
    doing: str
    task: TaskView | None = None
    session: SessionView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a row is, and what it is about; cheap to make for every row of a large run.

    Attributes:
        key: The row's.
        task: Its task; None for a spawned session.
        session: Its session, the one of the latest attempt for a task.
        items: The tasks that its fan-out made.
    """

    key: str
    depth: int
    task: str | None = None
    session: str | None = None
    items: tuple[str, ...] = ()


_MARKS = {
    Status.PENDING: Mark.PENDING,
    Status.RUNNING: Mark.RUNNING,
    Status.PAUSED: Mark.PAUSED,
    Status.WAITING: Mark.PENDING,  # for a person it is loud, and then something is asked
    Status.COMPLETED: Mark.DONE,
    Status.NEEDS_ATTENTION: Mark.ATTENTION,
    Status.MAX_TURNS: Mark.ATTENTION,
    Status.OVER_BUDGET: Mark.ATTENTION,
    Status.FAILED: Mark.FAILED,
    Status.CANCELLED: Mark.STOPPED,
    Status.INTERRUPTED: Mark.STOPPED,
}

_ENDINGS = {
    Status.COMPLETED: "done",
    Status.NEEDS_ATTENTION: "needs attention",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
    Status.INTERRUPTED: "interrupted",
    Status.MAX_TURNS: "stopped at its turn limit",
    Status.OVER_BUDGET: "stopped: its budget is spent",
}

_TASK_MARKS = {
    "pending": Mark.PENDING,
    "running": Mark.RUNNING,
    "completed": Mark.DONE,
    "failed": Mark.FAILED,
    "cancelled": Mark.STOPPED,
    "skipped": Mark.STOPPED,
    "unreachable": Mark.STOPPED,
}


def mark(status: Status) -> Mark:
    """What a status means to the eye."""
    return _MARKS[status]


def status_words(status: Status) -> str:
    """A status as people say it: `done`, `stopped at its turn limit`, `running`."""
    return _ENDINGS.get(status, str(status))


def rows(view: RunView) -> tuple[Row, ...]:
    """Every task and session of the run; a row never moves before another."""
    return tuple(row_at(view, place) for place in outline(view))


def outline(view: RunView) -> tuple[Place, ...]:
    """Where every row of the run is, in the order of `rows`; changes by events alone."""
    return tuple(_walk(view))


def row_at(view: RunView, place: Place) -> Row:
    """What one row says now."""
    if place.task is None:
        row = _session_row(view.sessions[place.session or ""], place.depth)
    else:
        task, session = view.tasks[place.task], view.sessions.get(place.session or "")
        row = _task_row(task, session, place.depth, [view.tasks[item] for item in place.items])
    if row.session is not None and pausing(view, row.session):
        return replace(row, doing=f"pausing: {row.doing}")
    return row


def doing(session: SessionView) -> str:
    """What a session does now, or how it ended: `reading crew/feed.py`, `done: 3 findings`."""
    if session.over:
        return _ending(session)
    if session.asks:
        ask = session.asks[0]
        return f"waiting for permission: {one_line(ask.tool)} {one_line(ask.preview)}".rstrip()
    if session.status is Status.PAUSED:
        reason = one_line(session.reason)
        return f"paused: {reason}" if reason and reason != "paused" else "paused"
    if session.status is Status.WAITING:
        return f"waiting for {one_line(session.reason)}" if session.reason else "waiting"
    progress = session.progress
    if progress is not None and progress.tool:
        return tool_words(progress.tool, progress.preview)
    if progress is None or progress.turn == 0:
        return "starting"
    if progress.retry is not None:
        return retry_words(progress.retry)
    if progress.writing and progress.lines:
        return f"writing: {one_line(progress.lines[-1])}"
    return "waiting for the model"


def retry_words(retry: Retry) -> str:
    """What a wait for the model is for, in the time of whoever looks."""
    tries = f"try {retry.attempt} of {retry.attempts}"
    return f"{one_line(retry.why)}, again at {retry.at.astimezone():%H:%M:%S} ({tries})"


def task_words(task: TaskView) -> str:
    """Where a task stands that has no session to speak for it."""
    why = f": {one_line(task.error.message)}" if task.error else ""
    match task.status:
        case "pending" if task.attempt and task.needs and not task.error:
            return f"runs again after {', '.join(task.needs)}"
        case "pending" if task.attempt:
            return f"trying again{why}"
        case "pending":
            return f"after {', '.join(task.needs)}" if task.needs else "about to start"
        case "running":
            return "starting"
        case "completed":
            return "done"
        case "skipped":
            return f"skipped{why}"
        case "unreachable":
            return f"not reached{why}"
        case ended:
            return f"{ended}{why}"


def _walk(view: RunView) -> Iterator[Place]:
    told: set[str] = set()
    parts: dict[str, list[TaskView]] = {}
    for task in view.tasks.values():
        if task.id != task.step and task.step in view.tasks:
            parts.setdefault(task.step, []).append(task)
    for task in view.tasks.values():
        if task.id != task.step and task.step in view.tasks:
            continue
        items = parts.get(task.id, [])
        yield from _task(view, task, 0, told, items)
        for item in items:
            yield from _task(view, item, 1, told, [])
    for session in view.sessions.values():
        if session.id not in told:
            told.add(session.id)
            yield _session_place(session, 0)
            yield from _children(view, session, 1, told)


def _task(
    view: RunView, task: TaskView, depth: int, told: set[str], items: Sequence[TaskView]
) -> Iterator[Place]:
    told.update(task.sessions)
    yield Place(
        key=f"task:{task.id}",
        depth=depth,
        task=task.id,
        session=task.sessions[-1] if task.sessions else None,
        items=tuple(item.id for item in items),
    )
    for attempt in task.sessions:
        if (known := view.sessions.get(attempt)) is not None:
            yield from _children(view, known, depth + 1, told)


def _children(view: RunView, parent: SessionView, depth: int, told: set[str]) -> Iterator[Place]:
    for child in parent.children:
        session = view.sessions.get(child)
        if session is None or child in told:
            continue
        told.add(child)
        yield _session_place(session, depth)
        yield from _children(view, session, depth + 1, told)


def _session_place(session: SessionView, depth: int) -> Place:
    return Place(key=f"session:{session.id}", depth=depth, session=session.id)


def _task_row(
    task: TaskView, session: SessionView | None, depth: int, items: Sequence[TaskView]
) -> Row:
    # Between two attempts, and for a task that has no session, the board speaks.
    speaks = session is not None and not (session.over and task.status == "pending")
    if session is None or not speaks:
        sign, words = _TASK_MARKS[task.status], task_words(task)
        if items and task.status == "running":
            words = f"{sum(item.ended for item in items)} of {counted(len(items), 'item')} done"
    else:
        sign, words = _session_mark(session), doing(session)
        if session.attempt > 1 and not session.over:
            words = f"{words} (attempt {session.attempt})"
    return Row(
        key=f"task:{task.id}",
        depth=depth,
        name=f"{task.id} {one_line(task.title)}".rstrip(),
        mark=sign,
        doing=words,
        task=task,
        session=session,
    )


def _session_row(session: SessionView, depth: int) -> Row:
    return Row(
        key=f"session:{session.id}",
        depth=depth,
        name=session.role,
        mark=_session_mark(session),
        doing=doing(session),
        session=session,
    )


def _session_mark(session: SessionView) -> Mark:
    return Mark.WAITING if session.asks else mark(session.status)


def _ending(session: SessionView) -> str:
    words = status_words(session.status)
    told = session.error.message if session.error else session.preview
    return f"{words}: {one_line(told)}" if told.strip() else words
