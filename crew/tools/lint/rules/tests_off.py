"""Tests that a change switches off: skipped without a reason, or all but one of them."""

import re
from collections.abc import Iterator

from crew.tools.lint.finding import Priority
from crew.tools.lint.rule import Hit, Rule
from crew.tools.lint.source import SourceFile

_SUITES = r"(?<![\w.])(?:it|test|describe|context|suite)"
_FOCUS = {
    "javascript": rf"{_SUITES}\.only\s*[(.`]|(?<![\w.])f(?:it|describe)\s*\(",
    "ruby": (
        r"^\s*f(?:it|describe|context|specify)\b[\s(]"
        r"|(?:,|\()\s*(?:focus: true|:focus)\b"
    ),
    "swift": r"(?<![\w.])f(?:it|describe|context)\(",
}
_SKIP = {
    "python": (
        r"@(?:(?:pytest\.)?mark\.|unittest\.)?(?:skip|xfail)\s*(?:\(\s*\))?\s*$"
        r"|(?<![\w.])pytest\.(?:skip|xfail)\(\s*\)|\bself\.skipTest\(\s*\)"
        r"|@(?:unittest\.)?expectedFailure\b"
    ),
    "javascript": (rf"{_SUITES}\.skip\s*\(\s*[\"'`]|(?<![\w.])x(?:it|test|describe|context)\s*\("),
    "java": (
        r"@(?:Ignore|Disabled)\s*(?:\(\s*\))?\s*(?:$|@|public|void|fun|class)"
        r"|@Test\s*\([^)]*enabled\s*=\s*false"
    ),
    "go": r"\bt\.(?:Skip\(\s*\)|SkipNow\(\))",
    "rust": r"#\[ignore\]",
    "ruby": r"^\s*x(?:it|describe|context|specify)\b[\s(]|^\s*(?:skip|pending)\s*$",
    "csharp": r"\[(?:Ignore|Explicit)\](?!\()",
    "php": r"->markTest(?:Skipped|Incomplete)\(\s*\)",
    "elixir": r"^\s*@(?:module)?tag\s+:skip\s*$",
}
_LIKE = {"typescript": "javascript", "kotlin": "java", "scala": "java"}
_TEST_ONLY = frozenset({"javascript", "ruby", "swift", "python"})
"""Languages whose words for it mean other things outside of tests."""


def _compiled(table: dict[str, str]) -> dict[str, re.Pattern[str]]:
    return {language: re.compile(pattern) for language, pattern in table.items()}


_FOCUS_PATTERNS = _compiled(_FOCUS)
_SKIP_PATTERNS = _compiled(_SKIP)
_ANYWHERE = {"javascript": re.compile(rf"{_SUITES}\.only\s*\(")}
"""What means a focused test in any file."""
_CONDITION = re.compile(r"^\s*(?:\}\s*else\s+)?(?:if|unless|else)\b")


def _matches(file: SourceFile, patterns: dict[str, re.Pattern[str]]) -> Iterator[int]:
    language = _LIKE.get(file.language, file.language)
    pattern = patterns.get(language)
    if pattern is None:
        return
    if language in _TEST_ONLY and not file.is_test:
        pattern = _ANYWHERE.get(language) if patterns is _FOCUS_PATTERNS else None
        if pattern is None:
            return
    for number in sorted(file.added):
        if pattern.search(file.code[number - 1]):
            yield number


def _focused(file: SourceFile) -> Iterator[Hit]:
    for number in _matches(file, _FOCUS_PATTERNS):
        yield Hit(
            line=number,
            title="Only this test runs",
            body="The test is focused, so the others of its suite are silently left out. "
            "Take the focus off before this is merged.",
            confidence=0.95,
        )


def _skipped(file: SourceFile) -> Iterator[Hit]:
    for number in _matches(file, _SKIP_PATTERNS):
        if _is_conditional(file, number):
            continue
        explained = file.comment_on(max(1, number - 1), number)
        priority: Priority = "P3" if explained else "P2"
        yield Hit(
            line=number,
            title="A test is switched off" + ("" if explained else " without a reason"),
            body="The change skips a test. Mend the test, or say next to the mark why it is off "
            "and what would bring it back.",
            priority=priority,
            confidence=0.5 if explained else 0.75,
        )


def _is_conditional(file: SourceFile, number: int) -> bool:
    """Whether the line before opens a condition: then the test runs elsewhere."""
    before = next((text for text in reversed(file.code[: number - 1]) if text.strip()), "")
    here = file.code[number - 1]
    return _CONDITION.match(before) is not None or re.match(r"\s*if\b", here) is not None


RULES = (
    Rule(id="focused-test", profile="quality", priority="P1", check=_focused),
    Rule(id="disabled-test", profile="quality", priority="P2", check=_skipped),
)
