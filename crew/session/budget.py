"""Budgets of sessions, tasks and a run: each request reserves before it is made, settles after.

A limit is passed by one turn at most, as far as no answer is larger than what was reserved for
it: its estimated input and as much output as the largest answer so far, at least `OUTPUT`.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeGuard

import anyio

from crew.budget import NO_BUDGET, Budget
from crew.config import Price
from crew.definitions.parsed import SESSION_TOOLS
from crew.definitions.types import Agent
from crew.entries import (
    Entry,
    Outcome,
    PermissionEntry,
    ToolResultEntry,
    UsageEntry,
    UserEntry,
)
from crew.records import Status, Usage
from crew.session.account import Account, Estimate

if TYPE_CHECKING:
    from crew.session.session import Session

OUTPUT = 4_000
"""Tokens of output that are reserved at least."""

LAST_WORDS = "Last call by the"
"""How the word to a model begins that must submit what it has; the limit follows, and a colon."""

_MILLION = 1_000_000

Accounts = tuple[Account, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSession:
    """A session of an earlier process, by what its transcript has."""

    id: str
    agent: Agent
    task: str | None
    entries: Sequence[Entry]


class RunBudget:
    """All accounts of a run.

    Args:
        budget: The run's own.
        of_task: The budget of a task, by its id.
        price: What a model's tokens cost, by its name; None when unknown.
    """

    def __init__(
        self,
        budget: Budget = NO_BUDGET,
        *,
        of_task: Callable[[str], Budget] = lambda _: NO_BUDGET,
        price: Callable[[str], Price | None] = lambda _: None,
    ) -> None:
        mend = "with --budget, or in the `budget` of the team"
        self._run = Account("the run", budget, mend=mend)
        self._of_task = of_task
        self._price = price
        self._tasks: dict[str, Account] = {}
        self._sessions: dict[str, Accounts] = {}
        self._results: dict[str, int] = {}
        self._prices: dict[str, Price | None] = {}
        self._largest_tokens = 0
        self._largest_cost: float | None = None
        self._tickets = 0
        self._changed = anyio.Event()

    @property
    def spent(self) -> Usage:
        """What all sessions of the run spent together."""
        return self._run.usage

    def accounts(self, id: str, agent: Agent, task: str | None) -> Accounts:
        """The accounts with limits that a session spends from."""
        found = self._sessions.get(id)
        if found is None:
            own = Account(
                f"session {id}", agent.budget, mend=f"in the `budget` of agent {agent.name}"
            )
            every = (own, *([self._task(task)] if task is not None else []), self._run)
            found = self._sessions[id] = tuple(account for account in every if account.limits)
        return found

    @property
    def last_calls(self) -> list[str]:
        """The limits for which sessions had to submit what they had, in words."""
        own = (account for accounts in self._sessions.values() for account in accounts)
        found = {words for account in (self._run, *own) for words in account.last_calls}
        return sorted(found)

    def over(self, task: str) -> bool:
        """Whether the run or a task may spend nothing more, so that trying again is no use."""
        now = anyio.current_time()
        return any(account.over(now) is not None for account in (self._task(task), self._run))

    def _task(self, task: str) -> Account:
        if task not in self._tasks:
            self._tasks[task] = Account(
                f"task {task}", self._of_task(task), mend=f"in the `budget` of the step of {task}"
            )
        return self._tasks[task]

    def begin_anew(self, tasks: Iterable[str]) -> None:
        """Forget what tasks have spent that a person runs again; the run's own account stays."""
        for task in tasks:
            self._tasks.pop(task, None)

    def restore(self, sessions: Iterable[PastSession]) -> None:
        """Count what the sessions of earlier processes spent, as their transcripts tell."""
        stretches: dict[Account, list[tuple[float, float]]] = {}
        past: list[tuple[float, Accounts, Entry]] = []
        for session in sessions:
            accounts = self.accounts(session.id, session.agent, session.task)
            self._results[session.id] = 0
            for account in accounts:
                stretches.setdefault(account, []).extend(_stretches(session.entries))
            for entry in session.entries:
                self._results[session.id] += isinstance(entry, ToolResultEntry)
                past.append((entry.at.timestamp(), accounts, entry))
        for _, accounts, entry in sorted(past, key=lambda item: item[0]):
            if isinstance(entry, UsageEntry):
                self.settle(accounts, entry.usage)
            elif isinstance(entry, ToolResultEntry):
                _count(accounts, entry)
            elif is_last_call(entry):
                words = entry.text.removeprefix(LAST_WORDS).partition(":")[0]
                self._run.last_calls.add(words.strip())
        for account, worked in stretches.items():
            account.worked(worked)

    def settle(self, accounts: Accounts, usage: Usage) -> None:
        """Count what an answered request cost."""
        self._largest_tokens = max(self._largest_tokens, usage.tokens)
        if usage.cost is not None:
            self._largest_cost = max(self._largest_cost or 0.0, usage.cost)
        if self._run not in accounts:
            self._run.settle(usage)
        for account in accounts:
            account.settle(usage)

    def count_results(self, session: "Session", accounts: Accounts) -> None:
        """Count the tool results of a session that are new, where failures are limited."""
        if not any("errors" in account.limits for account in accounts):
            return
        results = [entry for entry in session.messages if isinstance(entry, ToolResultEntry)]
        for entry in results[self._results.get(session.spec.id, 0) :]:
            _count(accounts, entry)
        self._results[session.spec.id] = len(results)

    def estimate(
        self, accounts: Accounts, model: str, tokens: float, output: float
    ) -> tuple[Estimate, Estimate]:
        """What a request will likely spend, and what is reserved for it.

        Args:
            tokens: Of its input.
            output: Tokens of the session's last answer.
        """
        more = max(OUTPUT - output, 0.0)
        most = max(tokens + output + more, self._largest_tokens)
        if not any("cost" in account.limits for account in accounts):
            free = Estimate(tokens=tokens + output, cost=0.0)
            return free, replace(free, tokens=most)
        price = self._priced(model)
        if price is None:
            known = math.inf if self._largest_cost is None else self._largest_cost
            return Estimate(tokens=tokens + output, cost=0.0), Estimate(tokens=most, cost=known)
        cost = (tokens * price.input + output * price.output) / _MILLION
        dearest = max(cost + more * price.output / _MILLION, self._largest_cost or 0.0)
        likely = Estimate(tokens=tokens + output, cost=cost)
        return likely, Estimate(tokens=most, cost=dearest)

    def _priced(self, model: str) -> Price | None:
        if model not in self._prices:
            self._prices[model] = self._price(model)
        return self._prices[model]

    async def reserve(self, session: "Session", accounts: Accounts, estimate: Estimate) -> int:
        """Wait until the request fits beside the others, and reserve what it is expected to cost.

        Returns:
            The ticket that gives it back.

        Raises:
            OverBudgetError: A limit is reached.
        """
        while (ticket := await self._admitted(session, accounts, estimate)) is None:
            await session.checkpoint()
        for account in accounts:
            account.reserve(ticket, estimate)
        self._notify()
        return ticket

    async def _admitted(
        self, session: "Session", accounts: Accounts, estimate: Estimate
    ) -> int | None:
        """The ticket of who may begin; None when the session was paused while it waited."""
        self._tickets += 1
        ticket = self._tickets
        for account in accounts:
            account.queue(ticket)
        try:
            if self._fits(accounts, ticket, estimate):
                return ticket
            session.enter(Status.WAITING, "what others have reserved of the budget")
            try:
                while not session.gate.held and not self._fits(accounts, ticket, estimate):
                    await self._changed.wait()
            finally:
                session.leave_waiting()
            if not session.gate.held:
                await session.deliver_messages()  # what came in meanwhile belongs into this request
                return ticket
        except BaseException:
            self.release(accounts, ticket)
            raise
        self.release(accounts, ticket)
        return None

    def _fits(self, accounts: Accounts, ticket: int, estimate: Estimate) -> bool:
        now = anyio.current_time()
        for account in accounts:
            if error := account.over(now):
                raise error
        return all(account.admits(ticket, estimate) for account in accounts)

    def release(self, accounts: Accounts, ticket: int) -> None:
        """Give back what is reserved."""
        for account in accounts:
            account.leave(ticket)
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


