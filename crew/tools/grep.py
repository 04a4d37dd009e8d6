"""`grep`: lines that match a regular expression, with ripgrep's speed where it is installed."""

import math
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
from pydantic import Field

from crew.errors import PathError, ToolError
from crew.tools.files import off_loop, open_regular
from crew.tools.listing import Glob, list_files
from crew.tools.pattern import translate
from crew.tools.protocol import Effect, Tool, ToolArgs, ToolContext, ToolOutput
from crew.tools.search import MAX_BYTES, Found, search
from crew.tools.workspace import shown

LINE_CHARS = 500
PAGE_CHARS = 50_000
"""Less than what a session gives its model of one call, so that a page is never cut."""


class GrepArgs(ToolArgs):
    """Arguments of `grep`."""

    pattern: str = Field(description="Regular expression, matched line by line")
    path: str = Field(default=".", description="File or folder to search")
    glob: str | None = Field(default=None, description="Only files that fit: *.py, src/**/*.ts")
    ignore_case: bool = False
    context: int = Field(default=0, ge=0, le=5, description="Lines to show around each match")
    limit: int = Field(default=200, ge=1, le=1_000, description="Matching lines to show")


@dataclass(frozen=True, slots=True)
class _Files:
    """What is searched, and what is left out of it."""

    names: list[str]
    too_large: int
    unreadable: int
    whole: bool


class Grep(Tool[GrepArgs]):
    """Searches the text of files.

    Args:
        ripgrep: The program to use; None for Python alone; absent: `rg` where it is on PATH.
        deadline: Seconds that a search may take.
    """

    name = "grep"
    description = (
        "Search files for a regular expression; gives path:line:text, sorted by path. Groups, "
        "classes, repetitions and alternatives as usual; no look-around, no back references. "
        "What .gitignore names, binary files and files over 5 MB are left out."
    )
    effect = Effect.READ
    concurrent = True
    path_args = ("path",)
    args = GrepArgs

    def __init__(self, *, ripgrep: str | None = "rg", deadline: float = 60) -> None:
        self._ripgrep = ripgrep
        self._deadline = deadline

    def preview(self, args: GrepArgs) -> str:
        """The pattern, and where it is searched."""
        where = [args.path] if args.path != "." else []
        where += [args.glob] if args.glob is not None else []
        return f"{args.pattern} in {' '.join(where)}" if where else args.pattern

    async def run(self, args: GrepArgs, ctx: ToolContext) -> ToolOutput:
        """Search.

        Raises:
            ToolError: The pattern, the path or the glob is off, or the time was over.
        """
        pattern = translate(args.pattern, ignore_case=args.ignore_case)
        glob = Glob(args.glob) if args.glob is not None else None
        real = ctx.workspace.resolve(args.path)
        try:
            with anyio.fail_after(self._deadline):
                folder, files = await _files(real, args.path, glob)
                found = await search(
                    pattern,
                    files.names,
                    folder=folder,
                    limit=args.limit,
                    ripgrep=shutil.which(self._ripgrep) if self._ripgrep else None,
                )
                prefix = (
                    "" if folder == ctx.workspace.root else ctx.workspace.relative(folder) + "/"
                )
                shown_lines = await off_loop(
                    partial(_page, found, folder, prefix, args.context), size=_size(found)
                )
        except TimeoutError:
            raise ToolError(
                f"the search took more than {self._deadline:g} s",
                hint="narrow the path or the glob, or write a simpler pattern",
            ) from None
        return _output(found, files, shown_lines)


async def _files(real: Path, name: str, glob: Glob | None) -> tuple[Path, _Files]:
    """The folder that names start from, and the files to search."""
    mode = _mode(real, name)
    if stat.S_ISDIR(mode):
        listing = await list_files(real)
        work = partial(_searchable, real, listing.files, glob, whole=listing.whole)
        return real, await off_loop(work, size=len(listing.files) * 200)
    if not stat.S_ISREG(mode):
        raise PathError(f"{shown(name)} is no file or folder")
    return real.parent, _searchable(real.parent, [real.name], None, whole=True)


