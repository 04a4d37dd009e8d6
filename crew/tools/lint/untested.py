"""Code that changed while no test of its language did."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from crew.tools.lint.finding import Finding
from crew.tools.lint.language import CODE, is_test, is_vendored, language_of
from crew.tools.lint.source import SourceFile

_FEW = 3
_SAME = {"typescript": "javascript", "kotlin": "java", "scala": "java"}

UNTESTED = "untested-change"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedCode:
    """What counts of one changed file.

    Attributes:
        family: Its language, where several share their tests.
        size: Lines of code that the change added.
    """

    path: str
    family: str
    size: int

    @classmethod
    def of(cls, file: SourceFile) -> Self:
        """Weigh a file; tests and files without code weigh nothing."""
        counts = file.language in CODE and not file.is_test
        size = sum(1 for number in file.added if file.code[number - 1].strip()) if counts else 0
        return cls(path=file.path, family=_family(file.language), size=size)


def tested_languages(paths: Iterable[str]) -> frozenset[str]:
    """The languages in which these paths hold a test."""
    return frozenset(
        _family(language_of(path)) for path in paths if is_test(path) and not is_vendored(path)
    )


def untested(
    files: Sequence[ChangedCode], changed: Iterable[str], tested: frozenset[str]
) -> list[Finding]:
    """One finding for the whole change, at the file that changed most; or none.

    Args:
        files: The changed files that were read.
        changed: Every changed path, deleted ones included.
        tested: Languages in which the repository has tests at all.
    """
    missing = tested - tested_languages(changed)
    weighty = [file for file in files if file.family in missing and file.size >= _FEW]
    if not weighty:
        return []
    largest = max(weighty, key=lambda file: (file.size, file.path))
    places = ", ".join(sorted(file.path for file in weighty)[:5])
    return [
        Finding(
            title="Code changed, and no test with it",
            body=f"The change adds code to {len(weighty)} "
            f"{'file' if len(weighty) == 1 else 'files'} ({places}) and touches no test, though "
            "the repository has tests for this language. Add one that fails without the change.",
            priority="P3",
            confidence=0.5,
            file=largest.path,
            rule=UNTESTED,
        )
    ]


def _family(language: str) -> str:
    return _SAME.get(language, language)
