"""What is done with a run that has ended: which of its tasks or turns, and what must stay of it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from crew.commands import Retry
from crew.entries import ToolCallEntry, ToolResultEntry, UsageEntry, parse_entry
from crew.events import (
    CommandAccepted,
    Event,
    RunContinued,
    SessionStarted,
    TaskAdded,
    TaskEnded,
    TasksReopened,
)
from crew.store import journal
from crew.store.folder import RunFolder
from tests.simulation.invariants import Transcripts, transcripts
from tests.simulation.schedule import Onward

_DEAD = {"failed", "cancelled", "unreachable"}


def wanted_task(onward: Onward, events: Sequence[Event]) -> str | None:
    """The task that is to be run again; None for all that did not complete."""
    tasks = [event.task or "" for event in events if isinstance(event, TaskAdded)]
    statuses = _statuses(events)
    if onward.all and any(statuses.get(task) in _DEAD for task in tasks):
        return None
    return tasks[int(onward.pick * len(tasks))] if tasks else None


def point(onward: Onward, folder: RunFolder) -> str | None:
    """Where a fork goes back to; None where a run has nothing to go back to."""
    events = list(journal.read(folder))
    tasks = [event.task or "" for event in events if isinstance(event, TaskAdded)]
    turns = [
        f"{event.session}:{entry.turn}"
        for event in events
        if isinstance(event, SessionStarted) and event.parent is None
        for entry in map(parse_entry, transcripts(folder).get(event.session or "", ()))
        if isinstance(entry, UsageEntry)
    ]
    known = turns if onward.turn and turns else tasks
    return known[int(onward.pick * len(known))] if known else None


def files(folder: RunFolder) -> Mapping[str, bytes]:
    """Every byte of a run."""
    return {
        path.relative_to(folder.root).as_posix(): path.read_bytes()
        for path in sorted(folder.root.rglob("*"))
        if path.is_file()
    }


def records(folder: RunFolder) -> Mapping[str, bytes]:
    """What only the process writes that holds the run: journal and transcripts."""
    paths = [folder.journal, *folder.sessions.glob("*.jsonl")]
    return {path.name: path.read_bytes() for path in paths if not path.stem.endswith(".live")}


def done_in(lines: Transcripts) -> Counter[str]:
    """Acts that these transcripts tell of; one of which nobody knows the outcome counts."""
    counted = Counter[str]()
    for raw in lines.values():
        calls = {}
        for entry in map(parse_entry, raw):
            if isinstance(entry, ToolCallEntry) and entry.tool in {"act", "execute"}:
                calls[entry.call_id] = str(entry.args.get("key", ""))
            elif isinstance(entry, ToolResultEntry) and entry.call_id in calls:
                counted[calls[entry.call_id]] += "not run" not in entry.text
    return counted


def reopenings(events: Sequence[Event], wanted: set[str | None]) -> Iterator[str]:
    """Tasks that were run again though nothing asked for it, or were not though it did.

    Args:
        wanted: What was asked for in runs that had ended; takes what is while a run goes on.
    """
    steps: dict[str, TaskAdded] = {}
    status: dict[str, str] = {}
    for event in events:
        match event:
            case TaskAdded(task=str() as task):
                steps[task] = event
            case TaskEnded(task=str() as task):
                status[task] = "pending" if event.retry else event.status
            case CommandAccepted(command=Retry(task=named)):
                wanted.add(named)
            case RunContinued(tasks=again) | TasksReopened(tasks=again) if again:
                yield from _unasked(steps, status, again, wanted)
                yield from _left_out(steps, status, again)
                status |= dict.fromkeys(again, "pending")
            case _:
                pass


def _unasked(
    steps: Mapping[str, TaskAdded],
    status: Mapping[str, str],
    again: Sequence[str],
    asked: set[str | None],
) -> Iterator[str]:
    for task in again:
        named = not asked.isdisjoint({task, steps[task].step})
        if named or status.get(task) not in {"completed", "skipped"}:
            continue
        if not _depends(steps, task, {*again} - {task}):
            yield f"{task} was run again, and nothing that it depends on was"


def _left_out(
    steps: Mapping[str, TaskAdded], status: Mapping[str, str], again: Sequence[str]
) -> Iterator[str]:
    for task in steps:
        needs = {*steps[task].needs}
        stays = status.get(task, "pending") != "pending" and task not in again
        blocked = any(status.get(need) in _DEAD for need in needs.difference(again))
        if stays and task == steps[task].step and not needs.isdisjoint(again) and not blocked:
            yield f"{task} was not run again, and what it needs was"


def _depends(steps: Mapping[str, TaskAdded], task: str, others: set[str]) -> bool:
    """Whether a task needs one of the others, is an item of one, or takes an item in."""
    step = steps[task].step
    items = {name for name, added in steps.items() if added.step == task != name}
    return not others.isdisjoint({*steps[task].needs, *steps[step].needs, step, *items})


def _statuses(events: Sequence[Event]) -> Mapping[str, str]:
    return {event.task or "": event.status for event in events if isinstance(event, TaskEnded)}
