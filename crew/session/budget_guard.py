"""The middleware that keeps sessions to their budgets."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import anyio

from crew.budget import Budget, amount_words, limit_words
from crew.definitions.parsed import SESSION_TOOLS
from crew.entries import TextEntry, ThinkingEntry, ToolCallEntry, UserEntry
from crew.errors import ModelError
from crew.events import Notice
from crew.models.answer import Answer
from crew.models.protocol import ModelRequest
from crew.models.tokens import CHARS_A_TOKEN
from crew.session.account import Account, Estimate
from crew.session.budget import LAST_WORDS, Accounts, RunBudget, at_work
from crew.session.middleware import AskModel, Call, Middleware, RunTool, Stage
from crew.session.toolset import SUBMIT
from crew.tools.protocol import ToolOutput

if TYPE_CHECKING:
    from crew.session.session import Session

NOTICE = 0.8
"""The share of a limit at which the model is told."""

LAST_CALL = 0.95
"""The share of a limit at which the model must submit what it has."""


@dataclass(slots=True)
class _State:
    """What is known of one session.

    Attributes:
        output: Tokens of its last answer.
        told: How the notices begin that it was given.
    """

    output: float = 0.0
    told: set[str] = field(default_factory=set)


class BudgetGuard(Middleware):
    """No model request begins that no account has anything left for.

    At `NOTICE` of a limit the model is told, at `LAST_CALL`, or when the turn will likely reach
    the limit, it must submit.
    """

    def __init__(self, run: RunBudget) -> None:
        self._run = run
        self._states: WeakKeyDictionary[Session, _State] = WeakKeyDictionary()

    async def model(self, session: "Session", request: ModelRequest, proceed: AskModel) -> Answer:
        """Reserve, ask, settle."""
        run, spec = self._run, session.spec
        accounts = run.accounts(spec.id, spec.agent, spec.task)
        if not accounts:
            answer = await proceed(request)
            run.settle((), answer.usage)
            return answer
        run.count_results(session, accounts)
        state = self._state(session)
        likely, reserved = run.estimate(
            accounts, session.model.name, _input_tokens(session, request), state.output
        )
        ticket = await run.reserve(session, accounts, reserved)
        try:
            request = _told(session, state, accounts, likely, request)
            with at_work(accounts):
                answer = await proceed(request)
            run.settle(accounts, answer.usage)
        finally:
            run.release(accounts, ticket)
        state.output = answer.usage.output_tokens
        return answer

    def _state(self, session: "Session") -> _State:
        state = self._states.get(session)
        if state is None:
            said = (m for m in session.messages if isinstance(m, UserEntry) and m.source == "crew")
            told = {opening for m in said for opening in [m.text.partition(":")[0]]}
            state = self._states[session] = _State(told=told)
        return state


def _told(
    session: "Session",
    state: _State,
    accounts: Accounts,
    likely: Estimate,
    request: ModelRequest,
) -> ModelRequest:
    """The request as it is made where a limit is near."""
    now, forced = anyio.current_time(), False
    for account in accounts:
        for name, limit in account.limits.items():
            spent = account.spent(name, now)
            last = spent >= LAST_CALL * limit or spent + likely.of(name) >= limit
            forced = forced or last
            if last or spent >= NOTICE * limit:
                _tell(session, state, account, name, spent, last=last)
    if not forced:
        return request
    return replace(request, settings=replace(request.settings, tool_choice=SUBMIT))


def _tell(
    session: "Session", state: _State, account: Account, name: str, spent: float, *, last: bool
) -> None:
    """Tell the model and whoever watches, once; what was told is found in the transcript."""
    limit = limit_words(name, account.limits[name])
    whose = f"budget of {account.owner}, {limit}"
    final = f"{LAST_WORDS} {whose}"
    opening = final if last else f"The {whose}"
    if not state.told.isdisjoint((opening, final)):
        return
    state.told.add(opening)
    fact = f"{opening}: {amount_words(name, spent)} {'failed' if name == 'errors' else 'spent'}"
    if last:
        account.last_calls.add(whose)
        then = f"Call {SUBMIT} now with what you have, and say in it what you did not get to."
    else:
        then = "Keep to what matters most, and submit your result in good time."
    session.tell(f"{fact}. {then}")
    session.record(Notice(text=fact))


class FailureCount(Middleware):
    """Counts requests that failed, those too that are tried again. It stands inside the retry."""

    stage = Stage.RESOLVE

    def __init__(self, run: RunBudget) -> None:
        self._run = run

    async def model(self, session: "Session", request: ModelRequest, proceed: AskModel) -> Answer:
        """Pass the request on, and count its failure."""
        try:
            return await proceed(request)
        except ModelError:
            spec = session.spec
            for account in self._run.accounts(spec.id, spec.agent, spec.task):
                account.ended(well=False)
            raise


class WorkClock(Middleware):
    """Counts the time of tool calls, and cuts the one in which a limit of time is reached."""

    def __init__(self, run: RunBudget) -> None:
        self._run = run

    async def tool(self, session: "Session", call: Call, proceed: RunTool) -> ToolOutput:
        """Run the call while there is time."""
        spec = session.spec
        accounts = self._run.accounts(spec.id, spec.agent, spec.task)
        if not accounts or call.tool.name in SESSION_TOOLS:
            return await proceed(call)
        with at_work(accounts):
            return await proceed(call)


def _input_tokens(session: "Session", request: ModelRequest) -> float:
    """What the request's input will come to: the last one, its answer, and what came since."""
    known, new = session.meter.context_tokens, 0
    for message in reversed(request.messages):
        if known and isinstance(message, TextEntry | ThinkingEntry | ToolCallEntry):
            break
        new += (
            len(json.dumps(message.args))
            if isinstance(message, ToolCallEntry)
            else len(message.text)
        )
    if not known:
        new += len(request.system)
        new += sum(
            len(tool.description) + len(json.dumps(tool.parameters)) for tool in request.tools
        )
    return known + new / CHARS_A_TOKEN


def budget_middleware(run: RunBudget, budgets: Iterable[Budget]) -> tuple[Middleware, ...]:
    """The middleware that keeps a run to these budgets; what none of them needs is left out."""
    limited = {name for budget in budgets for name in budget.limits}
    clock = (WorkClock(run),) if "time" in limited else ()
    failures = (FailureCount(run),) if "errors" in limited else ()
    return (BudgetGuard(run), *clock, *failures)
