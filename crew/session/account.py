"""Accounts: what a session, a task or a run has spent of its budget, and what is reserved of it.

Time at work is the time in which at least one session of the account asks its model or runs a
tool. Pauses do not count, nor do waits for a person, for others' reservations or for a child.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from crew.budget import Budget, amount_words, limit_words
from crew.errors import OverBudgetError
from crew.records import NO_USAGE, Usage

WINDOW = 20
"""The error rate is that of so many requests and tool calls that ended last."""

LEAST = 10
"""Fewer than these have no error rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What one model request is expected to spend; `inf` where nothing is known."""

    tokens: float
    cost: float

    def of(self, limit: str) -> float:
        """The part that counts for one limit."""
        match limit:
            case "turns":
                return 1.0
            case "tokens":
                return self.tokens
            case "cost":
                return self.cost
            case _:
                return 0.0


class Account:
    """What one owner has spent.

    Args:
        owner: Whose it is, in words: `the run`, `task look`, `session look`.
        mend: Where its limits are raised, in words.

    Attributes:
        last_calls: The limits for which a session had to submit what it had, in words.
    """

    def __init__(self, owner: str, budget: Budget, *, mend: str) -> None:
        self.owner = owner
        self.limits = budget.limits
        self.usage = NO_USAGE
        self.last_calls: set[str] = set()
        self._mend = mend
        self._turns = 0
        self._outcomes: deque[bool] = deque(maxlen=WINDOW)
        self._reserved: dict[int, Estimate] = {}
        self._waiting: dict[int, None] = {}
        self._working = 0
        self._since = 0.0
        self._worked = 0.0

    # What is spent.

    def spent(self, limit: str, now: float) -> float:
        """How much of one limit is spent; a cost that is unknown is `inf`."""
        match limit:
            case "turns":
                return self._turns
            case "tokens":
                return self.usage.tokens
            case "cost":
                return math.inf if self.usage.cost is None else self.usage.cost
            case "time":
                return self._worked + (now - self._since if self._working else 0.0)
            case _:
                done = len(self._outcomes)
                return self._outcomes.count(False) / done if done >= LEAST else 0.0

    def over(self, now: float) -> OverBudgetError | None:
        """Why nothing more may be spent; None while something is left of every limit."""
        for name, limit in self.limits.items():
            spent = self.spent(name, now)
            if spent >= limit:
                return self.error(name, spent)
        return None

    def error(self, name: str, spent: float) -> OverBudgetError:
        """What to say of a limit that is reached."""
        words, hint = limit_words(name, self.limits[name]), f"raise `{name}` {self._mend}"
        if math.isinf(spent):
            return OverBudgetError(
                f"{self.owner} may spend {words}, and what an answer cost is unknown",
                hint=f"set the price of its model in config.toml, or remove `{name}` {self._mend}",
            )
        if name == "errors":
            return OverBudgetError(
                f"{self.owner}: {amount_words(name, spent)} of the last {len(self._outcomes)} "
                f"requests and tool calls failed, {words} end it",
                hint=hint,
            )
        return OverBudgetError(
            f"{self.owner} has spent {amount_words(name, spent)} of {words}", hint=hint
        )

    def settle(self, usage: Usage) -> None:
        """Count an answered model request."""
        self.usage += usage
        self._turns += 1
        self._outcomes.append(True)

    def ended(self, *, well: bool) -> None:
        """Count a tool call that ended, or a request that failed."""
        self._outcomes.append(well)

    # What is reserved.

    def queue(self, ticket: int) -> None:
        """Stand in line; tickets are drawn in rising order."""
        self._waiting[ticket] = None

    def leave(self, ticket: int) -> None:
        """Leave the line, and give back what was reserved."""
        self._waiting.pop(ticket, None)
        self._reserved.pop(ticket, None)

    def admits(self, ticket: int, estimate: Estimate) -> bool:
        """Whether a request may begin: nobody waits before it, and it fits beside the open ones.

        Alone it always may: that is the one turn by which a limit can be passed.
        """
        if next(iter(self._waiting)) != ticket:
            return False
        if not self._reserved:
            return True
        return all(
            self.spent(name, 0.0)
            + sum(open_.of(name) for open_ in self._reserved.values())
            + estimate.of(name)
            <= limit
            for name, limit in self.limits.items()
            if name in ("turns", "tokens", "cost")
        )

    def reserve(self, ticket: int, estimate: Estimate) -> None:
        """Leave the line with a reservation."""
        self._waiting.pop(ticket, None)
        self._reserved[ticket] = estimate

    # Time at work.

    def begin_work(self, now: float) -> None:
        """One more of its sessions is at work."""
        if self._working == 0:
            self._since = now
        self._working += 1

    def end_work(self, now: float) -> None:
        """One less of its sessions is at work."""
        self._working -= 1
        if self._working == 0:
            self._worked += now - self._since

    def worked(self, stretches: Iterable[tuple[float, float]]) -> None:
        """Count stretches of an earlier process's work; where they overlap, once."""
        until = -math.inf
        for began, ended in sorted(stretches):
            self._worked += max(0.0, ended - max(began, until))
            until = max(until, ended)
