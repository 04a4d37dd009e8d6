"""What budgets and supervision promise, held against the whole journal and all transcripts."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from crew.definitions.types import Plan, SpawnLimits
from crew.entries import UsageEntry, parse_entry
from crew.events import (
    Event,
    RunContinued,
    SessionEnded,
    SessionStarted,
    SessionStatus,
    TaskEnded,
    TasksReopened,
    TaskStarted,
)
from tests.simulation.invariants import Transcripts
from tests.simulation.world import DEAREST_TURN

_OF_THEMSELVES = {"completed", "needs_attention", "max_turns"}
"""Ends that a session comes to which nobody ends."""


def ungoverned(plan: Plan, events: Sequence[Event], lines: Transcripts) -> Iterator[str]:
    """Every limit that was passed by more than a turn, and every attempt too many."""
    spent = {name: _tokens(transcript) for name, transcript in lines.items()}
    started = {event.session or "": event for event in events if isinstance(event, SessionStarted)}
    yield from _passed("the run", sum(spent.values()), plan.team.budget.tokens)
    agents = {agent.name: agent for agent in (*plan.library.values(), *plan.roles.values())}
    for name, event in started.items():
        yield from _passed(name, spent.get(name, 0), agents[event.agent].budget.tokens)
    yield from _tasks(plan, events, started, spent)
    yield from _attempts(plan, events)
    yield from _ended_with(plan, events)
    yield from _too_many(plan, events)


def _tokens(transcript: Sequence[bytes]) -> int:
    entries = map(parse_entry, transcript)
    return sum(entry.usage.tokens for entry in entries if isinstance(entry, UsageEntry))


def _passed(who: str, spent: int, limit: int | None) -> Iterator[str]:
    if limit is not None and spent > limit + DEAREST_TURN:
        yield f"{who} spent {spent} of {limit} tokens"


def _tasks(
    plan: Plan,
    events: Sequence[Event],
    started: Mapping[str, SessionStarted],
    spent: Mapping[str, int],
) -> Iterator[str]:
    limits = {step.id: step.budget.tokens for step in plan.workflow.steps}
    again = {task for event in events for task in _reopened(event)}
    totals: Counter[str] = Counter()
    for name, tokens in spent.items():  # also of a session whose beginning the journal has lost
        task = started[name].task if name in started else re.split("[.~]", name)[0]
        totals[task or ""] += tokens
    for task, tokens in totals.items():
        if task not in again:
            yield from _passed(f"task {task}", tokens, limits.get(task.partition("_")[0]))


def _attempts(plan: Plan, events: Sequence[Event]) -> Iterator[str]:
    rule = plan.team.supervision
    retries = {step.id: step.retries for step in plan.workflow.steps}
    tried: Counter[str] = Counter()
    restarts: dict[str, list[datetime]] = {}
    over: set[str] = set()
    for event in events:
        task = event.task or ""
        for name in _reopened(event):
            tried.pop(name, None)
            restarts.pop(name, None)
            over.discard(name)
        if isinstance(event, TaskStarted) and task in over:
            yield f"{task} began again after its end"
        if not isinstance(event, TaskEnded):
            continue
        if not event.retry:
            over.add(task)
        elif not event.restart:
            tried[task] += 1
            if tried[task] > retries[task.partition("_")[0]]:
                yield f"{task} was retried {tried[task]} times"
        elif rule is None:
            yield f"{task} was started again without supervision"
        elif event.status == "failed":
            since = event.at - timedelta(seconds=rule.window)
            recent = [at for at in restarts.get(task, ()) if at > since]
            restarts[task] = [*recent, event.at]
            if len(recent) >= rule.max_restarts:
                yield f"{task} was started again {len(recent) + 1} times within {rule.window:g} s"


def _reopened(event: Event) -> tuple[str, ...]:
    return event.tasks if isinstance(event, RunContinued | TasksReopened) else ()


def _ended_with(plan: Plan, events: Sequence[Event]) -> Iterator[str]:
    """Sessions that were at work when another task failed with which they had to end."""
    rule = plan.team.supervision
    if rule is None or rule.strategy == "one_for_one":
        return
    order: dict[str, None] = {}
    live: dict[str, str] = {}
    beside: dict[str, set[str]] = {}
    due: dict[str, str] = {}
    kept = _kept(events)
    for event in events:
        task, session = event.task or "", event.session or ""
        match event:
            case TaskStarted():
                order.setdefault(task)
            case SessionStarted(parent=None):
                live[session] = task
            case SessionEnded(status=status) if session in live:
                del live[session]
                beside[task] = {*live}
                if session in due and status in _OF_THEMSELVES:
                    yield f"{due[session]} began again, and {session} did not end for it"
            case TaskEnded(restart=True, status="failed") if event.seq > kept:
                names = [*order]
                later = names[names.index(task) :] if rule.strategy == "rest_for_one" else names
                others = beside.get(task, set()) & {*live}
                due |= {other: task for other in others if live[other] in later}
            case _:
                pass


def _kept(events: Sequence[Event]) -> int:
    """The last event that a fork has of another run, whose sessions go on though they ended."""
    forks = (e.seq for e in events if isinstance(e, RunContinued) and e.reason == "fork")
    return next(forks, 0)


def _too_many(plan: Plan, events: Sequence[Event]) -> Iterator[str]:
    """Sessions that lived beyond a limit of their number."""
    limits = plan.team.limits or SpawnLimits()
    parents: dict[str, str | None] = {}
    live: set[str] = set()
    kept = _kept(events)
    for event in events:
        session = event.session or ""
        match event:
            case RunContinued():  # each is taken up when its turn comes
                live.clear()
            case SessionEnded():
                live.discard(session)
            case SessionStarted(depth=depth):
                parents[session] = event.parent
                if depth > limits.depth:
                    yield f"{session} was spawned {depth} levels deep of {limits.depth}"
            case _:
                pass
        began = isinstance(event, SessionStarted | SessionStatus) and event.seq > kept
        if not began or session in live:
            continue
        live.add(session)
        if len(live) > limits.sessions:
            yield f"{session} is one of {len(live)} live sessions of {limits.sessions}"
        parent = parents[session]
        beside = sum(parents[other] == parent for other in live)
        if parent is not None and beside > limits.fan_out:
            yield f"{session} is one of {beside} live children of {limits.fan_out}"
