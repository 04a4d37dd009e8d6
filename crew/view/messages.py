"""What was said between a person and the sessions, and between sessions; in the order it was said.

A message keeps its place; what becomes of it shows in its state.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Literal

from crew.commands import Answer, Command, FollowUp, Retry, Steer
from crew.entries import Entry, FollowUpEntry, PermissionEntry, SteerEntry, UserEntry
from crew.events import (
    CommandAccepted,
    CommandRefused,
    Event,
    PermissionAnswered,
    PermissionAsked,
    SessionEnded,
    SessionStarted,
    SteerDelivered,
    SteerUndelivered,
)
from crew.feed import Sieve
from crew.plaintext import clean
from crew.records import Status
from crew.view.glance import session_name
from crew.view.lines import clock, command_words
from crew.view.rows import status_words
from crew.view.state import RunView, SessionView
from crew.view.transcript import Tone
from crew.view.words import counted, one_line

KEPT_MESSAGES = 2_000
"""Messages that are held; older ones are in the journal."""

LONGEST = 2_000
"""Characters of a message that are held; all of it is in the transcript."""

PERSON = "person"
YOU = "you"

State = Literal[
    "queued", "delivered", "undelivered", "refused", "open", "allow", "allow_session", "deny", ""
]


class Sort(StrEnum):
    """What a message is."""

    STEER = "steer"
    FOLLOW_UP = "follow-up"
    PERMISSION = "permission"
    TASK = "task"
    RESULT = "result"
    COMMAND = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """One message.

    Attributes:
        key: Names it for good.
        at: When it was said.
        sender: A session's id, `PERSON`, or who else sent a command.
        to: A session's or a task's id, or `PERSON`; empty for the run.
        session: The session that tells more of it.
        state: What became of it; empty where that session's own status says it.
        turn: The turn that saw a steer or follow-up.
        reason: Why it was refused, denied or not delivered.
        command: The command that it was; empty for others.
        tool: What a permission is asked for.
        preview: The call that a permission is asked for, as the transcript has it.
    """

    key: str
    at: datetime
    sender: str
    to: str
    sort: Sort
    text: str
    session: str | None = None
    state: State = ""
    turn: int = 0
    reason: str = ""
    command: str = ""
    tool: str = ""
    preview: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """A message in one line.

    Attributes:
        way: From whom to whom: `you -> code-review`.
        state: What became of it; stays whole.
        open: Whether something is still to become of it.
    """

    at: str
    way: str
    kind: str
    text: str
    state: str
    tone: Tone
    open: bool


class MessageFold:
    """Takes a run's events one by one; `messages` is what was said so far, oldest first."""

    def __init__(self, kept: int = KEPT_MESSAGES) -> None:
        self._kept = kept
        self._seq = 0
        self._parents: dict[str, str] = {}
        self._messages: dict[str, MessageView] = {}
        self._told: tuple[MessageView, ...] | None = ()

    @property
    def messages(self) -> tuple[MessageView, ...]:
        """What was said; the same object until something changed."""
        if self._told is None:
            self._told = tuple(self._messages.values())
        return self._told

    def apply(self, event: Event) -> None:
        """Take one event; one that was taken already changes nothing."""
        if event.seq and event.seq <= self._seq:
            return
        self._seq = max(self._seq, event.seq)
        match event:
            case CommandAccepted(command=Steer() | FollowUp()):
                self._say(_sent(event.command, event.at, "queued"))
            case CommandRefused():
                reason = " · ".join(filter(None, [event.reason, event.hint]))
                self._say(_sent(event.command, event.at, "refused", one_line(reason)))
            case SteerDelivered():
                self._become(_command_key(event.command), state="delivered", turn=event.turn)
            case SteerUndelivered():
                reason = one_line(event.reason)
                self._become(_command_key(event.command), state="undelivered", reason=reason)
            case PermissionAsked():
                self._say(_asked(event))
            case PermissionAnswered():
                reason = one_line(event.reason)
                self._become(f"ask:{event.request}", state=event.decision, reason=reason)
            case SessionStarted(parent=str()):
                self._begin(event)
            case SessionEnded():
                self._end(event)
            case _:
                pass

    def _begin(self, event: SessionStarted) -> None:
        name, parent = event.session or "", event.parent or ""
        self._parents[name] = parent
        self._say(
            MessageView(
                key=f"task:{name}",
                at=event.at,
                sender=parent,
                to=name,
                sort=Sort.TASK,
                text=_held(event.title),
                session=name,
            )
        )

    def _end(self, event: SessionEnded) -> None:
        name = event.session or ""
        parent = self._parents.pop(name, None)
        if parent is None:
            return
        self._say(
            MessageView(
                key=f"result:{name}",
                at=event.at,
                sender=name,
                to=parent,
                sort=Sort.RESULT,
                text="",
                session=name,
            )
        )

    def _say(self, message: MessageView) -> None:
        if message.key in self._messages:
            return
        self._messages[message.key] = message
        if len(self._messages) > self._kept:
            del self._messages[next(iter(self._messages))]
        self._told = None

    def _become(self, key: str, *, state: State, turn: int = 0, reason: str = "") -> None:
        known = self._messages.get(key)
        if known is not None:
            self._messages[key] = replace(known, state=state, turn=turn, reason=reason)
            self._told = None


