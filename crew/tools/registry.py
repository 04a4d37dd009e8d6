"""The built-in tools by name: the one list that definitions, sessions and `crew check` share."""

import difflib
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from crew.errors import UsageError
from crew.tools.protocol import Tool

AnyTool = Tool[Any]


def _late(module: str, name: str) -> Callable[[], AnyTool]:
    def make() -> AnyTool:
        tool: AnyTool = getattr(import_module(f"crew.tools.{module}"), name)()
        return tool

    return make


BUILTIN: Mapping[str, Callable[[], AnyTool]] = MappingProxyType(
    {
        "read": _late("read", "Read"),
        "ls": _late("ls", "Ls"),
        "glob": _late("glob", "Glob"),
        "grep": _late("grep", "Grep"),
        "git_changes": _late("git_changes", "GitChanges"),
        "lint": _late("lint", "Lint"),
        "write": _late("write", "Write"),
        "edit": _late("edit", "Edit"),
        "shell": _late("shell", "Shell"),
    }
)
"""Every tool that a definition may list, and how to make it."""

TOOL_NAMES: tuple[str, ...] = tuple(BUILTIN)

SESSION_TOOLS: tuple[str, ...] = ("submit_result", "spawn_agent")
"""Tools that a session gives itself; a definition may not list them."""

READ_ONLY: tuple[str, ...] = ("read", "ls", "glob", "grep", "git_changes", "lint")
"""What an agent gets that lists no tools."""


def builtin(name: str) -> AnyTool:
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
