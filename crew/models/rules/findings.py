"""Findings of several reviewers as one list: merged, without doubles, weighed to a verdict."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from crew.records import JsonObject

PRIORITIES = ("P0", "P1", "P2", "P3")
_ALIKE = 0.6
_NEAR = 1
_SURE = 0.8
_SAME_MATTER = (
    "shell-injection S602 S604 S605 S609",
    "swallowed-error E722 S110 S112",
    "eval S102 S307",
    "sql-injection S608",
    "secret private-key S105 S106 S107",
    "certificate-check-off S323 S501",
    "debugger T100",
    "debug-print T201 T203",
)
_FAMILIES = {rule: rules.split()[0] for rules in _SAME_MATTER for rule in rules.split()}
"""Rules to the first of those that look for the same."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What is left of several lists, and what was dropped from them, with the reason."""

    kept: list[JsonObject]
    dropped: list[JsonObject]


def findings_of(value: Any) -> Iterator[JsonObject]:
    """The well-formed findings in a result; a result of `foreach` is a list of results."""
    if isinstance(value, list):
        for each in value:
            yield from findings_of(each)
    if isinstance(value, dict) and isinstance(found := value.get("findings"), list):
        for finding in found:
            if isinstance(finding, dict) and isinstance(finding.get("title"), str):
                yield _normal(finding)


def merge(findings: Iterable[JsonObject]) -> Merged:
    """Drop what says the same about the same place; the weightier one stays."""
    kept: dict[str, list[JsonObject]] = {}
    dropped: list[JsonObject] = []
    for finding in sorted(findings, key=_weight):
        others = kept.setdefault(finding["file"], [])
        twin = next((other for other in others if _same(other, finding)), None)
        if twin is None:
            others.append(finding)
        else:
            dropped.append(drop(finding, f"the same as {twin['title']!r}"))
    return Merged(in_order(found for group in kept.values() for found in group), dropped)


def in_order(findings: Iterable[JsonObject]) -> list[JsonObject]:
    """By priority, file and line."""
    return sorted(
        findings,
        key=lambda found: (
            found["priority"],
            found["file"],
            found.get("line") or 0,
            found["title"],
        ),
    )


def drop(finding: JsonObject, reason: str) -> JsonObject:
    """A dropped finding as the verifier's result lists it."""
    about = {"title": finding["title"], "file": finding["file"], "reason": reason}
    return about | ({"line": finding["line"]} if finding.get("line") else {})


def verdict(findings: Iterable[JsonObject]) -> str:
    """`request_changes` for any P0 or P1, or a P2 that is all but certain; else `approve`."""
    blocking = any(
        found["priority"] in {"P0", "P1"}
        or (found["priority"] == "P2" and found["confidence"] >= _SURE)
        for found in findings
    )
    return "request_changes" if blocking else "approve"


def counted(findings: Iterable[JsonObject]) -> str:
    """How many of each priority, in words: `1 P0, 2 P1, 3 P3 findings`."""
    counts = Counter(found["priority"] for found in findings)
    parts = [f"{counts[priority]} {priority}" for priority in PRIORITIES if counts[priority]]
    if not parts:
        return "no findings"
    return f"{', '.join(parts)} finding{'' if counts.total() == 1 else 's'}"


def sentence(words: str) -> str:
    """Words as a sentence of their own."""
    return f"{words[:1].upper()}{words[1:]}."


def _normal(finding: JsonObject) -> JsonObject:
    """A finding with every field that is counted on, of the right type."""
    normal = {key: value for key, value in finding.items() if value is not None}
    priority = str(finding.get("priority", "P3")).upper()
    confidence = finding.get("confidence")
    normal["priority"] = priority if priority in PRIORITIES else "P3"
    normal["confidence"] = (
        min(1.0, max(0.0, confidence))
        if isinstance(confidence, int | float) and not isinstance(confidence, bool)
        else 0.5
    )
    normal["file"] = str(finding.get("file") or "")
    normal["body"] = str(finding.get("body") or "")
    for key in ("line", "end_line"):
        number = finding.get(key)
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            normal.pop(key, None)
    if "line" not in normal or normal.get("end_line", 0) < normal["line"]:
        normal.pop("end_line", None)
    return normal


def _weight(finding: JsonObject) -> tuple[str, float, str, int, str]:
    return (
        finding["priority"],
        -finding["confidence"],
        finding["file"],
        finding.get("line") or 0,
        finding["title"],
    )


def _same(one: JsonObject, other: JsonObject) -> bool:
    if not _overlap(one, other):
        return False
    matter, other_matter = _matter(one), _matter(other)
    same = matter is not None and matter == other_matter
    return same or _alike(one["title"], other["title"])


def _matter(finding: JsonObject) -> str | None:
    """What a finding is about: its rule, or what several rules look for."""
    rule = finding.get("rule")
    return _FAMILIES.get(rule, rule) if isinstance(rule, str) else None


def _overlap(one: JsonObject, other: JsonObject) -> bool:
    line, other_line = one.get("line"), other.get("line")
    if line is None or other_line is None:
        return line is None and other_line is None
    # Rules know their line: on neighbouring ones they have found two mistakes. A reviewer who
    # names no rule may be a line off.
    near = 0 if one.get("rule") and other.get("rule") else _NEAR
    last, other_last = one.get("end_line") or line, other.get("end_line") or other_line
    return bool(other_line <= last + near and line - near <= other_last)


def _alike(one: str, other: str) -> bool:
    words, others = _words(one), _words(other)
    if not words or not others:
        return False
    return len(words & others) / len(words | others) >= _ALIKE


def _words(title: str) -> set[str]:
    return {word for word in re.findall(r"[a-z0-9_]+", title.lower()) if len(word) > 2}
