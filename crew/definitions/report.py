"""The problems of one definition file, each with a place that exists in that file."""

import difflib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from crew.definitions.types import Problem


class Place(NamedTuple):
    """A line and a column of a file, both from 1."""

    line: int
    column: int


WHOLE_FILE = Place(0, 0)


class Report:
    """Collects what is wrong in one file.

    Args:
        path: The file, as the problems name it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._lines: list[str] = [""]
        self._problems: list[Problem] = []

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was found, in the order of the file."""
        return tuple(sorted(self._problems, key=lambda found: (found.line, found.column)))

    def reads(self, text: str) -> None:
        """Take the file's text, in which all places lie."""
        self._lines = text.split("\n")

    def add(self, at: Place, message: str, hint: str = "") -> None:
        """Record one problem; a place past the end moves to the end."""
        line = min(at.line, len(self._lines))
        column = min(at.column, len(self._lines[line - 1]) + 1) if line else 0
        self._problems.append(
            Problem(path=self.path, line=line, column=column, message=message, hint=hint)
        )


def display_path(path: Path) -> str:
    """The path relative to the working folder where that is shorter."""
    whole = str(path)
    try:
        relative = os.path.relpath(whole)
    except (OSError, ValueError):
        return printable(path)
    return printable(Path(relative)) if len(relative) < len(whole) else printable(path)


def printable(path: Path) -> str:
    """The path as text that JSON and a terminal take, whatever bytes its names have."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the known word nearest to this one; empty when none is near."""
    found = difflib.get_close_matches(word[:100], list(known), n=1, cutoff=0.6)
    return f"did you mean `{found[0]}`?" if found else ""


def shown(text: str, limit: int = 60) -> str:
    """A piece of a file as a message may quote it: printable, one line, cut."""
    line = "".join(char if char.isprintable() else " " for char in text)
    return line if len(line) <= limit else line[: limit - 3] + "..."
