"""What a person can do to a run or a session now, and which command a key means."""

from enum import StrEnum
from typing import assert_never

from crew.commands import (
    Answer,
    Cancel,
    Command,
    FollowUp,
    Pause,
    Resume,
    Retry,
    Steer,
    Step,
)
from crew.records import Status
from crew.view.state import CommandView, RunView, SessionView
from crew.view.words import one_line


class Deed(StrEnum):
    """Something that a person may do."""

    STEER = "steer"
    FOLLOW_UP = "follow_up"
    PAUSE = "pause"
    PAUSE_HARD = "pause_hard"
    RESUME = "resume"
    STEP = "step"
    CANCEL = "cancel"
    ANSWER = "answer"
    PAUSE_RUN = "pause_run"
    RESUME_RUN = "resume_run"
    CANCEL_RUN = "cancel_run"


def possible(view: RunView, session: str | None) -> frozenset[Deed]:
    """What the engine would accept now, as far as the journal tells.

    Args:
        view: The run.
        session: The session that is selected, if one is.
    """
    if view.over or view.started is None or view.status is Status.INTERRUPTED:
        return frozenset()
    deeds = {Deed.CANCEL_RUN}
    deeds.add(Deed.RESUME_RUN if view.status is Status.PAUSED else Deed.PAUSE_RUN)
    if view.asks:
        deeds.add(Deed.ANSWER)
    known = view.sessions.get(session or "")
    if known is None or known.over:
        return frozenset(deeds)
    deeds |= {Deed.STEER, Deed.FOLLOW_UP, Deed.CANCEL}
    if held(view, known.id):
        deeds.add(Deed.RESUME if known.status is Status.PAUSED else Deed.PAUSE_HARD)
        deeds.add(Deed.STEP)
    elif known.status is Status.PAUSED:
        deeds |= {Deed.PAUSE, Deed.STEP}
    else:
        deeds.add(Deed.PAUSE)
    return frozenset(deeds)


def held(view: RunView, session: str) -> bool:
    """Whether a session's own latch is closed: its last accepted pause or resume was a pause."""
    latest: CommandView | None = None
    for known in view.commands.values():
        mine = isinstance(known.command, Pause | Resume) and known.command.session == session
        if mine and known.state == "accepted":
            latest = known
    return latest is not None and isinstance(latest.command, Pause)


def pausing(view: RunView, known: SessionView) -> bool:
    """Whether a session still works, but was asked to hold at its next checkpoint."""
    if known.status is not Status.RUNNING or known.asks:
        return False
    return view.status is Status.PAUSED or (bool(view.commands) and held(view, known.id))


def pause_deed(view: RunView, session: str) -> Deed | None:
    """What the pause key means for a session: hold it, hold it harder, let it go on."""
    can = possible(view, session)
    for deed in (Deed.RESUME, Deed.PAUSE_HARD, Deed.PAUSE):
        if deed in can:
            return deed
    return None


def command_for(deed: Deed, *, command: str, session: str, text: str = "") -> Command:
    """The command that a deed is; an answer has one of its own.

    Args:
        deed: What is to be done.
        command: The new command's id.
        session: The session it is done to; unused for what is done to the run.
        text: What is said, for a steer or follow-up.
    """
    match deed:
        case Deed.STEER:
            return Steer(id=command, session=session, text=text)
        case Deed.FOLLOW_UP:
            return FollowUp(id=command, session=session, text=text)
        case Deed.PAUSE | Deed.PAUSE_HARD:
            return Pause(id=command, session=session, hard=deed is Deed.PAUSE_HARD)
        case Deed.RESUME:
            return Resume(id=command, session=session)
        case Deed.STEP:
            return Step(id=command, session=session)
        case Deed.CANCEL:
            return Cancel(id=command, session=session, reason="by the person")
        case Deed.PAUSE_RUN:
            return Pause(id=command)
        case Deed.RESUME_RUN:
            return Resume(id=command)
        case Deed.CANCEL_RUN:
            return Cancel(id=command, reason="by the person")
        case Deed.ANSWER:
            raise ValueError("an answer names its request")
        case _:
            assert_never(deed)


def reply_words(view: RunView, reply: CommandView) -> tuple[bool, str]:
    """What became of a command, as the journal has it: whether it went well, and words."""
    command = reply.command
    target = getattr(command, "session", None) or getattr(command, "task", None)
    who = one_line(target) if target else "the run"
    what = f"{_NAMES[type(command)]} {who}"
    if isinstance(command, Answer):
        what = "answer"
    match reply.state:
        case "accepted":
            told = _ACCEPTED.get(type(command), "accepted")
            known = view.sessions.get(target or "")
            if isinstance(command, Pause) and known is not None:
                told = _pause_words(view, command, known)
            return True, f"{what}: {told}"
        case "delivered":
            return True, f"{what}: delivered at turn {reply.turn}"
        case "undelivered":
            return False, f"{what}: not delivered: {one_line(reply.reason)}"
        case "refused":
            return False, f"{what}: refused: {one_line(reply.reason)}"


def _pause_words(view: RunView, command: Pause, known: SessionView) -> str:
    if known.status is Status.PAUSED:
        return "paused"
    if known.over:
        return "it ended first"
    children = (view.sessions.get(name) for name in known.children)
    if any(child is not None and not child.over for child in children):
        return "holds when its children end"
    return "at once" if command.hard else "holds at its next checkpoint; pause again: at once"


_NAMES: dict[type, str] = {
    Steer: "steer",
    FollowUp: "follow-up",
    Pause: "pause",
    Resume: "resume",
    Step: "step",
    Cancel: "cancel",
    Retry: "retry",
    Answer: "answer",
}

_ACCEPTED: dict[type, str] = {
    Steer: "accepted, in the next request",
    FollowUp: "accepted, for after its work",
    Pause: "accepted",
    Resume: "goes on",
    Step: "one turn",
    Cancel: "accepted",
    Retry: "accepted, runs again with what depends on it",
    Answer: "taken",
}
