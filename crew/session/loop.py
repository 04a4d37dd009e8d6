"""A session from its first entry to its final event."""

import anyio

from crew.entries import NoticeEntry, SystemEntry, TextEntry, UserEntry
from crew.errors import CrewError, OverBudgetError, StoreError
from crew.events import SessionStarted, SteerDelivered
from crew.records import Failure, Status
from crew.session.calls import run_tool
from crew.session.ending import cut, end, last_text
from crew.session.environment import Environment
from crew.session.gate import Latch
from crew.session.past import Past
from crew.session.session import Session
from crew.session.spec import SessionSpec
from crew.session.step import Action, agent_step, ask_model, finish_turn
from crew.session.toolset import SUBMIT

REMINDERS = 3
"""How often a model that stops without a result is asked for it."""

_LAST_WORDS = 300
"""Characters of what it said instead that its failure repeats."""


def open_session(
    spec: SessionSpec,
    env: Environment,
    *,
    parent: Session | None = None,
    run_latch: Latch = Latch.OPEN,
) -> Session:
    """Make a session, announce it, and write what its model will be told.

    One that an earlier process of the run began is taken up where it stood.

    Raises:
        ModelError: One of its models can't be had.
        StoreError: The disk refused its transcript, and with it the run.
    """
    try:
        past = env.past(spec.id)
    except StoreError as error:  # who can't be taken up can't be told to end either
        raise env.recorder.fail(error) from error
    session = Session(
        spec,
        env,
        env.toolbox.toolset(spec),
        ask=ask_model,
        run=run_tool,
        parent=parent,
        run_latch=run_latch,
        past=past,
    )
    if past is None or not past.standing.announced:
        _announce(session)
    if past is None or not past.begun:
        names = tuple(schema.name for schema in session.toolset.schemas)
        session.append(
            SystemEntry(text=spec.system, model=session.model.name, tools=names),
            UserEntry(text=spec.prompt),
        )
    if past is not None:
        _write_what_was_lost(session, past)
    return session


def _announce(session: Session) -> None:
    spec = session.spec
    session.record(
        SessionStarted(
            role=spec.role,
            agent=spec.agent.name,
            model=session.model.name,
            parent=spec.parent,
            call=spec.call,
            depth=spec.depth,
            attempt=spec.attempt,
            max_turns=spec.agent.max_turns,
            title=spec.title,
        )
    )


def _write_what_was_lost(session: Session, past: Past) -> None:
    """Keep the text that was in flight, and journal the deliveries that the journal lacks."""
    if past.in_flight:
        session.append(TextEntry(text=past.in_flight, partial=True))
    for message, turn in past.seen.items():
        if message not in past.standing.told:
            session.record(SteerDelivered(command=message, turn=turn))


async def run_session(session: Session) -> None:
    """Run a session to its final event. Its errors end it; only the run's own reach the run."""
    try:
        if session.spec.timeout is not None:
            session.env.nursery.start_soon(_deadline, session, session.spec.timeout)
        status, error = Status.CANCELLED, None
        with session.body:
            session.enter(Status.RUNNING, "goes on" if session.past is not None else "")
            status, error = await _loop(session)
        if session.body.cancelled_caught and session.cause is not None:
            status, error = session.cause
        await end(session, status, error)
    except anyio.get_cancelled_exc_class():
        await end(session, Status.CANCELLED, Failure(title="Cancelled", message="the run ended"))
        raise
    except Exception as raised:  # what a session can't survive is the run's to handle
        session.env.fail(raised)
    finally:
        if not session.closing:  # else whoever ends it says so, once its final event is on disk
            session.ended.set()


async def _loop(session: Session) -> tuple[Status, Failure | None]:
    limit, past = session.agent.max_turns, session.past
    while past is not None or session.turn < limit:
        step = await (agent_step(session) if past is None else finish_turn(session, past))
        past = None
        if session.closing:  # it was ended over its head, while a tool could not be cut short
            return Status.CANCELLED, None
        if step.error is not None:
            return _failed(session, step.error)
        if step.action is Action.DONE and not _goes_on(session):
            return _stopped(session)
    if session.submitted is not None:
        return Status.COMPLETED, None
    message = f"no result after {limit} turns"
    return Status.MAX_TURNS, Failure(title="Turn limit", message=message, hint="raise max_turns")


def _goes_on(session: Session) -> bool:
    """Whether a session whose model stopped has a reason for another turn, and set it up."""
    if session.turn >= session.agent.max_turns:
        return False
    if session.inbox.steers:
        return True
    if session.inbox.has_follow_ups:
        session.follow_up_due = True
        return True
    if session.submitted is not None or session.reminders == REMINDERS:
        return False
    session.reminders += 1
    session.forced_tool = SUBMIT
    session.tell(
        f"You stopped without submitting a result. Call {SUBMIT} now with what you have; "
        f"reminder {session.reminders} of {REMINDERS}.",
        source="reminder",
    )
    return True


def _stopped(session: Session) -> tuple[Status, Failure | None]:
    if session.submitted is not None:
        return Status.COMPLETED, None
    if session.turn >= session.agent.max_turns and session.reminders < REMINDERS:
        message = f"no result after {session.turn} turns"
        return Status.MAX_TURNS, Failure(
            title="Turn limit", message=message, hint="raise max_turns"
        )
    message = f"the model stopped without a result, {REMINDERS} reminders later too"
    if said := " ".join(session.env.recorder.redact.plain(last_text(session)).split()):
        message += f'; it said last: "{said[:_LAST_WORDS]}"'
    hint = "its last text is kept, unverified"
    return Status.NEEDS_ATTENTION, Failure(title="No result", message=message, hint=hint)


def _failed(session: Session, error: CrewError) -> tuple[Status, Failure | None]:
    if isinstance(error, OverBudgetError) and session.submitted is not None:
        session.append(NoticeEntry(text=f"{error.message}; its result stands"))
        return Status.COMPLETED, None
    failure = Failure(title=error.title, message=error.message, hint=error.hint)
    over = isinstance(error, OverBudgetError)
    return (Status.OVER_BUDGET if over else Status.FAILED), failure


async def _deadline(session: Session, seconds: float) -> None:
    """End the session once it has worked that long; time in which it was held does not count."""
    while (left := seconds - session.worked.seconds) > 0:
        with anyio.move_on_after(left):
            await session.ended.wait()
            return
    message = f"not done within {seconds:g} s"
    cut(session, Status.FAILED, Failure(title="Timeout", message=message, hint="raise timeout"))
