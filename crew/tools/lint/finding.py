"""What a check found: the one shape that tools, models and reports share."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from crew.records import JsonObject
from crew.store import Redactor

Priority = Literal["P0", "P1", "P2", "P3"]
Profile = Literal["quality", "security"]

QUOTE_LIMIT = 200
_LOOKED_AT = 2_000
"""Characters in which secrets are looked for: one that the limit would cut is seen whole."""
_REDACT = Redactor()
_CUT_MARK = re.compile(r"\[redacted(?::[\w-]*)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One mistake at one place.

    Attributes:
        file: The path as it is shown to people and models.
        line: From 1 on the new side; None when it is about the file or the whole change.
        quote: Text of the line that proves it, without anything secret; empty when there is none.
        changed: Whether the change added the line, or caused what is wrong with it.
    """

    title: str
    body: str
    priority: Priority
    confidence: float
    file: str
    rule: str
    line: int | None = None
    end_line: int | None = None
    quote: str = ""
    changed: bool = True

    def as_json(self) -> JsonObject:
        """The finding's fixed shape; what it does not have is left out."""
        shape: JsonObject = {
            "title": self.title,
            "body": self.body,
            "priority": self.priority,
            "confidence": round(self.confidence, 2),
            "file": self.file,
            "line": self.line,
            "end_line": self.end_line,
            "rule": self.rule,
            "quote": self.quote or None,
        }
        return {key: value for key, value in shape.items() if value is not None}

    def demoted(self) -> "Finding":
        """The same as a remark on old code: P3 at most, and hardly sure that it matters here."""
        return replace(self, priority="P3", confidence=min(self.confidence, 0.3), changed=False)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Once each: those of the change first, then by priority, file and line."""
    unique = {(found.file, found.line, found.rule, found.title): found for found in findings}
    return sorted(
        unique.values(),
        key=lambda found: (
            not found.changed,
            found.priority,
            found.file,
            found.line or 0,
            found.rule,
            found.title,
        ),
    )


def quoted(line: str) -> str:
    """A line as proof: without indentation, bounded, and what is secret in it replaced."""
    text = _REDACT.plain(line.strip()[:_LOOKED_AT])
    return text if len(text) <= QUOTE_LIMIT else _CUT_MARK.sub("", text[:QUOTE_LIMIT]).rstrip()
