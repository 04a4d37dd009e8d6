"""Budgets: tokens that a session or a run may spend, checked before each model request."""

from typing import TYPE_CHECKING

from crew.errors import OverBudgetError
from crew.models.answer import Answer
from crew.models.protocol import ModelRequest
from crew.records import NO_USAGE, Usage
from crew.session.middleware import AskModel, Middleware

if TYPE_CHECKING:
    from crew.session.session import Session


class RunBudget:
    """What all sessions of a run spend together.

    Args:
        tokens: The limit; None for none.
    """

    def __init__(self, tokens: int | None = None) -> None:
        self.limit = tokens
        self.spent = NO_USAGE

    def settle(self, usage: Usage) -> None:
        """Count what a model request cost."""
        self.spent = self.spent + usage


class BudgetGuard(Middleware):
    """No model request begins once the session's or the run's tokens are spent."""

    def __init__(self, run: RunBudget) -> None:
        self._run = run

    async def model(self, session: "Session", request: ModelRequest, proceed: AskModel) -> Answer:
        """Ask if something is left, and settle what it cost."""
        _check("the run", self._run.spent.tokens, self._run.limit)
        _check(session.spec.id, session.usage.tokens, session.spec.agent.budget.tokens)
        answer = await proceed(request)
        self._run.settle(answer.usage)
        return answer


def _check(who: str, spent: int, limit: int | None) -> None:
    if limit is not None and spent >= limit:
        raise OverBudgetError(
            f"{who} has spent {spent:,} of {limit:,} tokens", hint="raise the budget: --budget"
        )
