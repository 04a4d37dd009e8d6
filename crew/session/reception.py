"""How a session takes a command: refused with a reason, or acted on at once."""

from typing import assert_never

from crew.commands import Cancel, FollowUp, Pause, Resume, Steer, Step
from crew.errors import CommandError, SessionEndedError
from crew.records import Failure, Status
from crew.session.ending import bound_turn, cut
from crew.session.gate import Latch
from crew.session.session import Session

SessionCommand = Steer | FollowUp | Pause | Resume | Step | Cancel


def accept(session: Session, command: SessionCommand) -> None:
    """Act on a command for this session.

    Nothing is awaited: when this returns, the command has taken effect or is queued, and what it
    leads to comes later than whatever the caller writes next.

    Raises:
        CommandError: It is refused and nothing changed.
    """
    if session.closing:
        raise SessionEndedError(f"{session.spec.id} has ended: {session.status.value}")
    match command:
        case Steer():
            session.inbox.put(command)
            if command.interrupt == "immediate":
                session.interrupt()
        case FollowUp():
            session.inbox.put(command)
        case Pause():
            session.gate.pause(Latch.HARD if command.hard else Latch.SOFT)
            if command.hard:
                cut_request(session)
        case Resume():
            session.gate.resume()
        case Step():
            session.gate.step()
        case Cancel(scope="turn"):
            _cancel_turn(session)
        case Cancel():
            reason = command.why
            cut(session, Status.CANCELLED, Failure(title="Cancelled", message=reason))
        case _:
            assert_never(command)


def cut_request(session: Session) -> None:
    """Cut the model request in flight, if one is; the session asks again when it goes on."""
    if session.current_request is not None:
        session.current_request.cancel()


def _cancel_turn(session: Session) -> None:
    if session.current_turn is None:
        raise CommandError(f"{session.spec.id}: no turn is running")
    session.current_turn.cancel()
    bound_turn(session)
