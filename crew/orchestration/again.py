"""Which tasks are run again with one: one rule for a run that goes on and one that has ended."""

from collections.abc import Container, Iterable, Mapping
from typing import Protocol

from crew.errors import CommandError, UsageError
from crew.events import Event, RunContinued, SessionStarted, TasksReopened, TaskStatus
from crew.orchestration.board import DEAD, DONE


class Known(Protocol):
    """What the rule looks at in a task."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def step(self) -> str:
        """Its step; an item of a fan-out has its own id beside it."""
        ...

    @property
    def needs(self) -> tuple[str, ...]:
        """Tasks that come before it."""
        ...

    @property
    def status(self) -> TaskStatus:
        """Where it stands."""
        ...


def run_again(tasks: Mapping[str, Known], task: str | None) -> list[str]:
    """The tasks to run again, in board order, with all that depend on them.

    Args:
        tasks: All tasks of the run.
        task: The one that is wanted, with what it needs and did not complete; None for all that
            did not complete.

    Returns:
        None of them where every task completed and none is named.

    Raises:
        UsageError: There is no such task.
    """
    if task is not None and task not in tasks:
        known = ", ".join(tasks) or "none"
        raise UsageError(f"the run has no task {task}", hint=f"there are: {known}")
    parts: dict[str, set[str]] = {}
    for name, found in tasks.items():
        if found.step != name:
            parts.setdefault(found.step, set()).add(name)
    dead = {name for name, found in tasks.items() if found.status in DEAD}
    again = set(dead) if task is None else _wanted(tasks, parts, task, dead)
    while more := {name for name in tasks if _follows(tasks, parts, name, again)} - again:
        again |= more
    # What needs something dead that stays so can't run yet.
    while stuck := {name for name in again if (dead - again).intersection(tasks[name].needs)}:
        again -= stuck
    return [name for name in tasks if name in again]


def _wanted(
    tasks: Mapping[str, Known], parts: Mapping[str, set[str]], task: str, dead: set[str]
) -> set[str]:
    """A task, the dead ones that it can't run without, and of a fan-out the items."""
    found, left = set[str](), [task]
    while left:
        name = left.pop()
        found.add(name)
        items = parts.get(name, set())
        found |= dead & items or items
        needs = tasks[tasks[name].step].needs  # an item needs what its fan-out does
        left += [need for need in needs if need in dead and need not in found]
    return found


def _follows(
    tasks: Mapping[str, Known], parts: Mapping[str, set[str]], name: str, again: set[str]
) -> bool:
    """Whether a task is to be run again because others are."""
    task = tasks[name]
    if task.step != name:  # the list that it came from is made anew
        return not again.isdisjoint(tasks[task.step].needs)
    return not again.isdisjoint(task.needs) or not again.isdisjoint(parts.get(name, ()))


def reopened(
    tasks: Mapping[str, Known], task: str | None, waiting: Container[str]
) -> tuple[str, ...]:
    """The tasks of a live run that are pending again by a retry.

    Args:
        waiting: Fan-outs that wait for their items, and take in those that run again.

    Raises:
        CommandError: It can't be: the message says why, with the mend.
    """
    if all(known.status in DONE | DEAD for known in tasks.values()):
        mend = f"crew retry RUN/{task}" if task else "crew retry RUN"
        raise CommandError(f"every task has ended, the run is over; run it again with {mend}")
    try:
        again = run_again(tasks, task)
    except UsageError as error:
        raise CommandError(f"{error.message}; {error.hint}") from error
    if not again:
        raise CommandError("no task has failed; name the one to run again")
    if task is not None and tasks[task].status == "pending":
        raise CommandError(f"{task} is about to run anyway")
    ended: list[str] = []
    for known in (tasks[name] for name in again):
        if known.status in DONE | DEAD:
            ended.append(known.id)
        elif known.status == "running" and not _takes_in(known, task, again, waiting):
            who = f"{known.id} is at work" if known.id == task else f"{known.id} is at work on it"
            raise CommandError(f"{who}; wait for its end, or cancel it first")
    return tuple(ended)


def _takes_in(fan_out: Known, task: str | None, again: list[str], waiting: Container[str]) -> bool:
    """Whether a task at work is a fan-out that has only items of its own run again."""
    return (
        fan_out.id in waiting and fan_out.id != task and not set(fan_out.needs).intersection(again)
    )


def pays(attempts: Iterable[Event], started: SessionStarted) -> str | None:
    """The task whose budget a session counts for: one that a person runs again begins anew.

    Args:
        attempts: Of a run's events those by which its tasks are tried again.
    """
    for event in attempts:
        if not isinstance(event, RunContinued | TasksReopened):
            continue
        later = not event.seq or event.seq > started.seq
        if later and started.task in event.tasks:
            return None
    return started.task
