"""Findings and verdicts as they stand in any result, read with tolerance for what is missing."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from crew.plaintext import clean
from crew.view.words import counted, one_line, preview_line

NOTHING = "There was nothing to review"
"""How the summary of a review opens where nothing has changed."""

_DEPTH = 2
"""Levels of a result that may be steps and items, each with a result of its own."""

_UNTITLED = "(no title)"


class Priority(StrEnum):
    """How much a finding matters: P0 stops everything, P3 is a remark."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One mistake that a session reported.

    Attributes:
        confidence: From 0 to 1; None when it was not said.
        file: Path in the workspace; empty when the finding is about the whole change.
        line: From 1; None when it is about the whole file.
        quote: The text of the line, as the session saw it.
    """

    title: str
    body: str = ""
    priority: Priority = Priority.P2
    confidence: float | None = None
    file: str = ""
    line: int | None = None
    end_line: int | None = None
    rule: str = ""
    quote: str = ""

    @property
    def place(self) -> str:
        """`file:line`, as far as it is known."""
        return f"{self.file}:{self.line}" if self.file and self.line else self.file


def findings(result: Any) -> list[Finding]:
    """The findings of a result, worst first, then by file and line.

    A result without `findings` has none. A finding without a known priority is a P2: it is
    neither a blocker nor a remark until somebody says so.
    """
    listed = result.get("findings") if isinstance(result, dict) else None
    if not isinstance(listed, list):
        return []
    found = [finding for item in listed if (finding := _finding(item))]
    return sorted(found, key=lambda finding: (finding.priority, finding.file, finding.line or 0))


def verdict(result: Any) -> str | None:
    """The verdict of a result, such as `approve` or `request_changes`; None without one."""
    said = result.get("verdict") if isinstance(result, dict) else None
    return one_line(said) if isinstance(said, str) and said else None


def summary(result: Any) -> str:
    """The summary of a result; empty without one."""
    said = result.get("summary") if isinstance(result, dict) else None
    return clean(said).strip() if isinstance(said, str) else ""


def worst(found: Iterable[Finding]) -> Priority | None:
    """The highest priority among findings; None when there are none."""
    return min((finding.priority for finding in found), default=None)


def tally(found: Iterable[Finding]) -> str:
    """Findings counted by priority: `3 findings: 1 P1, 2 P3`; `no findings`."""
    priorities = [finding.priority for finding in found]
    if not priorities:
        return "no findings"
    counts = [f"{n} {p}" for p in Priority if (n := priorities.count(p))]
    noun = "finding" if len(priorities) == 1 else "findings"
    return f"{len(priorities)} {noun}: {', '.join(counts)}"


def found_words(result: Any) -> str:
    """What a result with findings came to: their tally, or that there was nothing to look at."""
    if NOTHING in summary(result):
        return NOTHING[0].lower() + NOTHING[1:]
    return tally(findings(result))


def outcome_words(result: Any) -> str:
    """What a result came to, in one line: `request changes, 2 findings: 2 P1`; its summary else.

    Where a workflow ends in several steps each is told by its name, that with the worst finding
    first: `docs: 2 findings: 1 P1, 1 P2; code: no findings`.
    """
    return _came_to(result, _DEPTH)


def _came_to(result: Any, depth: int) -> str:
    if _is_told(result):
        facts = [said.replace("_", " ")] if (said := verdict(result)) else []
        if _lists_findings(result):
            facts.append(found_words(result))
        return ", ".join(facts) or preview_line(summary(result)[:400])
    if depth and isinstance(result, dict):
        ordered = sorted(result.items(), key=lambda item: _rank(item[1], depth - 1))
        said_of = {one_line(name): _came_to(value, depth - 1) for name, value in ordered}
        return "; ".join(f"{name}: {words}" for name, words in said_of.items() if words)
    if depth and isinstance(result, list) and (told := _told(result, 1)):
        listed = [each for each in told if _lists_findings(each)]
        found = [finding for each in listed for finding in findings(each)]
        return counted(len(told), "result") + (f", {tally(found)}" if listed else "")
    return ""


def _rank(result: Any, depth: int) -> str:
    """Sorts results by the worst of their findings."""
    found = (finding for each in _told(result, depth) for finding in findings(each))
    return worst(found) or "none"


def is_empty(result: Any) -> bool:
    """Whether it is the result of a review that had nothing to look at; of several, all of them."""
    told = _told(result, _DEPTH)
    return bool(told) and all(
        verdict(each) is not None and NOTHING in summary(each) for each in told
    )


def breaks(result: Any, limit: Priority) -> bool:
    """Whether a result fails a gate: a finding of `limit` or worse; of several results, in any.

    A result that has a verdict and no list of findings fails by its verdict.
    """
    return any(_breaks(each, limit) for each in _told(result, _DEPTH))


def _breaks(result: Any, limit: Priority) -> bool:
    if _lists_findings(result):
        priority = worst(findings(result))
        return priority is not None and priority <= limit
    return verdict(result) in {"request_changes", "revise", "reject"}


def _told(result: Any, depth: int) -> list[Any]:
    """The results that one stands for: itself, or those of several steps and of their items."""
    if _is_told(result):
        return [result]
    if not depth or not isinstance(result, dict | list):
        return []
    inner = result.values() if isinstance(result, dict) else result
    return [told for value in inner for told in _told(value, depth - 1)]


def _is_told(result: Any) -> bool:
    """Whether it says itself what it came to."""
    return bool(verdict(result) or summary(result)) or _lists_findings(result)


def _lists_findings(result: Any) -> bool:
    return isinstance(result, dict) and isinstance(result.get("findings"), list)


def _finding(item: Any) -> Finding | None:
    if isinstance(item, str) and item.strip():
        return Finding(title=one_line(item) or _UNTITLED)
    if not isinstance(item, dict):
        return None
    title, body = _text(item, "title"), _text(item, "body")
    rule = one_line(_text(item, "rule"))
    return Finding(
        title=one_line(title or body or rule, 200) or _UNTITLED,
        body=body,
        priority=_priority(item.get("priority")),
        confidence=_confidence(item.get("confidence")),
        file=one_line(_text(item, "file")),
        line=_line(item.get("line")),
        end_line=_line(item.get("end_line")),
        rule=rule,
        quote=_text(item, "quote"),
    )


def _text(item: dict[str, Any], key: str) -> str:
    value = item.get(key)
    return clean(value).strip() if isinstance(value, str) else ""


def _priority(value: Any) -> Priority:
    word = f"P{value}" if isinstance(value, int) else str(value).strip().upper()
    return Priority(word) if word in Priority.__members__ else Priority.P2


def _confidence(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= 1 else None


def _line(value: Any) -> int | None:
    good = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return value if good else None
