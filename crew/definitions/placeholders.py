"""Placeholders of step prompts: `{goal}`, `{item.title}`, `{steps.code-review.result.verdict}`.

A placeholder is a dotted path in single braces; the same in doubled braces is that text itself:
`{{goal}}` renders as `{goal}`. Every other brace is literal, so JSON in a prompt survives as it
is written.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

PATH = r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*"

_BRACED = re.compile(rf"\{{\{{(?P<literal>{PATH})\}}\}}|\{{(?P<path>{PATH})\}}")


class Placeholder(NamedTuple):
    """One placeholder: the path, and where its braces begin and end in the text."""

    path: tuple[str, ...]
    start: int
    end: int


def find(text: str) -> list[Placeholder]:
    """The placeholders of a text, in order."""
    return [
        Placeholder(split_path(found["path"]), found.start(), found.end())
        for found in _BRACED.finditer(text)
        if found["path"] is not None
    ]


def render(text: str, lookup: Callable[[tuple[str, ...]], str]) -> str:
    """The text with each placeholder replaced by what `lookup` gives for its path.

    What is put in is not read again: a value that looks like a placeholder stays text.
    """

    def replace(found: re.Match[str]) -> str:
        path = found["path"]
        return "{" + found["literal"] + "}" if path is None else lookup(split_path(path))

    return _BRACED.sub(replace, text)


def split_path(text: str) -> tuple[str, ...]:
    """A dotted path as its parts."""
    return tuple(text.split("."))


def value_at(data: Any, path: Sequence[str]) -> Any:
    """What stands at a path of keys and list positions in JSON data; None when nothing does."""
    for part in path:
        match data:
            case Mapping() if part in data:
                data = data[part]
            case list() | tuple() if part.isascii() and part.isdigit() and len(part) < 10:
                data = data[int(part)] if int(part) < len(data) else None
            case _:
                return None
    return data
