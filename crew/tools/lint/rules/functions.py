"""Functions that a change lets grow past what one can hold in mind."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from crew.tools.lint.rule import Hit, Rule
from crew.tools.lint.source import SourceFile

LIMIT = 80
_LONGEST_HEAD = 400
_FAR = 3_000
"""Lines after which a brace that is still open counts as misread."""

_INDENTED = {
    "python": re.compile(r"^(?P<indent>[ \t]*)(?:async\s+)?def\s+(?P<name>\w+)"),
    "ruby": re.compile(r"^(?P<indent>[ \t]*)def\s+(?:self\.)?(?P<name>[\w?!=]+)"),
}
_NO_METHOD = r"(?!(?:if|for|while|switch|catch|return|function|else|do|try)\b)"
_SCRIPT = re.compile(
    r"^[ \t]*(?:export\s+)?(?:default\s+)?(?:async\s+)?function\s*\*?\s*(?P<name>\w+)"
    r"|^[ \t]*(?:export\s+)?(?:const|let|var)\s+(?P<arrow>\w+)\s*="
    r"\s*(?:async\s*)?(?:\([^)]*\)|\w+)\s*=>\s*\{"
    r"|^[ \t]+(?:(?:public|private|protected|static|async|override)\s+)*"
    rf"{_NO_METHOD}(?P<method>\w+)\s*\([^;{{}}=]*\)\s*(?::\s*[^{{}};=]+)?\{{\s*$"
)
_MODIFIERS = (
    r"(?:(?:public|private|protected|internal|static|final|abstract|override|async|virtual"
    r"|synchronized)\s+)+"
)
_TYPED = re.compile(
    rf"^[ \t]*{_MODIFIERS}[\w<>\[\],.? ]*?(?P<name>\w+)\s*\([^;{{}}]*(?:$|\)[^;{{}}]*\{{)"
)
_BRACED = {
    "javascript": _SCRIPT,
    "typescript": _SCRIPT,
    "go": re.compile(r"^func\s+(?:\([^)]*\)\s*)?(?P<name>\w+)"),
    "rust": re.compile(
        r"^[ \t]*(?:pub(?:\([^)]*\))?\s+)?(?:const\s+|async\s+|unsafe\s+)*fn\s+(?P<name>\w+)"
    ),
    "java": _TYPED,
    "csharp": _TYPED,
    "kotlin": re.compile(r"^[ \t]*(?:\w+\s+)*fun\s+(?:<[^>]*>\s*)?(?:\w+\.)?(?P<name>\w+)"),
    "swift": re.compile(r"^[ \t]*(?:\w+\s+)*func\s+(?P<name>\w+)"),
    "php": re.compile(
        r"^[ \t]*(?:(?:public|private|protected|static|final|abstract)\s+)*"
        r"function\s+&?(?P<name>\w+)"
    ),
    "c": re.compile(r"^[A-Za-z_][\w\s*&:<>,]*?\b(?P<name>[\w:~]+)\s*\([^;]*$"),
}


@dataclass(frozen=True, slots=True)
class _Function:
    name: str
    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def _functions(file: SourceFile) -> Iterator[_Function]:
    if (pattern := _INDENTED.get(file.language)) is not None:
        yield from _indented(file, pattern)
    elif (pattern := _BRACED.get(file.language)) is not None:
        yield from _braced(file, pattern)


def _indented(file: SourceFile, pattern: re.Pattern[str]) -> Iterator[_Function]:
    for number, line in enumerate(file.code, 1):
        match = pattern.match(line)
        if match is None:
            continue
        indent = len(match["indent"])
        last = number
        for after in range(number + 1, len(file.code) + 1):
            text = file.code[after - 1]
            if not text.strip():
                continue
            if len(text) - len(text.lstrip()) <= indent and text.lstrip()[0] not in ")]}":
                break
            last = after
        yield _Function(match["name"], number, last)


def _braced(file: SourceFile, pattern: re.Pattern[str]) -> Iterator[_Function]:
    for number, line in enumerate(file.code, 1):
        match = pattern.match(line) if len(line) <= _LONGEST_HEAD else None
        if match is None:
            continue
        last = _closing(file.code, number)
        if last is not None:
            name = next(group for group in match.groups() if group)
            yield _Function(name, number, last)


def _closing(code: tuple[str, ...], first: int) -> int | None:
    """The line of the brace that closes the first one opened at or after a line."""
    depth = 0
    opened = False
    for number in range(first, min(len(code), first + _FAR) + 1):
        for char in code[number - 1]:
            if char == "{":
                depth += 1
                opened = True
            elif char == "}":
                depth -= 1
            elif char == ";" and not opened:
                return None
            if opened and depth == 0:
                return number
    return None


def _check(file: SourceFile) -> Iterator[Hit]:
    if file.is_test or len(file.added) == 0 or len(file.lines) <= LIMIT:
        return
    for function in _functions(file):
        if function.length <= LIMIT or not file.touches(function.first, function.last):
            continue
        before = function.length - _growth(file, function)
        if before > LIMIT:
            continue
        grew = f"from {before} to {function.length}" if before > 1 else f"to {function.length}"
        yield Hit(
            line=function.first,
            end_line=function.last,
            title=f"{function.name} is now {function.length} lines long",
            body=f"The change takes {function.name} {grew} lines, past {LIMIT}. Consider giving "
            "its parts names of their own.",
            confidence=0.6,
        )


def _growth(file: SourceFile, function: _Function) -> int:
    """Lines that the change added to a function, less those that it took out of it."""
    grown = sum(1 for number in file.added if function.first <= number <= function.last)
    for hunk in file.change.hunks:
        number = hunk.new_start
        for mark, _ in hunk.lines:
            if mark == "-" and function.first < number <= function.last:
                grown -= 1
            number += mark in "+ "
    return grown


RULES = (Rule(id="long-function", profile="quality", priority="P3", check=_check),)
