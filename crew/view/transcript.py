"""Transcript entries as headed blocks of plain text, for whoever prints or shows them."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from crew.entries import (
    ContextEntry,
    Entry,
    ErrorEntry,
    FollowUpEntry,
    NoticeEntry,
    Outcome,
    PermissionEntry,
    ResultEntry,
    SteerEntry,
    SystemEntry,
    TextEntry,
    ThinkingEntry,
    ToolCallEntry,
    ToolResultEntry,
    UnknownEntry,
    UsageEntry,
    UserEntry,
)
from crew.plaintext import clean
from crew.records import JsonObject
from crew.view.lines import usage_words
from crew.view.words import counted, one_line

HEAD_WIDTH = 100


class Tone(StrEnum):
    """How a block should strike the eye."""

    SECONDARY = "secondary"
    PLAIN = "plain"
    PERSON = "person"
    BAD = "bad"
    GOOD = "good"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One entry: a head of one line, and a body that may be empty or very long."""

    label: str
    head: str = ""
    body: str = ""
    tone: Tone = Tone.PLAIN


def entry_block(entry: Entry) -> Block:
    """What an entry says; its text is clean of control characters."""
    match entry:
        case ToolCallEntry():
            return _call(entry)
        case ToolResultEntry():
            return _result(entry)
        case TextEntry():
            return Block(label=_partial("text", entry.partial), body=clean(entry.text))
        case ThinkingEntry():
            label = _partial("thinking", entry.partial)
            return Block(label=label, body=clean(entry.text), tone=Tone.SECONDARY)
        case SteerEntry():
            return Block(label="steer", body=clean(entry.text), tone=Tone.PERSON)
        case FollowUpEntry():
            return Block(label="follow-up", body=clean(entry.text), tone=Tone.PERSON)
        case UserEntry():
            return Block(label=entry.source, body=clean(entry.text))
        case ErrorEntry():
            body = "\n".join(filter(None, [clean(entry.text), clean(entry.hint)]))
            return Block(label="error", head=one_line(entry.title), body=body, tone=Tone.BAD)
        case ResultEntry():
            head = f"{one_line(entry.preview)} (artifacts/{one_line(entry.artifact.name)})"
            return Block(label="result", head=head.strip(), tone=Tone.GOOD)
        case ContextEntry():
            body = clean(entry.summary)
            return Block(label="context", head=one_line(entry.text), body=body, tone=Tone.SECONDARY)
        case SystemEntry() | UsageEntry() | PermissionEntry() | NoticeEntry() | UnknownEntry():
            return _aside(entry)
        case _:
            assert_never(entry)


def _aside(
    entry: SystemEntry | UsageEntry | PermissionEntry | NoticeEntry | UnknownEntry,
) -> Block:
    match entry:
        case SystemEntry():
            tools = ", ".join(entry.tools) or "none"
            head = f"model {entry.model}, tools: {tools}"
            return Block(label="system", head=head, body=clean(entry.text), tone=Tone.SECONDARY)
        case UsageEntry():
            used = usage_words(entry.usage) or "no tokens"
            head = f"turn {entry.turn}: {used}, {entry.ms} ms, {one_line(entry.stop)}"
            return Block(label="usage", head=head, tone=Tone.SECONDARY)
        case PermissionEntry():
            why = f": {one_line(entry.reason)}" if entry.reason else ""
            asked = one_line(f"{entry.tool} {entry.preview}", HEAD_WIDTH)
            tone = Tone.BAD if entry.decision == "denied" else Tone.SECONDARY
            return Block(label="permission", head=f"{asked} {entry.decision}{why}", tone=tone)
        case NoticeEntry():
            return Block(label="notice", body=clean(entry.text), tone=Tone.SECONDARY)
        case UnknownEntry():
            head = f"{one_line(entry.kind)} (this version of crew does not know it)"
            return Block(label="unknown", head=head, tone=Tone.SECONDARY)
        case _:
            assert_never(entry)


def _call(entry: ToolCallEntry) -> Block:
    if entry.invalid is not None:
        body = clean(entry.invalid)
        return Block(label="call", head=one_line(entry.tool), body=body, tone=Tone.BAD)
    shown = one_line(f"{entry.tool} {_arguments(entry.args)}")
    head = one_line(shown, HEAD_WIDTH)
    # What the head had to leave out is there in full.
    body = "" if head == shown else clean(json.dumps(entry.args, ensure_ascii=False, indent=1))
    return Block(label="call", head=head, body=body)


def _arguments(args: JsonObject) -> str:
    return " ".join(f"{one_line(name)}={_value(value)}" for name, value in args.items())


def _value(value: object) -> str:
    # A list or an object is seldom what tells one call from another; its size is enough here.
    if isinstance(value, list):
        return f"[{counted(len(value), 'item')}]" if len(value) > 3 else str(value)
    return repr(value) if isinstance(value, str) else str(value)


def _result(entry: ToolResultEntry) -> Block:
    tone = Tone.SECONDARY if entry.outcome is Outcome.OK else Tone.BAD
    facts = [one_line(entry.tool)]
    if entry.outcome is not Outcome.OK:
        facts.append(entry.outcome)
    if entry.summary:
        facts.append(one_line(entry.summary))
    if entry.session:
        facts.append(f"session {entry.session}")
    if entry.artifact:
        facts.append(f"whole output in artifacts/{one_line(entry.artifact.name)}")
    return Block(
        label="output",
        head=f"{', '.join(facts)} ({entry.ms} ms)",
        body=clean(entry.text),
        tone=tone,
    )


def _partial(label: str, partial: bool) -> str:
    return f"{label} (cut)" if partial else label
