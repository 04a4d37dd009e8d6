"""Supervision: which tasks begin again after a bad end, and when that has been often enough.

Everything it knows comes from the journal: it folds the events of the run, live or read again.
A step's retries come first and are counted apart: they are attempts of that step alone, whatever
its team's supervision says.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from crew.budget import limit_words
from crew.definitions.types import Supervision
from crew.events import Event, RunContinued, TaskEnded, TasksReopened, TaskStarted
from crew.records import Failure, Status

RETRIED = frozenset({Status.FAILED, Status.NEEDS_ATTENTION, Status.MAX_TURNS})
"""Ends after which a step's retries try again."""

_RESTARTED = {
    "temporary": frozenset[Status](),
    "transient": frozenset({Status.FAILED}),
    "permanent": RETRIED | {Status.OVER_BUDGET},
}


Then = Literal["retry", "restart", "end"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What follows from an attempt that ended badly.

    Attributes:
        then: `retry` and `restart` begin another attempt, `end` does not.
        error: What to say of it.
    """

    then: Then
    error: Failure | None


class Supervisor:
    """Judges the bad ends of one run's tasks.

    Args:
        rule: The team's; None starts nothing again but for retries.

    Attributes:
        due: Tasks at work that have to end since another one begins again: which one.
    """

    def __init__(self, rule: Supervision | None, now: Callable[[], datetime]) -> None:
        self._rule = rule
        self._now = now
        self._retries: Counter[str] = Counter()
        self._restarts: dict[str, deque[datetime]] = {}
        self._order: dict[str, None] = {}
        self._running: set[str] = set()
        self.due: dict[str, str] = {}

    def fold(self, event: Event) -> None:
        """Take an event of the run, as the journal has it."""
        self._fold_work(event)
        match event:
            case TaskEnded(task=str() as task, retry=True, restart=False):
                self._retries[task] += 1
            case TaskEnded(task=str() as task, restart=True, status="failed"):
                most = self._rule.max_restarts if self._rule is not None else 1
                self._restarts.setdefault(task, deque(maxlen=most)).append(event.at)
            case RunContinued(tasks=tasks) | TasksReopened(tasks=tasks):
                for task in tasks:  # whom a person runs again has all its tries anew
                    self._retries.pop(task, None)
                    self._restarts.pop(task, None)
            case _:
                pass

    def _fold_work(self, event: Event) -> None:
        match event:
            case TaskStarted(task=str() as task):
                self._order.setdefault(task)
                self._running.add(task)
            case TaskEnded(task=str() as task):
                self._running.discard(task)
                self.due.pop(task, None)
                if event.restart and event.status == "failed":
                    self.end_with(task)
            case RunContinued(reason="fork"):  # what had ended for another may be gone back to
                self.due.clear()
            case _:
                pass

    def judge(
        self, task: str, status: Status, error: Failure | None, *, retries: int, spent: bool
    ) -> Verdict:
        """Decide what follows from the end of a task's session.

        Args:
            retries: The step's.
            spent: Whether the task's budget, or the run's, has nothing left.
        """
        if status in RETRIED and self._retries[task] < retries:
            return Verdict(then="retry", error=error)
        rule = self._rule
        if rule is None or spent or status not in _RESTARTED[rule.restart]:
            return Verdict(then="end", error=error)
        if len(self._recent(task, rule)) >= rule.max_restarts:
            return Verdict(then="end", error=_too_often(rule, error))
        return Verdict(then="restart", error=error)

    def end_with(self, task: str) -> None:
        """Have the tasks at work that begin again with this one end, also those to be taken up."""
        self.due |= dict.fromkeys(self.others(task, self._running), task)

    def others(self, task: str, running: Iterable[str]) -> list[str]:
        """The running tasks that end and begin again with this one, in the order of their start."""
        if self._rule is None or self._rule.strategy == "one_for_one" or task not in self._order:
            return []
        order = list(self._order)
        if self._rule.strategy == "rest_for_one":
            order = order[order.index(task) :]
        wanted = set(running) - {task}
        return [name for name in order if name in wanted]

    def _recent(self, task: str, rule: Supervision) -> list[datetime]:
        since = self._now() - timedelta(seconds=rule.window)
        return [at for at in self._restarts.get(task, ()) if at > since]


def _too_often(rule: Supervision, error: Failure | None) -> Failure:
    window = limit_words("time", rule.window)
    message = f"started again {rule.max_restarts} times within {window}, the most allowed"
    hint = "mend its cause, or raise `max_restarts` in the `supervision` of the team"
    if error is None:
        return Failure(title="Restarts", message=message, hint=hint)
    hint = f"{error.hint}; or raise `max_restarts` of the team" if error.hint else hint
    return Failure(title=error.title, message=f"{error.message}; {message}", hint=hint)
