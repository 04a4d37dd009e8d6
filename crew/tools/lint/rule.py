"""What a rule over the diff is, and how a hit of it becomes a finding."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from crew.tools.lint.finding import Finding, Priority, Profile, quoted
from crew.tools.lint.source import SourceFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A place where a rule applies.

    Attributes:
        priority: Replaces the rule's own.
        quote: Replaces the text of the line.
    """

    line: int
    title: str
    body: str
    confidence: float = 0.9
    end_line: int | None = None
    priority: Priority | None = None
    quote: str | None = None


Check = Callable[[SourceFile], Iterator[Hit]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that is looked for in the added lines of one file.

    Attributes:
        check: Yields its hits, wherever they are; only those on added lines count.
    """

    id: str
    profile: Profile
    priority: Priority
    check: Check

    def findings(self, file: SourceFile) -> Iterator[Finding]:
        """The findings of this rule in a file."""
        for hit in self.check(file):
            last = hit.end_line or hit.line
            if not file.touches(hit.line, last):
                continue
            text = file.lines[hit.line - 1] if hit.quote is None else hit.quote
            yield Finding(
                title=hit.title,
                body=hit.body,
                priority=hit.priority or self.priority,
                confidence=hit.confidence,
                file=file.path,
                rule=self.id,
                line=hit.line,
                end_line=hit.end_line,
                quote=quoted(text),
            )
