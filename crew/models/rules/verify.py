"""The verifier play: merge what reviewers found, find each place again, give the verdict."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from crew.models.rules.findings import counted, drop, findings_of, in_order, merge, verdict
from crew.models.rules.inputs import UNREAD, carry_remarks, numbered_lines, read_results
from crew.models.rules.play import UNDONE, Call, Diary, Part, Reply, Turn
from crew.models.rules.review import run_checks, submission, unfinished
from crew.models.rules.talk import Talk
from crew.records import JsonObject

_MOVED = 5
_SPAN = 200
_CALLS = 40
_ROUNDS = 12
_REDACTED = re.compile(r"\[redacted:[\w-]+\]")
_WHOLE_CHANGE = frozenset({"", ".", "*"})


def verify_play(talk: Talk) -> Part[None]:
    """Judge the reviewers' findings; without any reviewer, those of the checks themselves."""
    diary = Diary()
    results = yield from read_results(talk)
    carry_remarks(results, diary)
    for each in results:
        if each.value is UNREAD:
            diary.gap(f"the result of {each.step} could not be read")
    reviewed = [each for each in results if _is_review(each.value)]
    if reviewed:
        found = [finding for each in reviewed for finding in findings_of(each.value)]
    else:
        checks = yield from run_checks(talk, "all", diary)
        found = list(findings_of({"findings": checks}))
    merged = merge(found)
    kept, dropped = merged.kept, list(merged.dropped)
    if kept and "read" in talk.tools:
        kept, lost = yield from _relocate(kept, diary)
        dropped += lost
    elif kept:
        diary.note("the tool read is not among this agent's tools, so no place was looked at")
    word = "request_changes" if UNDONE in diary.remarks else verdict(kept)
    if diary.gaps and word == "approve":
        # Without a result the run needs a person, who is not told that all is well.
        yield Turn(diary.told(f"Not approved. {unfinished(kept)}"))
        return
    away = f", {len(dropped)} dropped" if dropped else ""
    summary = diary.told(f"{_said(word)}: {counted(kept)}{away}.")
    known = {"verdict": word, "summary": summary, "findings": kept, "dropped": dropped}
    yield submission(talk, known, summary)


def _said(word: str) -> str:
    return "Changes are needed" if word == "request_changes" else "Approved"


def _is_review(value: object) -> bool:
    if isinstance(value, list):
        return any(_is_review(each) for each in value)
    return isinstance(value, dict) and isinstance(value.get("findings"), list)


@dataclass(slots=True)
class _Window:
    """A stretch of a file that holds the places of some findings."""

    file: str
    first: int
    last: int
    findings: list[JsonObject] = field(default_factory=list)

    @property
    def call(self) -> Call:
        return Call(
            "read", {"path": self.file, "start": self.first, "limit": self.last - self.first + 1}
        )


def _relocate(
    findings: Sequence[JsonObject], diary: Diary
) -> Part[tuple[list[JsonObject], list[JsonObject]]]:
    """Keep the findings whose proof is in the file, at the line it is really at.

    Where nobody looked a finding stays as it is.
    """
    kept = [finding for finding in findings if finding["file"] in _WHOLE_CHANGE]
    dropped: list[JsonObject] = []
    windows = _windows(finding for finding in findings if finding["file"] not in _WHOLE_CHANGE)
    unseen = windows[_CALLS * _ROUNDS :]
    for at in range(0, len(windows) - len(unseen), _CALLS):
        batch = windows[at : at + _CALLS]
        places = sum(len(window.findings) for window in batch)
        text = f"Looking at {places} place{'' if places == 1 else 's'} again."
        replies = yield Turn(text, tuple(window.call for window in batch))
        for window, reply in zip(batch, replies, strict=True):
            if not reply.ran:
                unseen.append(window)
                continue
            for finding in window.findings:
                placed = _placed(finding, reply)
                if isinstance(placed, str):
                    dropped.append(drop(finding, placed))
                else:
                    kept.append(placed)
    unlooked = [finding for window in unseen for finding in window.findings]
    if unlooked:
        diary.note(f"{len(unlooked)} of the places were not looked at again")
    return in_order(kept + unlooked), dropped


def _windows(findings: Iterable[JsonObject]) -> list[_Window]:
    windows: list[_Window] = []
    ordered = sorted(findings, key=lambda found: (found["file"], found.get("line", 1)))
    for finding in ordered:
        line = finding.get("line", 1)
        first, last = max(1, line - _MOVED), line + _MOVED
        open_window = windows[-1] if windows else None
        if (
            open_window is not None
            and open_window.file == finding["file"]
            and last - open_window.first <= _SPAN
        ):
            open_window.last = max(open_window.last, last)
            open_window.findings.append(finding)
        else:
            windows.append(_Window(finding["file"], first, last, [finding]))
    return windows


def _placed(finding: JsonObject, reply: Reply) -> JsonObject | str:
    """The finding at its true line, or the reason why it has none."""
    if not reply.ok:
        reason = (reply.text.strip().splitlines() or ["no reason given"])[0]
        return f"its place can't be read: {reason[:160]}"
    lines = numbered_lines(reply)
    line = finding.get("line")
    if line is None:
        return finding
    quote = _squeezed(str(finding.get("quote") or "").strip().split("\n")[0])
    if not quote:
        return finding if line in lines or _is_end(line, lines) else f"there is no line {line}"
    distances = sorted(range(-_MOVED, _MOVED + 1), key=lambda far: (abs(far), far))
    for far in distances:
        if _is_in(quote, _squeezed(lines.get(line + far, ""))):
            return _moved(finding, far)
    return f"its quote is not near line {line}"


def _is_in(quote: str, text: str) -> bool:
    """Whether a line holds a quote, in which redaction may have replaced what is secret."""
    at = 0
    for piece in _REDACTED.split(quote):
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _is_end(line: int, lines: dict[int, str]) -> bool:
    """Whether a line is the one after the last, where a missing bracket is reported."""
    return line == max(lines, default=0) + 1


def _moved(finding: JsonObject, far: int) -> JsonObject:
    if far == 0:
        return finding
    moved = {**finding, "line": finding["line"] + far}
    if "end_line" in finding:
        moved["end_line"] = finding["end_line"] + far
    return moved


def _squeezed(text: str) -> str:
    return " ".join(text.split())
