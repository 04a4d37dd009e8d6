"""How a session ends: one function writes its one final event, whatever the cause.

A cut is a message first and force second: the session's task is cancelled and has `CLEANUP`
seconds to leave in order; then it is ended over its head and what it still does is ignored.
"""

import anyio

from crew.entries import ErrorEntry, Outcome, ResultEntry, TextEntry
from crew.events import ResultSubmitted, SessionEnded, SteerUndelivered
from crew.records import ArtifactRef, Failure, Status, indented_json
from crew.session.session import Session
from crew.session.state import check_transition

CLEANUP = 3.0
"""Seconds that a cancelled session or turn may take to clean up."""


RESTARTED = "Restarted"
"""Titles the cause of an end after which the task begins again with another one."""


def for_restart(error: Failure | None) -> bool:
    """Whether a session was ended for its task to begin again."""
    return error is not None and error.title == RESTARTED


def cut(session: Session, status: Status, error: Failure | None) -> None:
    """Make a session end with this status; the first cause counts.

    That its task is to begin again gives way to any other: whom a person cancels stays cancelled.
    """
    if session.cause is None or for_restart(session.cause[1]):
        session.cause = (status, error)
    session.body.cancel()
    session.env.nursery.start_soon(_bound_cleanup, session)


async def _bound_cleanup(session: Session) -> None:
    with anyio.move_on_after(CLEANUP):
        await session.ended.wait()
        return
    await end(session, *(session.cause or (Status.CANCELLED, None)))


def bound_turn(session: Session) -> None:
    """End the session if its cancelled turn does not end in time."""
    session.env.nursery.start_soon(_bound_turn, session, session.turn)


async def _bound_turn(session: Session, turn: int) -> None:
    with anyio.move_on_after(CLEANUP):
        await session.ended.wait()
    if session.turn == turn and session.current_turn is not None:
        message = f"the cancelled turn did not end within {CLEANUP:.0f} s"
        cut(session, Status.CANCELLED, Failure(title="Cancelled", message=message))


async def end(session: Session, status: Status, error: Failure | None = None) -> None:
    """Write the session's final event, once, after its children's; later calls do nothing.

    When this returns, the event is on disk and announced, and whoever waits for the session is
    released: open permissions are denied, open tool calls answered, and messages that no turn
    saw are reported.

    Raises:
        StoreError: The run folder can't be written; waiters are released all the same.
    """
    if session.closing:
        return
    session.closing = True
    with anyio.CancelScope(shield=True):
        try:
            await _end_children(session)
            await _write_end(session, status, error)
        finally:
            session.ended.set()


async def _end_children(session: Session) -> None:
    failure = Failure(title="Cancelled", message=f"its parent {session.spec.id} ended")
    for child in list(session.children):  # one that has ended leaves it
        if not child.ended.is_set():
            child.body.cancel()
            await end(child, Status.CANCELLED, failure)
            await child.ended.wait()


async def _write_end(session: Session, status: Status, error: Failure | None) -> None:
    recorder = session.env.recorder
    session.env.approvals.deny(session.spec.id, "the session ended")
    session.close_open_calls(Outcome.CANCELLED, "cancelled: the session ended")
    # What an entry names is on the disk before it, and what an event names before that.
    session.result = _store_result(session, status)
    await recorder.settle()
    _report_messages(session, status)
    submitted = _append_end(session, status, error)
    session.log.sync()
    await recorder.settle()
    if submitted is not None:
        session.record(submitted)
    check_transition(session.status, status)
    session.status, session.error = status, error
    session.log.end()
    await recorder.commit(
        SessionEnded(
            session=session.spec.id,
            task=session.spec.task,
            status=status,
            error=error,
            turns=session.turn,
            tools=session.meter.tools,
            usage=session.usage,
            result=session.result,
        )
    )


def _store_result(session: Session, status: Status) -> ArtifactRef | None:
    artifacts, name = session.env.recorder.artifacts, session.spec.id
    if status is Status.COMPLETED and session.submitted is not None:
        return artifacts.put(f"{name}.result.json", indented_json(session.submitted))
    if status is Status.NEEDS_ATTENTION and (text := last_text(session)):
        return artifacts.put(f"{name}.unverified.md", text.encode("utf-8", "backslashreplace"))
    return None


def _report_messages(session: Session, status: Status) -> None:
    """Journal what became of each message that its sender was promised to hear of."""
    session.tell_deliveries()
    for message in session.inbox.drain():
        reason = f"the session ended first: {status.value}"
        session.record(SteerUndelivered(command=message.id, reason=reason))


def _append_end(session: Session, status: Status, error: Failure | None) -> ResultSubmitted | None:
    """Write the last entries; gives the event of the result, where there is one."""
    submitted = None
    if status is Status.COMPLETED and session.result is not None:
        preview = _preview(session)
        written = session.past.results if session.past is not None else []
        if session.result not in [entry.artifact for entry in written]:
            session.append(ResultEntry(artifact=session.result, preview=preview))
        submitted = ResultSubmitted(result=session.result, preview=preview)
    if error is not None:
        session.append(ErrorEntry(title=error.title, text=error.message, hint=error.hint))
    return submitted


def _preview(session: Session) -> str:
    """One line of the result for people; secrets go first, since half of one is not recognised."""
    value = session.submitted or {}
    summary = value.get("summary")
    text = summary if isinstance(summary, str) else indented_json(value).decode()
    return " ".join(session.env.recorder.redact.plain(text).split())[:200]


def last_text(session: Session) -> str:
    """The last thing the model said in words; empty if it never did."""
    for message in reversed(session.messages):
        if isinstance(message, TextEntry):
            return message.text
    return ""
