"""What a transcript row says: in one line while it is closed, in full when it is open."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from crew.commands import FollowUp, Steer
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
    UserEntry,
)
from crew.plaintext import clean
from crew.records import JsonObject, Status
from crew.view.entry_rows import EntryRow
from crew.view.rows import status_words
from crew.view.state import CommandView, PermissionView, RunView, SessionView
from crew.view.transcript import Tone, entry_block
from crew.view.words import counted, duration, one_line, preview_line

_GLANCE = 400
"""Characters of a long text that a closed row looks at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A row in one line.

    Attributes:
        sign: One cell wide.
        label: What it is, in one short word.
        text: What it says; may be cut by whoever shows it.
        detail: How it ended; stays whole.
        tone: How it should strike the eye.
        signal: The tone of the sign, where it differs.
    """

    sign: str
    label: str
    text: str = ""
    detail: str = ""
    tone: Tone = Tone.PLAIN
    signal: Tone | None = None


class Form(StrEnum):
    """How a part of an open row is set."""

    MARKDOWN = "markdown"
    PLAIN = "plain"
    DIFF = "diff"
    CAPTION = "caption"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of an open row; its text is clean of control characters."""

    form: Form
    text: str


def entry_head(row: EntryRow, children: Mapping[str, SessionView] | None = None) -> Head:
    """A row in one line.

    Args:
        row: The row.
        children: The sessions of the run, for rows that spawned one.
    """
    entry = row.entry
    match entry:
        case ToolCallEntry():
            return _call_head(row, entry, children or {})
        case ToolResultEntry():
            return Head(
                sign=_RESULT_SIGNS[entry.outcome],
                label=one_line(entry.tool),
                text="(the call is further up)" if not _failed(entry) else _glance(entry.text),
                detail=_result_detail(entry),
                tone=_result_tone(entry),
            )
        case TextEntry():
            label = "text, cut" if entry.partial else "text"
            return Head(sign="▪", label=label, text=_gist(entry.text))
        case ThinkingEntry():
            label = "thinking, cut" if entry.partial else "thinking"
            return Head(sign="·", label=label, text=_glance(entry.text), tone=Tone.SECONDARY)
        case UserEntry():
            return Head(sign=">", label=entry.source, text=_gist(entry.text))
        case SteerEntry() | FollowUpEntry():
            label = "steer" if isinstance(entry, SteerEntry) else "follow-up"
            told = f"delivered at turn {entry.turn}"
            return Head(
                sign="»", label=label, text=_glance(entry.text), detail=told, tone=Tone.PERSON
            )
        case _:
            return _aside_head(entry)


def message_head(message: CommandView) -> Head:
    """A steer or follow-up that its session has not seen: queued, or never delivered."""
    command = message.command
    text = command.text if isinstance(command, Steer | FollowUp) else ""
    label = "steer" if isinstance(command, Steer) else "follow-up"
    lost = message.state != "accepted"
    told = f"{message.state}: {one_line(message.reason)}" if lost else "queued"
    tone = Tone.BAD if lost else Tone.PERSON
    return Head(sign="»", label=label, text=_glance(text), detail=told, tone=tone)


def entry_parts(row: EntryRow) -> tuple[Part, ...]:
    """All that a row says, in parts; empty when its one line has said it."""
    entry = row.entry
    match entry:
        case ToolCallEntry():
            return (*_argument_parts(entry), *_result_parts(row.result))
        case ToolResultEntry():
            return _result_parts(entry)
        case TextEntry() | UserEntry():
            return _parts(Form.MARKDOWN, entry.text)
        case ResultEntry():
            where = f"artifacts/{one_line(entry.artifact.name)}, {entry.artifact.size:,} bytes"
            said = _parts(Form.MARKDOWN, entry.preview)
            return (*said, Part(form=Form.CAPTION, text=where))
        case _:
            block = entry_block(entry)
            return _parts(Form.PLAIN, block.body or block.head)


def ask_parts(ask: PermissionView) -> tuple[Part, ...]:
    """What a permission is asked for: the command, the change, or the arguments."""
    if ask.change is not None and ask.change.diff:
        return _parts(Form.DIFF, ask.change.diff)
    call = ToolCallEntry(call_id=ask.request, tool=ask.tool, args=ask.args)
    return _argument_parts(call) or _parts(Form.CAPTION, ask.preview)


def entry_text(row: EntryRow) -> str:
    """All that a row says as plain text, for the clipboard."""
    parts = entry_parts(row)
    if isinstance(row.entry, ToolCallEntry):
        head = entry_head(row)
        return "\n".join([f"{head.label} {head.text}".strip(), *(part.text for part in parts)])
    return "\n".join(part.text for part in parts) or entry_head(row).text


