"""What the lines around an observer's panes say: where one is, how it stands, what it came to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from crew.records import TERMINAL, Status
from crew.view.rows import Mark, doing, mark, outline, status_words
from crew.view.state import RunView, SessionView, Totals
from crew.view.transcript import Tone
from crew.view.words import (
    RULES_NOTE,
    counted,
    duration,
    money,
    one_line,
    short_count,
    tokens,
)

RUN = ""
"""The crumb of the run itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crumb:
    """One part of the way to a session; `session` is `RUN` for the run."""

    name: str
    session: str = RUN


def crumbs(view: RunView, session: str = RUN) -> tuple[Crumb, ...]:
    """The way from the run to a session: `review > code-review > explorer-1`."""
    way: list[Crumb] = []
    at = view.sessions.get(session)
    seen: set[str] = set()
    while at is not None and at.id not in seen:
        seen.add(at.id)
        way.append(Crumb(name=session_name(at), session=at.id))
        at = view.sessions.get(at.parent or "")
    return (Crumb(name=one_line(view.team or view.run or "crew")), *reversed(way))


def session_name(known: SessionView) -> str:
    """A session as its parent knows it: `explorer-1`."""
    return one_line(known.id.removeprefix(f"{known.parent}.") if known.parent else known.id)


def run_state(view: RunView, now: datetime) -> tuple[Mark, str]:
    """How the run stands: `running  1m 04s`, `paused: nothing runs  2m 10s`."""
    if view.started is None:
        return Mark.PENDING, "starting"
    worked = view.worked(view.started, view.ended or now)
    took = duration(worked, tenths=view.ended is not None)
    if view.over or view.status is Status.INTERRUPTED:
        return mark(view.status), f"{status_words(view.status)}  {took}"
    if view.status is Status.PAUSED:
        busy = sum(works(view, known) for known in view.sessions.values())
        words = f"pausing: {counted(busy, 'session')} at work" if busy else "paused: nothing runs"
        return Mark.PAUSED, f"{words}  {took}"
    if view.asks:
        asked = counted(len(view.asks), "permission")
        return Mark.WAITING, f"waits for {asked}  {took}"
    resting = view.resting
    if resting and len(resting) == view.totals.running:
        return Mark.PAUSED, f"paused: nothing runs  {took}"
    return Mark.RUNNING, f"running  {took}"


def works(view: RunView, known: SessionView) -> bool:
    """Whether a session does anything itself; one that waits for its children does not."""
    children = (view.sessions.get(name) for name in known.children)
    return known.status is Status.RUNNING and all(c is None or c.over for c in children)


def ending_words(view: RunView, outcome: str = "") -> tuple[Tone, str] | None:
    """What a run came to, and the way on where it did not come to its end; None while it goes on.

    Args:
        view: The run.
        outcome: Its result in one line, where it has one.
    """
    if view.lost:
        return Tone.BAD, f"its process is gone; go on: crew resume {view.run}"
    if not view.over:
        return None
    if view.status is Status.COMPLETED:
        return Tone.GOOD, outcome or "done"
    facts = [status_words(view.status)]
    if view.error is not None:
        facts = [f"{facts[0]}: {one_line(view.error.message)}", one_line(view.error.hint)]
    tone = Tone.SECONDARY if view.status is Status.CANCELLED else Tone.BAD
    return tone, " · ".join(filter(None, facts))


def empty_words(known: SessionView | None, *, read: bool, lines: int) -> str:
    """Why no entry of a session's transcript is there to be shown.

    Args:
        known: The session; None before it began.
        read: Whether its transcript was looked at.
        lines: Lines of the whole transcript.
    """
    if known is None:
        return "this session has not begun"
    if not read:
        return "reading"
    if lines:
        return "nothing of this kind is here"
    if known.over:
        return "the transcript of this session is missing: its file is gone or empty"
    return "nothing is written yet"


def goal_words(view: RunView) -> str:
    """What the run is for; where it works when nobody said."""
    return one_line(view.goal) or one_line(view.workspace)


def model_words(view: RunView) -> str:
    """What answers: the model of the run's first member."""
    return RULES_NOTE if view.model == "rules" else one_line(view.model)


def total_words(view: RunView, *, width: int | None = None) -> str:
    """What the run came to so far: `2 of 4 tasks done · 3 of 4 sessions at work · 41.2k tokens`.

    Args:
        view: The run.
        width: Cells that there are; the least telling facts are left out where they don't fit.
    """
    totals = view.totals
    done = sum(task.status in {"completed", "skipped"} for task in view.tasks.values())
    facts = [f"{done} of {counted(len(view.tasks), 'task')} done"]
    working = totals.running - len(view.resting)
    facts.append(f"{working} of {counted(totals.sessions, 'session')} at work")
    limited = _spent(totals, view.budget)
    facts.append(limited.pop("tokens", tokens(totals.usage)))
    if totals.usage.cost != 0:
        limited.setdefault("cost", f"cost {money(totals.usage.cost)}")
    facts += limited.values()
    facts.append(counted(totals.tools, "tool call"))
    while width is not None and len(facts) > 1 and len(" · ".join(facts)) > width:
        facts.pop()
    return " · ".join(facts)


