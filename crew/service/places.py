"""Where a run works, found without anything of the engine."""

from pathlib import Path


def find_workspace(folder: Path) -> Path:
    """The folder that a run started in `folder` works in: the top of its repository, or itself."""
    for candidate in (folder, *folder.parents):
        if (candidate / ".git").exists():
            return candidate
    return folder