def message_row(
    view: RunView, message: MessageView, *, tz: tzinfo, mine: Collection[str] = ()
) -> MessageRow:
    """A message in one line.

    Args:
        view: The run, as it is now.
        message: The message.
        tz: The time zone of the times.
        mine: Commands that were sent from here.
    """
    state, tone, still = _became(view, message)
    sender, to = _names(view, message, mine)
    return MessageRow(
        at=clock(message.at, tz),
        way=f"{sender} -> {to}",
        kind=message.sort.value,
        text=_text(view, message),
        state=state,
        tone=tone,
        open=still,
    )


def message_details(
    view: RunView, message: MessageView, *, mine: Collection[str] = ()
) -> tuple[str, str, str]:
    """Who said it to whom and what became of it, all that was said, and why it came to that."""
    state, _, _ = _became(view, message)
    sender = YOU if message.command and message.command in mine else message.sender
    way = f"{message.sort.value} from {one_line(sender)} to {one_line(message.to or 'the run')}"
    return f"{way} · {state}", _text(view, message), message.reason


def messages_words(view: RunView, messages: Iterable[MessageView]) -> str:
    """How many there are, and how many of them something is still to become of."""
    told = list(messages)
    if not told:
        return "no messages"
    facts = [counted(len(told), "message")]
    queued = sum(each.state == "queued" for each in told)
    if queued:
        facts.append(f"{queued} queued")
    if view.asks:
        waits = "waits" if len(view.asks) == 1 else "wait"
        facts.append(f"{counted(len(view.asks), 'question')} {waits} for an answer")
    lost = sum(each.state in {"undelivered", "refused"} for each in told)
    if lost:
        facts.append(f"{lost} not delivered or refused")
    return " · ".join(facts)


NO_MESSAGES = "nothing said yet: your steers, agents' questions and tasks will show here"


def message_sieve(message: MessageView) -> Sieve | None:
    """How to find the entry that a message is in its session's transcript.

    Returns:
        None for what is in no transcript: a message that waits, an open question.
    """
    match message.sort:
        case Sort.STEER | Sort.FOLLOW_UP if message.state == "delivered":
            return Sieve(wants=lambda entry: _is_command(entry, message), hints=(message.command,))
        case Sort.PERMISSION if message.state != "open":
            return Sieve(wants=lambda entry: _is_ask(entry, message), hints=('"permission"',))
        case Sort.TASK:
            return Sieve(wants=lambda entry: isinstance(entry, UserEntry), hints=('"user"',))
        case _:
            return None