@contextmanager
def at_work(accounts: Accounts) -> Iterator[None]:
    """A stretch of work, counted and cut where a limit of time is reached.

    Raises:
        OverBudgetError: It was cut.
    """
    began = anyio.current_time()
    for account in accounts:
        account.begin_work(began)
    timed = [account for account in accounts if "time" in account.limits]
    left = min(
        (account.limits["time"] - account.spent("time", began) for account in timed),
        default=math.inf,
    )
    try:
        with anyio.CancelScope(deadline=began + left) as scope:
            yield
    finally:
        now = anyio.current_time()
        for account in accounts:
            account.end_work(now)
    if scope.cancelled_caught:
        first = min(timed, key=lambda account: account.limits["time"] - account.spent("time", now))
        raise first.error("time", first.spent("time", now))


def is_last_call(entry: Entry) -> TypeGuard[UserEntry]:
    """Whether it is the word to a model that it must submit what it has."""
    if not isinstance(entry, UserEntry) or entry.source != "crew":
        return False
    return entry.text.startswith(LAST_WORDS)


def _count(accounts: Accounts, result: ToolResultEntry) -> None:
    if result.outcome in (Outcome.OK, Outcome.ERROR):
        for account in accounts:
            account.ended(well=result.outcome is Outcome.OK)


def _stretches(entries: Sequence[Entry]) -> Iterator[tuple[float, float]]:
    """When a session was at work; a call that waited for a person began with the permission."""
    allowed = {e.call_id: e.at.timestamp() for e in entries if isinstance(e, PermissionEntry)}
    for entry in entries:
        ended = entry.at.timestamp()
        if isinstance(entry, UsageEntry):
            yield ended - entry.ms / 1000, ended
        elif isinstance(entry, ToolResultEntry) and entry.tool not in SESSION_TOOLS:
            yield max(ended - entry.ms / 1000, allowed.get(entry.call_id, -math.inf)), ended
