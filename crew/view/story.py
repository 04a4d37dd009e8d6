"""What happened in a run, line by line, each line with how it should strike the eye."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from crew.events import (
    CommandAccepted,
    CommandRefused,
    Event,
    PermissionAsked,
    ResultSubmitted,
    RunEnded,
    RunStarted,
    SessionEnded,
    SteerDelivered,
    SteerUndelivered,
    TaskEnded,
)
from crew.records import Status
from crew.view.findings import Finding, Priority, findings
from crew.view.lines import NAME_WIDTH, clock, event_line
from crew.view.transcript import Tone
from crew.view.words import RULES_HINT, one_line

Named = tuple[str, str]
"""A finding by its place and its title: who looks again says more or less of it."""

MOST = 5
"""Lines for the findings of one result."""

_GRAVE = frozenset({Priority.P0, Priority.P1})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryLine:
    """One event in words.

    Attributes:
        seq: The event's number.
        at: The time of day.
        text: Who and what.
        part: Tells lines of one event apart.
        session: The session that it is about.
    """

    seq: int
    at: str
    text: str
    tone: Tone = Tone.PLAIN
    part: int = 0
    session: str | None = None


def story_line(event: Event, *, tz: tzinfo) -> StoryLine | None:
    """An event as a line of the story; None when another one's line tells it."""
    line = event_line(event, tz=tz)
    if line is None:
        return None
    at, _, text = line.partition("  ")
    if isinstance(event, RunStarted) and event.model == "rules":
        # What team it is stands above; what a person may do about the model stands nowhere else.
        text = f"{'run':<{NAME_WIDTH}}  started without a language model; {RULES_HINT}"
    return StoryLine(
        seq=event.seq, at=at, text=text, tone=_tone(event), session=event.session or None
    )


def finding_lines(
    event: ResultSubmitted, result: Any, told: Set[Named], *, tz: tzinfo
) -> tuple[StoryLine, ...]:
    """The worst of what a session found, a line each; at most `MOST` of them.

    Args:
        event: Tells of the result.
        result: The result.
        told: What needs no line: another session found it before.
        tz: The time zone of the times.
    """
    grave = [each for each in _grave(result) if _named(each) not in told]
    texts = [f"{each.priority}  {each.place}  {each.title}".replace("    ", "  ") for each in grave]
    if len(texts) > MOST:
        texts[MOST - 1 :] = [f"and {len(texts) - MOST + 1} more of priority P0 or P1"]
    who = one_line(event.session or "run")
    return tuple(
        StoryLine(
            seq=event.seq,
            part=part,
            at=clock(event.at, tz),
            text=f"{who:<{NAME_WIDTH}}  {text}",
            tone=Tone.BAD,
            session=event.session or None,
        )
        for part, text in enumerate(texts, start=1)
    )


def grave_findings(result: Any) -> frozenset[Named]:
    """What of a result has a line of its own, as `finding_lines` takes it."""
    return frozenset(map(_named, _grave(result)))


def _grave(result: Any) -> list[Finding]:
    return [each for each in findings(result) if each.priority in _GRAVE]


def _named(finding: Finding) -> Named:
    return finding.place, finding.title


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
