"""The definitions that a run in a workspace sees."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from crew.config import config_folder
from crew.definitions import Library, bundled_root
from crew.tools.registry import TOOL_NAMES


def default_library(
    workspace: Path, environ: Mapping[str, str] = os.environ, *, tools: Iterable[str] = ()
) -> Library:
    """The definitions that a run in this workspace sees: its own, the user's, the bundled.

    Args:
        tools: Names that definitions may list beside the built-in tools.
    """
    user = config_folder(environ)
    return Library.load(workspace, user, bundled_root(), tools=(*TOOL_NAMES, *tools))
