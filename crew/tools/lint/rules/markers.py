"""Marks that a change should not carry: of merges that nobody finished, and of work left over."""

import re
from collections.abc import Iterator

from crew.tools.lint.rule import Hit, Rule
from crew.tools.lint.source import SourceFile

_OURS = re.compile(r"<{7}(?: |$)")
_THEIRS = re.compile(r">{7}(?: |$)")
# Words that the check looks for in others' code.
_TODO = re.compile(r"(?<![\w.-])(TODO|FIXME|XXX|HACK)\b(?!\s*=)")


def _conflicts(file: SourceFile) -> Iterator[Hit]:
    opened: int | None = None
    divided = False
    fenced = False
    for number, line in enumerate(file.lines, 1):
        if file.language == "markdown" and line.lstrip().startswith("```"):
            fenced = not fenced
        if fenced:
            continue
        if _OURS.match(line):
            opened, divided = number, False
        elif line == "=======":
            divided = opened is not None
        elif _THEIRS.match(line) and opened is not None and divided:
            yield Hit(
                line=opened,
                end_line=number,
                title="An unresolved merge conflict",
                body=f"Lines {opened} to {number} are both sides of a merge conflict, with git's "
                "marks between them. Keep what is meant and remove the marks.",
                priority="P1" if file.language in {"text", "markdown"} else None,
                confidence=0.99,
            )
            opened = None


def _todos(file: SourceFile) -> Iterator[Hit]:
    if not any(token.kind == "comment" for token in file.tokens):
        return
    for number in sorted(file.added):
        line, bare = file.lines[number - 1], file.bare[number - 1]
        match = _TODO.search(line)
        if match is None or bare[match.start() : match.end()].strip():
            continue
        yield Hit(
            line=number,
            title=f"{match[1]} added",
            body=f"The change leaves a {match[1]} behind: {line[match.start() :].strip()[:160]}",
        )


RULES = (
    Rule(id="conflict-marker", profile="quality", priority="P0", check=_conflicts),
    Rule(id="todo", profile="quality", priority="P3", check=_todos),
)