def _mode(real: Path, name: str) -> int:
    try:
        return real.stat().st_mode
    except OSError as error:
        raise PathError(f"{shown(name)}: {error.strerror}") from error


def _searchable(folder: Path, names: list[str], glob: Glob | None, *, whole: bool) -> _Files:
    kept: list[str] = []
    too_large = unreadable = 0
    for name in names:
        if glob is not None and not glob.matches(name):
            continue
        path = os.path.join(folder, name)
        try:
            status = os.lstat(path)
        except OSError:
            continue
        if not stat.S_ISREG(status.st_mode):
            continue
        if status.st_size > MAX_BYTES:
            too_large += 1
        elif not os.access(path, os.R_OK):
            unreadable += 1
        else:
            # A name must not look like an option, nor like a path without a folder.
            kept.append(f"./{name}")
    return _Files(kept, too_large, unreadable, whole)


def _size(found: Found) -> int:
    return sum(found.counts[name] for name in found.lines) * 200 + len(found.lines) * 10_000


def _page(found: Found, folder: Path, prefix: str, context: int) -> list[str]:
    """Rows of the page: `path:12:text` for a match, `path-11-text` around it, `--` between."""
    rows: list[str] = []
    room = PAGE_CHARS
    for name, numbers in found.lines.items():
        path = f"{prefix}{shown(name.removeprefix('./'))}"
        for row in _rows(folder / name, path, numbers, context):
            room -= len(row) + 1
            if room < 0:
                rows.append("(the page is full; narrow the search)")
                return rows
            if not (row == "--" and not rows):
                rows.append(row)
    return rows


def _rows(file: Path, path: str, numbers: list[int], context: int) -> Iterator[str]:
    try:
        with open_regular(file, path) as opened:
            lines = opened.read(MAX_BYTES).split(b"\n")
    except (OSError, ToolError):
        return
    if not lines[-1]:
        lines.pop()
    matching = set(numbers)
    last = -math.inf
    for number in numbers:
        start = max(1, number - context)
        if context and start > last + 1:
            yield "--"
        end = min(len(lines), number + context)
        for place in range(int(max(start, last + 1)), end + 1):
            sign = ":" if place in matching else "-"
            yield f"{path}{sign}{place}{sign}{_line(lines[place - 1])}"
        last = max(last, end)


def _line(raw: bytes) -> str:
    # A character has at most four bytes, so this many hold all that is shown of a line.
    head = raw[: LINE_CHARS * 4 + 4].removesuffix(b"\r")
    line = head.decode("utf-8", "backslashreplace")
    line = line.removeprefix("\ufeff")
    return line if len(line) <= LINE_CHARS else f"{line[:LINE_CHARS]} [... cut]"


def _output(found: Found, files: _Files, rows: list[str]) -> ToolOutput:
    total = sum(found.counts.values())
    numbered = sum(map(len, found.lines.values()))
    lines = f"{total:,} matching line{'' if total == 1 else 's'}"
    where = f"{len(found.counts):,} file{'' if len(found.counts) == 1 else 's'}"
    notes = [] if total else [f"no match in {len(files.names):,} files"]
    if numbered < total:
        notes.append(f"{numbered:,} of {lines} in {where} shown")
    skipped = (
        (found.binary, "binary that match"),
        (files.too_large, "over 5 MB"),
        (files.unreadable, "that can't be read"),
    )
    if left_out := [f"{count:,} {what}" for count, what in skipped if count]:
        notes.append(f"left out: {', '.join(left_out)}")
    if not files.whole:
        notes.append("there are more files than could be searched")
    text = "\n".join([*rows, *(f"({note})" for note in notes)])
    return ToolOutput(text=text, summary=f"{lines} in {where}" if total else "no match")
