"""Where a run works, found without anything of the engine."""

from pathlib import Path

from crew.store.folder import top_of


def find_workspace(folder: Path) -> Path:
    """The folder that a run started in `folder` works in: the top of its repository, or itself."""
    return top_of(folder)
