"""`agent_step()`: exactly one turn of a session, one model request and the tool calls it asked for.

    drain the inbox -> ask the model -> [checkpoint] -> call, [checkpoint], call, ... -> done

The model's answer is on disk before any of its calls runs, and every call gets exactly one
result, whatever cuts the turn short.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import anyio
import anyio.lowlevel

from crew.entries import Message, Outcome
from crew.errors import CrewError, ModelError
from crew.models.answer import LENGTH, Answer, AnswerBuilder
from crew.models.protocol import ModelRequest, NoticeDelta, TextDelta, ThinkingDelta
from crew.session.calls import run_calls, settle_calls
from crew.session.past import Past
from crew.session.retry import tell_person
from crew.session.session import Session

TOO_LONG = "Your answer ran into the limit of its length. Go on, in smaller steps."


class Action(StrEnum):
    """What the loop does next."""

    CONTINUE = "continue"
    DONE = "done"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What one turn came to.

    Attributes:
        messages: What the turn added to the conversation, in order.
        error: Set when `action` is ERROR.
    """

    action: Action
    messages: tuple[Message, ...]
    turn: int
    error: CrewError | None = None


async def agent_step(session: Session) -> StepResult:
    """Run one turn; raises nothing but cancellation of the whole session."""

    async def turn() -> Action:
        await session.checkpoint()
        session.begin_turn()
        return await _cancellable(session, partial(_turn, session))

    result = await _reported(session, turn)
    session.gate.turn_ended()
    return result


async def finish_turn(session: Session, past: Past) -> StepResult:
    """Bring the turn to its end in which a session was interrupted; like `agent_step`."""
    return await _reported(
        session, partial(_cancellable, session, partial(_rest_of_turn, session, past))
    )


async def _reported(session: Session, turn: Callable[[], Awaitable[Action]]) -> StepResult:
    before = len(session.messages)
    error: CrewError | None = None
    try:
        action = await turn()
    except Exception as raised:  # a turn reports what went wrong, whatever it was
        action, error = Action.ERROR, as_crew_error(raised)
    return StepResult(
        action=action, messages=tuple(session.messages[before:]), turn=session.turn, error=error
    )


async def _cancellable(session: Session, turn: Callable[[], Awaitable[Action]]) -> Action:
    with anyio.CancelScope() as scope:
        session.current_turn = scope
        try:
            return await turn()
        finally:
            session.current_turn = None
    session.close_open_calls(Outcome.CANCELLED, "cancelled: the person cancelled this turn")
    session.tell("The person cancelled this turn. Do not repeat it; go on with what is left.")
    return Action.CONTINUE


async def _rest_of_turn(session: Session, past: Past) -> Action:
    if past.cut_by_length:
        session.tell(TOO_LONG)
    await settle_calls(session, past)
    # One that is only taken up to end may have its result already, and nothing else to wait for.
    await anyio.lowlevel.checkpoint_if_cancelled()
    return Action.DONE if past.stopped else Action.CONTINUE


async def _turn(session: Session) -> Action:
    submitted = session.submitted
    answer, ms = await _ask(session)
    calls = session.keep(answer, ms)
    if not calls and answer.stop == LENGTH:
        session.tell(TOO_LONG)
        return Action.CONTINUE
    if not calls:
        return Action.DONE
    await run_calls(session, calls)
    return Action.CONTINUE if session.submitted is submitted else Action.DONE


async def _ask(session: Session) -> tuple[Answer, int]:
    """Ask until there is an answer: a hard pause cuts the request, and it is asked again.

    Returns:
        The answer, and how many milliseconds it took.
    """
    while True:
        await session.deliver_messages()
        with anyio.CancelScope() as scope:
            session.current_request, began = scope, anyio.current_time()
            try:
                answer = await session.chain.model(session.request())
                return answer, _ms_since(began)
            finally:
                session.current_request = None
        await session.checkpoint()


async def ask_model(session: Session, request: ModelRequest) -> Answer:
    """The innermost model call: stream one answer, keeping what there is of it when it is cut."""
    builder = AnswerBuilder(new_id=session.env.new_id, taken=session.call_ids)
    try:
        async with session.model.stream(request) as deltas:
            async for delta in deltas:
                if isinstance(delta, NoticeDelta):
                    tell_person(session, delta.text)
                    continue
                builder.add(delta)
                if isinstance(delta, TextDelta | ThinkingDelta):
                    session.meter.streamed(delta.text)
                    session.log.stream(delta.text)
                    session.log.touch()
        return builder.finish()
    except (ModelError, anyio.get_cancelled_exc_class()):
        session.append(*builder.partial())
        session.meter.cut()
        raise


def as_crew_error(raised: Exception) -> CrewError:
    """The error itself, the first one of a group, or a word on what must be a bug."""
    while isinstance(raised, ExceptionGroup):
        raised = raised.exceptions[0]
    if isinstance(raised, CrewError):
        return raised
    return CrewError(
        f"{type(raised).__name__}: {raised}", hint="this is a bug in crew; please report it"
    )


def _ms_since(began: float) -> int:
    return round((anyio.current_time() - began) * 1000)
