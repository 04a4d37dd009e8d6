"""What reading one definition file gave: the definition, its problems, its places."""

from dataclasses import dataclass
from typing import Literal

from crew.definitions.report import WHOLE_FILE, Place
from crew.definitions.types import Definition, Problem

Kind = Literal["agent", "team", "workflow"]
KINDS: tuple[Kind, ...] = ("agent", "team", "workflow")

TOOLS = frozenset(
    {"read", "ls", "glob", "grep", "git_changes", "lint", "write", "edit", "shell"},
)
"""The built-in tools that a definition may list."""

SESSION_TOOLS = frozenset({"submit_result", "spawn_agent"})
"""Tools that a session gives by itself; listing them means nothing, so it is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A file, read.

    Attributes:
        path: The file as problems name it.
        definition: None when the file has problems.
        draft: What could be read of a file with problems, only to find more of them.
        places: Path of keys to where its value stands, for checks that need other files.
    """

    path: str
    definition: Definition | None
    problems: tuple[Problem, ...]
    places: dict[tuple[str, ...], Place]
    draft: Definition | None = None

    @property
    def readable(self) -> Definition | None:
        """All that could be read, for checks that need other files."""
        return self.definition or self.draft

    def problem(self, at: tuple[str, ...], message: str, hint: str = "") -> Problem:
        """A problem of this file at the place of a key."""
        line, column = self.places.get(at, WHOLE_FILE)
        return Problem(path=self.path, line=line, column=column, message=message, hint=hint)