def spent_of_limits(view: RunView) -> dict[str, str]:
    """What the run spent of each limit that can be summed: `41.2k/200k tokens`, `$0.120/$2.50`."""
    return _spent(view.totals, view.budget)


def _spent(totals: Totals, budget: Mapping[str, float]) -> dict[str, str]:
    found: dict[str, str] = {}
    if limit := budget.get("tokens"):
        found["tokens"] = f"{short_count(totals.usage.tokens)}/{short_count(round(limit))} tokens"
    if limit := budget.get("cost"):
        found["cost"] = f"cost {money(totals.usage.cost)}/{money(limit)}"
    if limit := budget.get("turns"):
        found["turns"] = f"{totals.turns}/{limit:.0f} turns"
    return found


def session_title(view: RunView, session: str, order: Sequence[str]) -> tuple[Mark, str]:
    """Who a session is and how it stands, in one line.

    Args:
        view: The run.
        session: The session.
        order: All sessions, as `session_order` gives them.
    """
    known = view.sessions.get(session)
    if known is None:
        return Mark.PENDING, "this session has not begun"
    facts = [status_words(known.status)]
    facts.append(known.agent if known.agent == known.role else f"{known.role}, {known.agent}")
    model = one_line(known.model)
    facts.append(f"{model} (fallback)" if known.first_model else model)
    if known.attempt > 1:
        facts.append(f"attempt {known.attempt}")
    if session in order:
        facts.append(f"session {order.index(session) + 1} of {len(order)}")
    return (Mark.WAITING if known.asks else mark(known.status)), " · ".join(facts)


def session_stats(view: RunView, known: SessionView, now: datetime) -> str:
    """What a session of a run came to so far."""
    turns = f"turn {known.turns}" + (f" of {known.max_turns}" if known.max_turns else "")
    facts = [counted(known.turns, "turn") if known.over else turns]
    facts.append(counted(known.tools, "tool call"))
    facts.append(tokens(known.usage))
    if known.progress is not None and known.progress.context_tokens:
        facts.append(f"context {short_count(known.progress.context_tokens)}")
    if known.usage.cost != 0:
        facts.append(money(known.usage.cost))
    worked = view.worked(known.started, known.ended or now)
    facts.append(duration(worked, tenths=known.ended is not None))
    return " · ".join(facts)


def now_words(known: SessionView | None, *, writing: bool = False) -> tuple[Mark, str, str]:
    """What a session does now, and the way out of what went wrong: mark, words, hint.

    Args:
        known: The session; None before it began.
        writing: Whether the model's answer streams in.
    """
    if known is None:
        return Mark.PENDING, "waiting to begin", ""
    if writing and known.status is Status.RUNNING and not known.asks:
        return Mark.RUNNING, "writing", ""
    hint = one_line(known.error.hint) if known.error else ""
    return (Mark.WAITING if known.asks else mark(known.status)), doing(known), hint


def session_order(view: RunView) -> tuple[str, ...]:
    """Sessions in the order of the run's rows, a task's earlier attempts before its latest."""
    named: list[str] = []
    for place in outline(view):
        task = view.tasks.get(place.task or "")
        named.extend(task.sessions if task is not None else (place.session or "",))
    return tuple(name for name in named if name in view.sessions)


def foremost_session(view: RunView) -> str | None:
    """The session to look at first: one that asks, one that is at work, the last of a run's end.

    One that only waits for its children comes behind them.
    """
    known = [view.sessions[name] for name in session_order(view)]
    asking = (each.id for each in known if each.asks)
    working = (each.id for each in known if works(view, each))
    waiting = (each.id for each in known if not each.over)
    last = (each.id for each in known[-1:] if view.over)
    return next(chain(asking, working, waiting, last), None)


def latest_session(view: RunView) -> str | None:
    """The session that was active last; one that still goes on before one that ended."""
    return max(view.sessions, key=lambda name: _activity(view.sessions[name]), default=None)


def interrupted(view: RunView) -> RunView:
    """The run as it stands when its process is gone: what had not ended never will."""
    if view.over:
        return view
    sessions: Mapping[str, SessionView] = {
        name: known if known.over else _cut_off(known) for name, known in view.sessions.items()
    }
    ended = max((_activity(known)[1] for known in sessions.values()), default=view.started)
    return replace(view, status=Status.INTERRUPTED, lost=True, sessions=sessions, ended=ended)


def _cut_off(known: SessionView) -> SessionView:
    last = _activity(known)[1]
    return replace(known, status=Status.INTERRUPTED, reason="", asks=(), ended=last)


def _activity(known: SessionView) -> tuple[bool, datetime]:
    latest = known.ended or (known.progress.updated if known.progress else known.started)
    return known.status not in TERMINAL, latest
