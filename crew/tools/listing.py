"""Which files a folder holds for a reader: git's view where there is one, else a careful walk."""

import fnmatch
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio.to_thread

from crew.errors import ToolError
from crew.tools.process import capture

MAX_FILES = 200_000

SKIPPED_FOLDERS = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".crew",
        ".venv",
        "venv",
        "node_modules",
        "__pycache__",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".tox",
        ".nox",
    }
)
"""What a walk leaves out; in a git repository .gitignore says it."""

MAX_ALTERNATIVES = 64

_GIT_LS_FILES = (
    "git",
    "-c",
    "core.fsmonitor=false",  # a repository's own setting could name a program to run
    "ls-files",
    "-z",
    "--cached",
    "--others",
    "--exclude-standard",
)


@dataclass(frozen=True, slots=True)
class Listing:
    """Files below a folder.

    Attributes:
        files: Paths relative to the folder, sorted; bytes that are not UTF-8 as surrogates.
        whole: False when there are more than could be listed.
    """

    files: list[str]
    whole: bool


async def list_files(folder: Path) -> Listing:
    """List the files below a folder, links as themselves and never followed.

    A folder that git ignores was asked for by name: it is walked.
    """
    listed = await _git_files(folder)
    if listed is not None and listed.files:
        return listed
    return await anyio.to_thread.run_sync(partial(_walk, folder), abandon_on_cancel=True)


async def _git_files(folder: Path) -> Listing | None:
    environ = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        said = await capture(_GIT_LS_FILES, cwd=folder, env=environ)
    except ToolError:
        return None
    if said.code != 0:
        return None
    names = said.out.split(b"\0")[:-1]
    # Conflicts are listed once for each side, repositories inside with a slash behind.
    files = sorted({os.fsdecode(name) for name in names if not name.endswith(b"/")})
    return Listing(files[:MAX_FILES], said.whole and len(files) <= MAX_FILES)


def _walk(folder: Path) -> Listing:
    files: list[str] = []
    pending = [""]
    while pending:
        inside = pending.pop()
        try:
            with os.scandir(folder / inside) as entries:
                for entry in entries:
                    path = f"{inside}{entry.name}"
                    if not entry.is_dir(follow_symlinks=False):
                        files.append(path)
                    elif entry.name not in SKIPPED_FOLDERS:
                        pending.append(f"{path}/")
        except OSError:
            continue
        if len(files) > MAX_FILES:
            return Listing(sorted(files)[:MAX_FILES], False)
    return Listing(sorted(files), True)


def lstat_mode(path: Path) -> int:
    """The mode of what is there, links not followed; 0 when nothing is."""
    try:
        return path.lstat().st_mode
    except (OSError, ValueError):
        return 0


def is_listed(path: Path) -> bool:
    """Whether a listed path still is there, and is no folder (a submodule is listed as one)."""
    mode = lstat_mode(path)
    return mode != 0 and not stat.S_ISDIR(mode)


class Glob:
    """A file pattern: `*`, `?`, `[a-z]`, `{a,b}` and `**`.

    A pattern without a slash is about the name, wherever the file is; one with a slash is about
    the path from the folder.

    Raises:
        ToolError: It is empty, leads out of the folder or has too many alternatives.
    """

    def __init__(self, pattern: str) -> None:
        if not pattern.strip("/") or ".." in pattern.split("/"):
            raise ToolError(
                f"{pattern!r} is no pattern", hint="use one such as *.py or src/**/*.py"
            )
        self._patterns = [_segments(one) for one in _alternatives(pattern)]

    def matches(self, path: str) -> bool:
        """Whether a path relative to the folder fits."""
        parts = path.split("/")
        return any(_fits(segments, parts) for segments in self._patterns)


_Segment = re.Pattern[str] | None
"""A name's pattern; None stands for `**`."""


def _segments(pattern: str) -> tuple[_Segment, ...]:
    anchored = "/" in pattern.rstrip("/")
    names = [name for name in pattern.removeprefix("./").split("/") if name not in {"", "."}]
    if pattern.endswith("/"):
        names.append("**")
    segments = [None if name == "**" else re.compile(fnmatch.translate(name)) for name in names]
    return tuple(segments) if anchored else (None, *segments)


def _fits(segments: tuple[_Segment, ...], parts: list[str]) -> bool:
    """Match names from left to right; a mismatch lets the last `**` take one name more."""
    at = place = 0
    retry: tuple[int, int] | None = None
    while place < len(parts):
        segment = segments[at] if at < len(segments) else _NOTHING
        if segment is None:
            retry = (at, place)
            at += 1
        elif segment.match(parts[place]):
            at += 1
            place += 1
        elif retry is not None:
            retry = (retry[0], retry[1] + 1)
            at, place = retry[0] + 1, retry[1]
        else:
            return False
    return all(segment is None for segment in segments[at:])


_NOTHING = re.compile(r"(?!)")


def _alternatives(pattern: str) -> list[str]:
    """Write `{a,b}` out, from the innermost braces outwards."""
    done: list[str] = []
    pending = [pattern]
    while pending:
        if len(pending) + len(done) > MAX_ALTERNATIVES:
            raise ToolError(f"the pattern has more than {MAX_ALTERNATIVES} alternatives")
        one = pending.pop()
        if (braces := _BRACES.search(one)) is None:
            done.append(one)
        else:
            pending += _with(one, braces, braces[1].split(","))
    return done


_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")


def _with(pattern: str, braces: re.Match[str], words: Iterable[str]) -> list[str]:
    return [f"{pattern[: braces.start()]}{word}{pattern[braces.end() :]}" for word in words]
