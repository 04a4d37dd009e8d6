"""The folder that a run works in. Every path of every tool goes through `Workspace.resolve`."""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from crew.errors import PathError, WorkspaceError


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewScope:
    """What is under review.

    Attributes:
        base: The commit to compare with; None lets `git_changes` find it.
        paths: Only these files and folders, relative to the workspace; empty means all.
        runs: The folder of runs whose reports are left out; None leaves nothing out.
    """

    base: str | None = None
    paths: tuple[str, ...] = ()
    runs: Path | None = None


_UNSHOWN = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


def shown(name: str) -> str:
    r"""A file name on one line: control characters and bytes that are not UTF-8 as `\xNN`."""
    return _UNSHOWN.sub(_escaped, name)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"


_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")


def _meant(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return chr(code + 0xDC00 if code >= 0x80 else code)


_STATE_FOLDERS = (".git", ".crew/runs")
"""Where git and crew keep state that only they may change; a hook there would be executed."""


class Workspace:
    """A folder that nothing leads out of: links are followed first, then the place is judged.

    Args:
        root: The folder, every link in its path followed.

    Raises:
        WorkspaceError: There is no such folder, or it was deleted under the process.
    """

    def __init__(self, root: Path) -> None:
        try:
            self.root = Path(os.path.realpath(root))
            is_folder = stat.S_ISDIR(self.root.stat().st_mode)
        except OSError as error:
            raise WorkspaceError(
                f"{root}: {error.strerror}", hint="run crew in a folder that exists"
            ) from error
        if not is_folder:
            raise WorkspaceError(f"{root} is not a folder", hint="run crew in a folder")
        self._inside = os.path.join(self.root, "")

    def resolve(self, path: str) -> Path:
        """The absolute path behind a workspace path, every link followed.

        Args:
            path: Relative to the workspace, or absolute inside it; a name as `shown` gives it
                is understood where no file has that very name.

        Raises:
            PathError: It leads outside, or can't be a path.
        """
        if "\\x" in path and not os.path.lexists(os.path.join(self.root, path)):
            path = _ESCAPE.sub(_meant, path)
        if "\0" in path:
            raise PathError(f"{path!r} is not a path")
        try:
            real = os.path.realpath(os.path.join(self.root, path))
        except (OSError, ValueError) as error:
            raise PathError(f"{shown(path)}: {error}") from error
        if not os.path.join(real, "").startswith(self._inside):
            raise PathError(
                f"{shown(path)} leads outside the workspace", hint="use a path inside the workspace"
            )
        return Path(real)

    def folder(self, path: str) -> Path:
        """Resolve a path that must be an existing folder.

        Raises:
            PathError: It is not one, or can't be looked at.
        """
        real = self.resolve(path)
        try:
            mode = real.stat().st_mode
        except OSError as error:
            raise PathError(f"{shown(path)}: {error.strerror}") from error
        if not stat.S_ISDIR(mode):
            raise PathError(f"{shown(path)} is not a folder")
        return real

    def writable(self, path: str) -> Path:
        """Resolve a path that may be written: a regular file, or nothing yet.

        Raises:
            PathError: It is something else, or lies where git or crew keep their own state.
        """
        real = self.resolve(path)
        inside = real.relative_to(self.root)
        folders = {folder.as_posix() for folder in (inside, *inside.parents)}
        if ".git" in inside.parts or not folders.isdisjoint(_STATE_FOLDERS):
            raise PathError(f"{shown(path)} belongs to git or crew and is not written by tools")
        try:
            mode = real.lstat().st_mode
        except FileNotFoundError:
            return real
        except OSError as error:
            raise PathError(f"{shown(path)}: {error.strerror}") from error
        if stat.S_ISDIR(mode):
            raise PathError(f"{shown(path)} is a folder")
        if not stat.S_ISREG(mode):
            raise PathError(f"{shown(path)} is not a regular file")
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
            raise PathError(f"{shown(path)}: {error.strerror}") from error
        if stat.S_ISDIR(mode):
            raise PathError(f"{shown(path)} is a folder", hint="use ls to list it")
        if not stat.S_ISREG(mode):
            raise PathError(f"{shown(path)} is not a regular file")
        return real

    def relative(self, path: Path) -> str:
        """A path as tools show it: relative to the workspace, with forward slashes."""
        try:
            return shown(path.relative_to(self.root).as_posix())
        except ValueError:
            return shown(path.as_posix())