def _is_command(entry: Entry, message: MessageView) -> bool:
    return isinstance(entry, SteerEntry | FollowUpEntry) and entry.command == message.command


def _is_ask(entry: Entry, message: MessageView) -> bool:
    if not isinstance(entry, PermissionEntry) or entry.at < message.at:
        return False
    return (entry.tool, entry.preview) == (message.tool, message.preview)


def _command_key(command: str) -> str:
    return f"command:{command}"


def _sent(command: Command, at: datetime, state: State, reason: str = "") -> MessageView:
    session = getattr(command, "session", None)
    to = command.task if isinstance(command, Retry) else session
    sort, text = Sort.COMMAND, command_words(command)
    if isinstance(command, Steer | FollowUp):
        sort = Sort.STEER if isinstance(command, Steer) else Sort.FOLLOW_UP
        text = command.text
    elif isinstance(command, Answer):
        to = command.request
    return MessageView(
        key=_command_key(command.id),
        at=at,
        sender=command.by,
        to=to or "",
        sort=sort,
        text=_held(text),
        session=session,
        state=state,
        reason=reason,
        command=command.id,
    )


def _asked(event: PermissionAsked) -> MessageView:
    return MessageView(
        key=f"ask:{event.request}",
        at=event.at,
        sender=event.session or "",
        to=PERSON,
        sort=Sort.PERMISSION,
        text=_held(f"{event.tool} {event.preview}"),
        session=event.session,
        state="open",
        tool=event.tool,
        preview=event.preview,
    )


def _held(text: str) -> str:
    return one_line(clean(text)[:LONGEST])


def _names(view: RunView, message: MessageView, mine: Collection[str]) -> tuple[str, str]:
    """From whom to whom; a child by the name that its parent has for it."""
    sender, to = message.sender, message.to or "run"
    if message.command and message.command in mine:
        sender = YOU
    child = view.sessions.get(message.session or "")
    if child is not None and message.sort is Sort.TASK:
        to = session_name(child)
    elif child is not None and message.sort is Sort.RESULT:
        sender = session_name(child)
    return one_line(sender), one_line(to)


def _text(view: RunView, message: MessageView) -> str:
    known = view.sessions.get(message.session or "")
    match message.sort:
        case Sort.TASK if not message.text:
            return "its transcript has the words"
        case Sort.RESULT if known is not None:
            return one_line(known.error.message if known.error else known.preview)
        case _:
            return message.text


_STATES: dict[State, tuple[str, Tone]] = {
    "queued": ("queued", Tone.PERSON),
    "delivered": ("delivered", Tone.SECONDARY),
    "undelivered": ("undelivered", Tone.BAD),
    "refused": ("refused", Tone.BAD),
    "allow": ("allowed once", Tone.SECONDARY),
    "allow_session": ("allowed for session", Tone.SECONDARY),
    "deny": ("denied", Tone.BAD),
}


def _became(view: RunView, message: MessageView) -> tuple[str, Tone, bool]:
    """What became of a message, how that strikes the eye, and whether more is to come."""
    known = view.sessions.get(message.session or "")
    match message.state:
        case "delivered":
            return f"delivered at turn {message.turn}", Tone.SECONDARY, False
        case "open" if view.over or known is None or known.over:
            return "not answered", Tone.BAD, False
        case "open":
            return "waits for an answer", Tone.PERSON, True
        case "":
            return _session_state(known)
        case state:
            words, tone = _STATES[state]
            return words, tone, state == "queued"


def _session_state(known: SessionView | None) -> tuple[str, Tone, bool]:
    if known is None:
        return "", Tone.SECONDARY, False
    if not known.over:
        return status_words(known.status), Tone.PERSON, True
    good = known.status is Status.COMPLETED
    return status_words(known.status), Tone.SECONDARY if good else Tone.BAD, False