def entry_matches(entry: Entry, needle: str) -> bool:
    """Whether an entry says something, whatever the case of its letters."""
    block = entry_block(entry)
    wanted = needle.casefold()
    return any(wanted in text.casefold() for text in (block.head, block.body, block.label))


def child_of(row: EntryRow, view: RunView, session: str) -> str | None:
    """The session that a row's call spawned, as far as can be told."""
    if not row.spawns or not isinstance(row.entry, ToolCallEntry):
        return None
    if row.result is not None:
        return row.result.session
    agent = row.entry.args.get("agent")
    parent = view.sessions.get(session)
    for name in parent.children if parent else ():
        child = view.sessions.get(name)
        if child is not None and child.agent == agent and not child.over:
            return name
    return None


def waiting_messages(view: RunView, session: str) -> tuple[CommandView, ...]:
    """Steers and follow-ups to a session that are in no transcript: queued or undelivered."""
    return tuple(
        message
        for message in view.commands.values()
        if isinstance(message.command, Steer | FollowUp)
        and message.command.session == session
        and message.state in {"accepted", "undelivered"}
    )


_RESULT_SIGNS = {
    Outcome.OK: "✓",
    Outcome.ERROR: "✗",
    Outcome.DENIED: "✗",
    Outcome.SKIPPED: "-",
    Outcome.CANCELLED: "-",
    Outcome.UNKNOWN: "?",
}

_LABELS = {"submit_result": "submit", "spawn_agent": "spawn", "git_changes": "changes"}

_SUBJECTS = {
    "read": "path",
    "ls": "path",
    "glob": "pattern",
    "grep": "pattern",
    "write": "path",
    "edit": "path",
    "shell": "command",
    "lint": "profile",
}


def _call_head(row: EntryRow, entry: ToolCallEntry, sessions: Mapping[str, SessionView]) -> Head:
    label = _LABELS.get(entry.tool) or one_line(entry.tool, 20)
    if entry.invalid is not None:
        return Head(
            sign="✗", label=label, text=_glance(entry.invalid), detail="unreadable", tone=Tone.BAD
        )
    if row.spawns:
        return _spawn_head(row, entry, sessions)
    text = tool_subject(entry.tool, entry.args)
    result = row.result
    if result is None:
        return Head(sign="●", label=label, text=text, detail="", signal=Tone.PERSON)
    return Head(
        sign=_RESULT_SIGNS[result.outcome],
        label=label,
        text=text,
        detail=_result_detail(result),
        signal=_result_tone(result),
    )


def _failed(result: ToolResultEntry) -> bool:
    return result.outcome in {Outcome.ERROR, Outcome.DENIED}


def _spawn_head(row: EntryRow, entry: ToolCallEntry, sessions: Mapping[str, SessionView]) -> Head:
    agent = one_line(str(entry.args.get("agent", "")), 40)
    text = _glance(str(entry.args.get("prompt", "")))
    result = row.result
    if result is None:
        return Head(sign="●", label="spawn", text=f"{agent}: {text}", signal=Tone.PERSON)
    child = sessions.get(result.session or "")
    told = status_words(child.status) if child is not None else _result_detail(result)
    if child is not None and child.preview:
        text = preview_line(child.preview)
    good = child is None or child.status is Status.COMPLETED
    return Head(
        sign=_RESULT_SIGNS[result.outcome],
        label="spawn",
        text=f"{agent}: {text}",
        detail=f"{told}  {_took(result.ms)}".strip(),
        signal=_result_tone(result) if good else Tone.BAD,
    )


def tool_subject(tool: str, args: JsonObject) -> str:
    """What a call is about, in one line: a path, a pattern, a command."""
    name = _SUBJECTS.get(tool)
    if name is not None and name in args:
        said = args[name]
        text = " ".join(map(str, said)) if isinstance(said, list) else str(said)
        extra = _whereabouts(tool, args)
        return one_line(text[:_GLANCE]) + extra
    if tool == "submit_result":
        return _glance(str(args.get("summary") or args.get("verdict") or ""))
    return "  ".join(f"{one_line(key)}={_short(value)}" for key, value in args.items())


def _whereabouts(tool: str, args: JsonObject) -> str:
    if tool == "grep" and args.get("path", ".") != ".":
        return f"  in {one_line(str(args['path']), 80)}"
    if tool == "read" and isinstance(args.get("start"), int) and args["start"] > 1:
        return f":{args['start']}"
    return ""


