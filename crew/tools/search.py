"""Finding the lines that match: by ripgrep, or by a Python child with the same answer."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from crew.errors import ToolError
from crew.tools.pattern import Pattern
from crew.tools.process import capture

MAX_BYTES = 5_000_000
"""Larger files are not searched."""

_BATCH_BYTES = 96 * 1024
"""Of file names in one command line; the least limit in use is 128 kB."""

_WORKER = Path(__file__).with_name("grep_worker.py")


@dataclass(frozen=True, slots=True)
class Found:
    """Where a pattern matches.

    Attributes:
        counts: Matching lines by file, in path order.
        lines: Line numbers in the first of these files, up to the limit.
        binary: Files that match and are no text; they are in neither of the others.
    """

    counts: dict[str, int]
    lines: dict[str, list[int]]
    binary: int


async def search(
    pattern: Pattern, files: Sequence[str], *, folder: Path, limit: int, ripgrep: str | None
) -> Found:
    """Search files in the order given.

    Args:
        pattern: What to search.
        files: Regular files of at most `MAX_BYTES`, relative to the folder.
        folder: Where the names start.
        limit: Line numbers wanted.
        ripgrep: The program; None or one that does not do its work leaves it to Python.
    """
    if ripgrep is not None:
        found = await _Ripgrep(ripgrep, folder).search(pattern.rust, files, limit)
        if found is not None:
            return found
    return await _search_in_child(pattern.python, files, folder, limit)


async def _search_in_child(pattern: str, files: Sequence[str], folder: Path, limit: int) -> Found:
    order = {"pattern": pattern, "files": list(files), "limit": limit, "max_bytes": MAX_BYTES}
    command = (sys.executable, "-I", "-S", "-X", "utf8", str(_WORKER))
    said = await capture(command, cwd=folder, stdin=json.dumps(order).encode())
    if said.code != 0 or not said.whole:
        reason = said.err.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise ToolError(f"the search failed: {reason or f'exit {said.code}'}")
    return Found(**json.loads(said.out))


class _Ripgrep:
    """Three passes, each bounded: count, sort out what is no text, number the first lines."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder

    async def search(self, pattern: str, files: Sequence[str], limit: int) -> Found | None:
        counted = await self._run(["--count", "--regexp", pattern], files)
        if counted is None:
            return None
        counts = {name: int(count) for name, count in _pairs(counted)}
        binary = await self._run(["--files-with-matches", "--regexp", r"\x00"], sorted(counts))
        if binary is None:
            return None
        no_text = {os.fsdecode(name) for name in binary.split(b"\0") if name}
        counts = {name: counts[name] for name in files if name in counts and name not in no_text}
        first = list(_first(counts, limit))
        numbered = await self._run(
            # The content of the lines is not wanted here: it may be long.
            ["--line-number", "--max-columns=1", f"--max-count={limit}", "--regexp", pattern],
            first,
        )
        if numbered is None:
            return None
        lines: dict[str, list[int]] = {name: [] for name in first}
        for name, line in _pairs(numbered):
            lines[name].append(int(line.partition(":")[0]))
        return Found(counts, _limited(lines, limit), len(no_text))

    async def _run(self, options: list[str], files: Sequence[str]) -> bytes | None:
        """Search the files; None when the program did not do it."""
        out = bytearray()
        for batch in _batches(files):
            said = await capture([self._program, *_FLAGS, *options, "--", *batch], cwd=self._folder)
            # 1: nothing found; 2: a file went away, or the program is not what it seems.
            if said.code > 2 or said.code < 0 or not said.whole or (said.code == 2 and said.err):
                return None
            out += said.out
        return bytes(out)


_FLAGS = (
    "--no-config",
    "--no-messages",
    "--color=never",
    "--no-heading",
    "--with-filename",
    "--null",
    "--text",
    "--encoding=none",
    "--case-sensitive",
    "--regex-size-limit=100M",
    "--dfa-size-limit=100M",
)


def _pairs(out: bytes) -> Iterator[tuple[str, str]]:
    """Read `name NUL rest-of-line` rows."""
    at = 0
    while (end := out.find(b"\0", at)) >= 0:
        newline = out.find(b"\n", end)
        if newline < 0:
            newline = len(out)
        yield os.fsdecode(out[at:end]), out[end + 1 : newline].decode("utf-8", "replace")
        at = newline + 1


def _first(counts: dict[str, int], limit: int) -> Iterator[str]:
    """The first files that together have as many matching lines as are wanted."""
    for name, count in counts.items():
        if limit <= 0:
            return
        limit -= count
        yield name


def _limited(lines: dict[str, list[int]], limit: int) -> dict[str, list[int]]:
    limited = {}
    for name, numbers in lines.items():
        if limit <= 0:
            break
        limited[name] = numbers[:limit]
        limit -= len(numbers)
    return limited


def _batches(files: Sequence[str]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for name in map(os.fsencode, files):
        if batch and size + len(name) > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(name)
        size += len(name) + 9  # its end and its pointer count as well
    if batch:
        yield batch
