"""What happened in a run, line by line, each line with how it should strike the eye."""

from dataclasses import dataclass
from datetime import tzinfo

from crew.events import (
    CommandAccepted,
    CommandRefused,
    Event,
    PermissionAsked,
    ResultSubmitted,
    RunEnded,
    SessionEnded,
    SteerDelivered,
    SteerUndelivered,
    TaskEnded,
)
from crew.records import Status
from crew.view.lines import event_line
from crew.view.transcript import Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryLine:
    """One event in words.

    Attributes:
        seq: The event's number.
        at: The time of day.
        text: Who and what.
        session: The session that it is about.
    """

    seq: int
    at: str
    text: str
    tone: Tone = Tone.PLAIN
    session: str | None = None


def story_line(event: Event, *, tz: tzinfo) -> StoryLine | None:
    """An event as a line of the story; None when another one's line tells it."""
    line = event_line(event, tz=tz)
    if line is None:
        return None
    at, _, text = line.partition("  ")
    return StoryLine(
        seq=event.seq, at=at, text=text, tone=_tone(event), session=event.session or None
    )


def _tone(event: Event) -> Tone:
    match event:
        case SessionEnded(status=Status.COMPLETED) | RunEnded(status=Status.COMPLETED):
            return Tone.GOOD
        case SessionEnded() | RunEnded() | TaskEnded() | SteerUndelivered() | CommandRefused():
            return Tone.BAD
        case ResultSubmitted():
            return Tone.PLAIN
        case PermissionAsked() | CommandAccepted() | SteerDelivered():
            return Tone.PERSON
        case _:
            return Tone.SECONDARY