def _short(value: object) -> str:
    if isinstance(value, list | dict):
        return counted(len(value), "item")
    return one_line(str(value)[:_GLANCE], 60)


def _result_detail(result: ToolResultEntry) -> str:
    facts = [] if result.outcome is Outcome.OK else [result.outcome.value]
    told = result.outcome not in {Outcome.OK, Outcome.ERROR}
    if result.summary and not told:
        facts.append(one_line(result.summary, 40))
    return "  ".join(filter(None, [", ".join(facts), _took(result.ms)]))


def _took(ms: int) -> str:
    return duration(timedelta(milliseconds=ms), tenths=True) if ms >= 100 else ""


def _result_tone(result: ToolResultEntry) -> Tone:
    match result.outcome:
        case Outcome.OK:
            return Tone.GOOD
        case Outcome.ERROR | Outcome.DENIED:
            return Tone.BAD
        case _:
            return Tone.SECONDARY


def _aside_head(entry: Entry) -> Head:
    match entry:
        case SystemEntry():
            told = f"{one_line(entry.model)}, {counted(len(entry.tools), 'tool')}"
            text = _glance(entry.text)
            return Head(sign="·", label="system", text=text, detail=told, tone=Tone.SECONDARY)
        case PermissionEntry():
            asked = one_line(f"{entry.tool} {entry.preview[:_GLANCE]}")
            why = f": {one_line(entry.reason, 60)}" if entry.reason else ""
            tone = Tone.BAD if entry.decision == "denied" else Tone.SECONDARY
            told = f"{entry.decision}{why}"
            return Head(sign="?", label="permission", text=asked, detail=told, tone=tone)
        case ContextEntry():
            return Head(sign="·", label="context", text=_glance(entry.text), tone=Tone.SECONDARY)
        case NoticeEntry():
            return Head(sign="·", label="notice", text=_glance(entry.text), tone=Tone.SECONDARY)
        case ErrorEntry():
            text = _glance(f"{entry.title}: {entry.text}")
            return Head(sign="✗", label="error", text=text, tone=Tone.BAD)
        case ResultEntry():
            text = preview_line(entry.preview[:_GLANCE])
            return Head(sign="✓", label="result", text=text, tone=Tone.GOOD)
        case _:
            head = entry_block(entry).head
            return Head(sign="·", label="unknown", text=head, tone=Tone.SECONDARY)


def _argument_parts(entry: ToolCallEntry) -> tuple[Part, ...]:
    args = entry.args
    if entry.invalid is not None:
        return _parts(Form.PLAIN, entry.invalid)
    if entry.tool == "edit" and {"old", "new"} <= args.keys():
        return _parts(Form.DIFF, changed_lines(str(args["old"]), str(args["new"])))
    if entry.tool == "write" and "content" in args:
        return _parts(Form.DIFF, changed_lines("", str(args["content"])))
    if entry.tool == "shell" and isinstance(args.get("command"), str):
        return _parts(Form.CAPTION, f"$ {args['command']}")
    if entry.tool == "spawn_agent":
        return _parts(Form.MARKDOWN, str(args.get("prompt", "")))
    if set(args) <= {_SUBJECTS.get(entry.tool)}:
        return ()
    return _parts(Form.CAPTION, json.dumps(args, ensure_ascii=False, indent=1))


def changed_lines(old: str, new: str) -> str:
    """What is taken out and what is put in, as the lines of a patch."""
    return "\n".join(
        [*(f"-{line}" for line in old.splitlines()), *(f"+{line}" for line in new.splitlines())]
    )


def _result_parts(result: ToolResultEntry | None) -> tuple[Part, ...]:
    if result is None:
        return ()
    form = Form.DIFF if result.tool == "git_changes" else Form.PLAIN
    parts = _parts(form, result.text)
    if result.artifact is not None:
        where = f"all of it: artifacts/{one_line(result.artifact.name)}"
        return (*parts, Part(form=Form.CAPTION, text=where))
    return parts


def _parts(form: Form, text: str) -> tuple[Part, ...]:
    shown = clean(text).strip("\n")
    return (Part(form=form, text=shown),) if shown.strip() else ()


def _glance(text: str) -> str:
    return one_line(text[:_GLANCE])


def _gist(text: str) -> str:
    """The beginning of a Markdown text without its marks."""
    return one_line(_MARKS.sub("", text[:_GLANCE]))


_MARKS = re.compile(r"^#+ |\*\*|`", re.MULTILINE)
