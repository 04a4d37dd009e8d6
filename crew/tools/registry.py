"""The built-in tools by name: the one list that definitions and sessions share."""

import difflib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from crew.errors import UsageError
from crew.tools.edit import Edit
from crew.tools.git_changes import GitChanges
from crew.tools.glob import Glob
from crew.tools.grep import Grep
from crew.tools.lint import Lint
from crew.tools.ls import Ls
from crew.tools.protocol import Tool
from crew.tools.read import Read
from crew.tools.shell import Shell
from crew.tools.write import Write

BUILTIN: Mapping[str, Callable[[], Tool[Any]]] = MappingProxyType(
    {tool.name: tool for tool in (Read, Ls, Glob, Grep, GitChanges, Lint, Write, Edit, Shell)}
)
"""Every tool that a definition may list, and how to make it."""

TOOL_NAMES: tuple[str, ...] = tuple(BUILTIN)

SESSION_TOOLS: tuple[str, ...] = ("submit_result", "spawn_agent")
"""Tools that a session gives itself; a definition may not list them."""

READ_ONLY: tuple[str, ...] = ("read", "ls", "glob", "grep", "git_changes", "lint")
"""What an agent gets that lists no tools."""


def builtin(name: str) -> Tool[Any]:
    """Make the built-in tool of that name.

    Raises:
        UsageError: There is none.
    """
    try:
        make = BUILTIN[name]
    except KeyError:
        near = difflib.get_close_matches(name, TOOL_NAMES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"tools: {', '.join(TOOL_NAMES)}"
        raise UsageError(f"there is no tool {name!r}", hint=hint) from None
    return make()
