"""The folder that a run works in. Every path of every tool goes through `Workspace.resolve`."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from crew.errors import PathError


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewScope:
    """What is under review.

    Attributes:
        base: The commit to compare with; None lets `git_changes` find it.
        paths: Only these files and folders, relative to the workspace; empty means all.
    """

    base: str | None = None
    paths: tuple[str, ...] = ()


class Workspace:
    """A folder that nothing leads out of: links are followed first, then the place is judged."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))

    def resolve(self, path: str) -> Path:
        """The absolute path behind a workspace path, every link followed.

        Args:
            path: Relative to the workspace, or absolute inside it.

        Raises:
            PathError: It leads outside, or can't be a path.
        """
        if "\0" in path:
            raise PathError(f"{path!r} is not a path")
        try:
            real = Path(os.path.realpath(self.root / path))
        except (OSError, ValueError) as error:
            raise PathError(f"{path}: {error}") from error
        if real != self.root and self.root not in real.parents:
            raise PathError(
                f"{path} leads outside the workspace", hint="use a path inside the workspace"
            )
        return real

    def regular_file(self, path: str) -> Path:
        """Resolve a path that must be an existing regular file; devices and pipes are refused.

        Raises:
            PathError: It is not one, or can't be looked at.
        """
        real = self.resolve(path)
        try:
            mode = real.stat().st_mode
        except OSError as error:
            raise PathError(f"{path}: {error.strerror}") from error
        if stat.S_ISDIR(mode):
            raise PathError(f"{path} is a folder", hint="use ls to list it")
        if not stat.S_ISREG(mode):
            raise PathError(f"{path} is not a regular file")
        return real

    def relative(self, path: Path) -> str:
        """A path as tools show it: relative to the workspace, with forward slashes."""
        try:
            return path.relative_to(self.root).as_posix() or "."
        except ValueError:
            return path.as_posix()
