"""Code that changed while no test of its language did."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from crew.tools.lint.finding import Finding
from crew.tools.lint.language import CODE, is_test, is_vendored, language_of
from crew.tools.lint.source import SourceFile

_FEW = 3
_SAME = {"typescript": "javascript", "kotlin": "java", "scala": "java"}

UNTESTED = "untested-change"

_TESTS_NOTHING = re.compile(
    r"\b(?:skip\w*|xfail|expectedFailure|pending|markTest(?:Skipped|Incomplete))\b"
    r"|@(?:Ignore|Disabled)\b|#\[ignore|\[(?:Ignore|Explicit)\b|\benabled\s*=\s*false"
    r"|(?<![\w.])x(?:it|test|describe|context|specify)\b|\.(?:only|todo)\s*\("
    r"|^\s*(?:import|from|use|using|require)\b|^\s*reason\s*=|^\W*$",
    re.IGNORECASE,
)
"""Lines that switch a test off, and those that go with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedCode:
    """What counts of one changed file.

    Attributes:
        family: Its language, where several share their tests.
        size: Lines of code that the change added.
        tests: Whether it is a test that the change added to, more than marks that switch it off.
    """

    path: str
    family: str
    size: int
    tests: bool = False

    @classmethod
    def of(cls, file: SourceFile) -> Self:
        """Weigh a file; tests and files without code weigh nothing."""
        family = family_of(file.language)
        added = (file.code[number - 1] for number in file.added)
        if file.is_test:
            tests = not all(_TESTS_NOTHING.search(line) for line in added)
            return cls(path=file.path, family=family, size=0, tests=tests)
        size = sum(1 for line in added if line.strip()) if file.language in CODE else 0
        return cls(path=file.path, family=family, size=size)


def tested_languages(paths: Iterable[str]) -> frozenset[str]:
    """The languages in which these paths hold a test."""
    return frozenset(
        family_of(language_of(path)) for path in paths if is_test(path) and not is_vendored(path)
    )


def untested(
    files: Sequence[ChangedCode], covered: Collection[str], tested: frozenset[str]
) -> list[Finding]:
    """One finding for the whole change, at the file that changed most; or none.

    Args:
        files: The changed files that were read.
        covered: Languages in which the change adds to a test.
        tested: Languages in which the repository has tests at all.
    """
    missing = tested.difference(covered)
    weighty = [file for file in files if file.family in missing and file.size >= _FEW]
    if not weighty:
        return []
    largest = max(weighty, key=lambda file: (file.size, file.path))
    places = ", ".join(sorted(file.path for file in weighty)[:5])
    return [
        Finding(
            title="Code changed, and no test with it",
            body=f"The change adds code to {len(weighty)} "
            f"{'file' if len(weighty) == 1 else 'files'} ({places}) and to no test, though the "
            "repository has tests for this language. Add one that fails without the change.",
            priority="P3",
            confidence=0.5,
            file=largest.path,
            rule=UNTESTED,
        )
    ]


def family_of(language: str) -> str:
    """The language that its tests are counted under."""
    return _SAME.get(language, language)
