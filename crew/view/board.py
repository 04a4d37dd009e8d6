"""The task board in words: what each task waits for, how often it was tried, how long it took."""

from dataclasses import dataclass
from datetime import datetime

from crew.view.rows import Mark, Place, outline, row_at, status_words
from crew.view.state import RunView, TaskView
from crew.view.words import duration, one_line

_DEAD = frozenset({"failed", "cancelled", "unreachable"})
_DONE = frozenset({"completed", "skipped"})
_STATES = {
    "pending": "waiting",
    "running": "at work",
    "completed": "done",
    "unreachable": "not reached",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One task of the board.

    Attributes:
        depth: 1 for an item of a fan-out, below its step.
        state: Where it stands, what it does or why it can't go on.
        tries: Attempts begun, once there was more than one; else empty.
        took: How long it has been or was at work; empty before.
        session: The session of its latest attempt.
    """

    task: str
    name: str
    depth: int
    role: str
    needs: str
    mark: Mark
    state: str
    tries: str
    took: str
    session: str | None


def board_places(view: RunView) -> tuple[Place, ...]:
    """Where every task is, in board order; changes by events alone."""
    return tuple(place for place in outline(view) if place.task is not None)


def board_row(view: RunView, place: Place, now: datetime) -> TaskRow:
    """What one task's row says now."""
    task, row = view.tasks[place.task or ""], row_at(view, place)
    took = ""
    if task.started is not None:
        until = task.finished or view.ended or now
        took = duration(view.worked(task.started, until), tenths=task.finished is not None)
    return TaskRow(
        task=task.id,
        name=row.name,
        depth=place.depth,
        role=one_line(task.role),
        needs=one_line(", ".join(task.needs)),
        mark=row.mark,
        state=blocked_words(view, task) or row.doing,
        tries=str(task.attempt) if task.attempt > 1 else "",
        took=took,
        session=place.session,
    )


def retryable(view: RunView, task: str) -> bool:
    """Whether a task has ended in a way that makes another try worth while."""
    known = view.tasks.get(task)
    return known is not None and known.status in _DEAD


def tried_words(view: RunView) -> tuple[str, ...]:
    """Tasks that took more than one attempt: `verify, tried 2 times: verify failed, verify~2 done`.

    The sessions are named as they are opened.
    """
    found = []
    for task in view.tasks.values():
        tries = [view.sessions[name] for name in task.sessions if name in view.sessions]
        if len(tries) > 1:
            told = ", ".join(f"{one_line(each.id)} {status_words(each.status)}" for each in tries)
            found.append(f"{one_line(task.id)}, tried {len(tries)} times: {told}")
    return tuple(found)


def fallback_words(view: RunView) -> tuple[str, ...]:
    """Sessions that another model answered than the one they began with, a line each."""
    return tuple(
        f"{one_line(known.id)} went on with {one_line(known.model)}, "
        f"after {one_line(known.first_model)}"
        for known in view.sessions.values()
        if known.first_model
    )


def blocked_words(view: RunView, task: TaskView) -> str:
    """Why a task is not at work: `waits for explore`; empty when nothing holds it up."""
    if task.status not in {"pending", "unreachable"} or task.attempt:
        return ""
    dead = [need for need in task.needs if _state(view, need) in _DEAD]
    if dead:
        why = f"needs {dead[0]}, which {_ended(_state(view, dead[0]))}"
        return f"not reached: {why}" if task.status == "unreachable" else why
    if task.status == "unreachable":
        return ""
    open_needs = [need for need in task.needs if _state(view, need) not in _DONE]
    if open_needs:
        return f"waits for {', '.join(open_needs)}"
    return "has all it needs, waits for a free place" if task.needs else ""


def task_details(view: RunView, task: str) -> tuple[str, str]:
    """A task in two lines: what it is and how each of its needs stands, and what went wrong."""
    known = view.tasks.get(task)
    if known is None:
        return "", ""
    facts = [f"role {known.role}"]
    if known.step != known.id:
        facts.insert(0, f"item of {known.step}")
    needs = [f"{need} ({_STATES.get(state, state)})" for need, state in _needs(view, known)]
    facts.append(f"needs {', '.join(needs)}" if needs else "needs nothing")
    trouble = known.error
    told = " · ".join((trouble.message, trouble.hint)) if trouble else known.title
    return one_line(" · ".join(facts)), one_line(told.removesuffix(" · "))


def _needs(view: RunView, task: TaskView) -> list[tuple[str, str]]:
    return [(need, _state(view, need)) for need in task.needs]


def _state(view: RunView, need: str) -> str:
    known = view.tasks.get(need)
    return known.status if known is not None else "pending"


def _ended(status: str) -> str:
    return {"cancelled": "was cancelled", "unreachable": "was not reached"}.get(status, status)
