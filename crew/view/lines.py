"""Events as plain lines for people: a time, who, what. One line an event, or none."""

from datetime import datetime, tzinfo
from typing import assert_never

from crew.commands import Answer, Cancel, Command, FollowUp, Pause, Resume, Retry, Steer, Step
from crew.events import (
    CommandAccepted,
    CommandRefused,
    Event,
    Notice,
    PermissionAnswered,
    PermissionAsked,
    ResultSubmitted,
    RunContinued,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    SessionEnded,
    SessionModel,
    SessionStarted,
    SessionStatus,
    SteerDelivered,
    SteerUndelivered,
    TaskAdded,
    TaskEnded,
    TasksReopened,
    TaskStarted,
    ToolBegan,
    Unknown,
)
from crew.records import Failure, Status, Usage
from crew.view.rows import status_words
from crew.view.words import counted, money, one_line, preview_line, tokens

NAME_WIDTH = 16


def event_line(event: Event, *, tz: tzinfo) -> str | None:
    """One line such as `12:04:31  code-review       started (reviewer, rules)`.

    Returns:
        None for an event that another one's line already tells.
    """
    words: str | None
    match event:
        case RunStarted() | RunPaused() | RunResumed() | RunContinued() | RunEnded():
            words = _run_words(event)
        case TaskAdded() | TaskStarted() | TaskEnded():
            words = _task_words(event)
        case TasksReopened():
            words = _again_words(event.tasks)
        case SessionStarted() | SessionStatus() | SessionEnded() | ResultSubmitted():
            words = _session_words(event)
        case CommandAccepted() | CommandRefused() | SteerDelivered() | SteerUndelivered():
            words = _command_words(event)
        case PermissionAsked():
            words = f"asks for permission: {one_line(event.tool)} {one_line(event.preview)}"
        case PermissionAnswered():
            words = _because(_ANSWERS[event.decision], event.reason)
        case Notice():
            words = one_line(event.text)
        case Unknown() | ToolBegan() | SessionModel():  # a notice tells why the model changes
            words = None
        case _:
            assert_never(event)
    if words is None:
        return None
    who = one_line(event.session or event.task or _target(event) or "run")
    return f"{clock(event.at, tz)}  {who:<{NAME_WIDTH}}  {words.rstrip()}"


def clock(at: datetime, tz: tzinfo) -> str:
    """The time of day, `12:04:31`."""
    return at.astimezone(tz).strftime("%H:%M:%S")


def usage_words(usage: Usage) -> str:
    """Tokens and cost: `12.3k tokens, $0.042`; empty when nothing was used."""
    if not usage.tokens:
        return ""
    words = tokens(usage)
    return words if usage.cost == 0 else f"{words}, {_cost(usage)}"


def command_words(command: Command) -> str:
    """What a command asks for: `steer: look at the tests`, `pause at once`."""
    match command:
        case Steer():
            return f"steer: {one_line(command.text)}"
        case FollowUp():
            return f"follow-up: {one_line(command.text)}"
        case Pause():
            return "pause at once" if command.hard else "pause"
        case Resume():
            return "resume"
        case Step():
            return "step"
        case Cancel():
            words = "cancel the turn" if command.scope == "turn" else "cancel"
            return _because(words, command.reason)
        case Retry():
            return f"retry {one_line(command.task)}" if command.task else "retry what failed"
        case Answer():
            return _because(f"answer: {_ANSWERS[command.decision]}", command.reason)
        case _:
            assert_never(command)


_ANSWERS = {
    "allow": "allowed",
    "allow_session": "allowed for this session",
    "deny": "denied",
}


def _run_words(
    event: RunStarted | RunPaused | RunResumed | RunContinued | RunEnded,
) -> str:
    match event:
        case RunStarted():
            goal = f": {one_line(event.goal)}" if event.goal.strip() else ""
            return f"started {event.run}, team {event.team}, model {event.model}{goal}"
        case RunPaused():
            return "paused"
        case RunResumed():
            return "goes on"
        case RunContinued(reason="retry"):
            return _again_words(event.tasks)
        case RunContinued(reason="fork"):
            return "goes on from there"
        case RunContinued():
            left = counted(event.leftovers, "command")
            ended = f"; {left} that still ran, ended" if event.leftovers else ""
            return f"was interrupted, and goes on{ended}"
        case RunEnded():
            words = _ended(event.status, event.error)
            used = usage_words(event.usage)
            return f"{words} ({used})" if used else words
        case _:
            assert_never(event)


def _again_words(tasks: tuple[str, ...]) -> str:
    return f"runs again: {', '.join(map(one_line, tasks))}"


def _task_words(event: TaskAdded | TaskStarted | TaskEnded) -> str | None:
    if not isinstance(event, TaskEnded):
        return None
    if event.restart:
        return f"attempt {event.attempt} {event.status}, its team's supervision starts it again"
    if event.retry:
        return f"attempt {event.attempt} {event.status}, trying again"
    # Its session's line has told it already; one that had no session is told here.
    if event.status == "completed" or (event.status == "cancelled" and event.attempt):
        return None
    words = "not reached" if event.status == "unreachable" else f"task {event.status}"
    return _because(words, event.error.message if event.error else "")


def _session_words(
    event: SessionStarted | SessionStatus | SessionEnded | ResultSubmitted,
) -> str | None:
    match event:
        case SessionStarted():
            facts = [event.agent, event.model]
            if event.parent:
                facts.append(f"for {event.parent}")
            if event.attempt > 1:
                facts.append(f"attempt {event.attempt}")
            return f"started ({', '.join(facts)})"
        case SessionStatus(status=Status.PAUSED):
            return _because("paused", "" if event.reason == "paused" else event.reason)
        case SessionStatus():
            return None
        case SessionEnded():
            facts = [counted(event.turns, "turn"), counted(event.tools, "tool call")]
            if used := usage_words(event.usage):
                facts.append(used)
            return f"{_ended(event.status, event.error)} ({', '.join(facts)})"
        case ResultSubmitted():
            preview = preview_line(event.preview)
            return f"result: {preview}" if preview else None
        case _:
            assert_never(event)


def _command_words(
    event: CommandAccepted | CommandRefused | SteerDelivered | SteerUndelivered,
) -> str | None:
    match event:
        case CommandAccepted(command=Answer() | Pause() | Resume(session=None) | Retry()):
            return None
        case CommandAccepted():
            return command_words(event.command)
        case CommandRefused():
            return _because(f"refused: {command_words(event.command)}", event.reason)
        case SteerDelivered():
            return f"message delivered at turn {event.turn}"
        case SteerUndelivered():
            return _because("message not delivered", event.reason)
        case _:
            assert_never(event)


def _target(event: Event) -> str:
    if isinstance(event, CommandAccepted | CommandRefused):
        return getattr(event.command, "session", None) or ""
    return ""


def _ended(status: Status, error: Failure | None) -> str:
    return _because(status_words(status), error.message if error else "")


def _because(words: str, reason: str) -> str:
    return f"{words}: {one_line(reason)}" if reason.strip() else words


def _cost(usage: Usage) -> str:
    return "cost unknown" if usage.cost is None else money(usage.cost)
