"""Mistakes that one line shows: a table of what they look like, as the check of a rule."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from crew.tools.lint.finding import Priority
from crew.tools.lint.rule import Check, Hit
from crew.tools.lint.source import SourceFile

_LIKE = {"typescript": "javascript"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """What a mistake looks like in the lines of some languages.

    Attributes:
        seen: Of the line: its `code`, with comments and the insides of strings blanked, or it
            `bare`, with only the comments blanked.
        unless: What on the same line says that care was taken.
        in_tests: Its priority in a test; None when it does not count there.
    """

    languages: frozenset[str]
    pattern: re.Pattern[str]
    title: str
    body: str
    seen: Literal["code", "bare"] = "code"
    unless: re.Pattern[str] | None = None
    priority: Priority | None = None
    confidence: float = 0.85
    in_tests: Priority | None = "P3"

    def matches(self, file: SourceFile, number: int) -> bool:
        """Whether a line of a file looks like it."""
        line = (file.code if self.seen == "code" else file.bare)[number - 1]
        if not self.pattern.search(line):
            return False
        return self.unless is None or not self.unless.search(line)


def pattern(
    languages: str,
    looks: str,
    title: str,
    body: str,
    *,
    seen: Literal["code", "bare"] = "code",
    unless: str | None = None,
    priority: Priority | None = None,
    confidence: float = 0.85,
    in_tests: Priority | None = "P3",
) -> Pattern:
    """A pattern from its parts as text; TypeScript goes with `javascript`."""
    return Pattern(
        languages=frozenset(languages.split()),
        pattern=re.compile(looks),
        title=title,
        body=body,
        seen=seen,
        unless=re.compile(unless, re.IGNORECASE) if unless else None,
        priority=priority,
        confidence=confidence,
        in_tests=in_tests,
    )


def check_of(patterns: Sequence[Pattern]) -> Check:
    """A check that gives, for each added line, the first pattern that it looks like."""

    def check(file: SourceFile) -> Iterator[Hit]:
        language = _LIKE.get(file.language, file.language)
        fitting = [each for each in patterns if language in each.languages]
        if file.is_test:
            fitting = [each for each in fitting if each.in_tests is not None]
        for number in sorted(file.added) if fitting else ():
            found = next((each for each in fitting if each.matches(file, number)), None)
            if found is not None:
                yield Hit(
                    line=number,
                    title=found.title,
                    body=found.body,
                    priority=found.in_tests if file.is_test else found.priority,
                    confidence=found.confidence,
                )

    return check
