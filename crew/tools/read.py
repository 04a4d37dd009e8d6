"""`read`: numbered lines of a file, streamed, so that no file is too large to look into."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from pydantic import Field

from crew.errors import ToolError
from crew.tools.files import BINARY_HEAD, kind_of, off_loop, open_regular
from crew.tools.protocol import Effect, Tool, ToolArgs, ToolContext, ToolOutput

ARTIFACT = "artifact:"

LINE_CHARS = 2_000
PAGE_CHARS = 50_000
"""Less than what a session gives its model of one call, so that a page is never cut."""
CHEAP_TO_COUNT = 16 * 1024 * 1024
"""Bytes of a file whose lines are counted to the end."""
LOOKED_THROUGH = 256 * 1024 * 1024
"""Bytes that one call goes through before it gives up finding a line."""
_BLOCK = 1024 * 1024
_NEWLINE = b"\n"


class ReadArgs(ToolArgs):
    """Arguments of `read`."""

    path: str = Field(description="File in the workspace, or artifact:NAME for a run's artifact")
    start: int = Field(default=1, ge=1, description="First line, counted from 1")
    limit: int = Field(default=2_000, ge=1, le=20_000, description="Number of lines")


class Read(Tool[ReadArgs]):
    """Shows a page of a text file; says what a binary file is."""

    name = "read"
    description = (
        "Read a text file with line numbers. Long files come in pages: go on with the start line "
        "that the end of the page names."
    )
    effect = Effect.READ
    concurrent = True
    path_args = ("path",)
    args = ReadArgs

    def preview(self, args: ReadArgs) -> str:
        """The path, and the lines where not all of them are asked for."""
        return args.path if args.start == 1 else f"{args.path}:{args.start}"

    async def run(self, args: ReadArgs, ctx: ToolContext) -> ToolOutput:
        """Show the page.

        Raises:
            ToolError: There is no such file, it is no regular one, or it has no such line.
        """
        if args.path.startswith(ARTIFACT):
            data = ctx.artifacts.get(args.path.removeprefix(ARTIFACT))
            opened: Callable[[], BinaryIO] = partial(io.BytesIO, data)
            size = len(data)
        else:
            real = ctx.workspace.regular_file(args.path)
            opened = partial(open_regular, real, args.path)
            size = real.stat().st_size
        return await off_loop(lambda: _show(opened, size, args), size=size)


def _show(opened: Callable[[], BinaryIO], size: int, args: ReadArgs) -> ToolOutput:
    try:
        with opened() as file:
            if kind := kind_of(file.read(BINARY_HEAD)):
                text = f"{args.path} is not text: {kind}, {size:,} bytes"
                return ToolOutput(text=text, summary=f"{kind}, {size:,} bytes")
            file.seek(0)
            return _page(file, size, args)
    except OSError as error:
        raise ToolError(f"{args.path}: {error.strerror}") from error


def _page(file: BinaryIO, size: int, args: ReadArgs) -> ToolOutput:
    _skip_to(file, args)
    lines: list[str] = []
    room = PAGE_CHARS
    number = args.start
    horizon = file.tell() + LOOKED_THROUGH
    while number < args.start + args.limit and room > 0 and file.tell() < horizon:
        line = _next_line(file, number)
        if line is None:
            break
        numbered = f"{number:>6}\t{line}"
        room -= len(numbered) + 1
        lines.append(numbered)
        number += 1
    if not lines and args.start > 1:
        raise ToolError(f"{args.path} has no line {args.start}; lines in all: {number - 1:,}")
    behind = _behind(file, number)
    if behind.more:
        shown = f"lines {args.start}-{number - 1}"
        lines.append(f"({shown} of {behind.all}; go on with start={number})")
    elif args.start > 1:
        lines.append(f"(lines {args.start}-{number - 1}, the end)")
    count = number - args.start
    summary = f"{count:,} line{'' if count == 1 else 's'}"
    if behind.more:
        summary += f" of {behind.all}"
    return ToolOutput(text="\n".join(lines) or "(empty file)", summary=summary)


def _skip_to(file: BinaryIO, args: ReadArgs) -> None:
    """Move to the beginning of the first line asked for, or to the end of the file."""
    wanted = args.start - 1
    offset = 0
    last = b"\n"
    while wanted and (block := file.read(_BLOCK)):
        count = block.count(b"\n")
        if count >= wanted:
            place = -1
            for _ in range(wanted):
                place = block.index(b"\n", place + 1)
            file.seek(offset + place + 1)
            return
        wanted -= count
        offset += len(block)
        last = block[-1:]
        if offset > LOOKED_THROUGH:
            raise ToolError(
                f"{args.path}: line {args.start} is not in the first {LOOKED_THROUGH >> 20} MB",
                hint="find the place with grep",
            )
    if wanted:
        lines = args.start - 1 - wanted + (last != b"\n")
        raise ToolError(f"{args.path} has no line {args.start}; lines in all: {lines:,}")


def _next_line(file: BinaryIO, number: int) -> str | None:
    # A character has at most four bytes, so this many hold all that is shown of a line.
    raw = file.readline(LINE_CHARS * 4 + 4)
    if not raw:
        return None
    length = len(raw)
    whole = raw.endswith(b"\n")
    while not whole and (more := file.readline(_BLOCK)):
        length += len(more)
        whole = more.endswith(b"\n")
        if length > LOOKED_THROUGH:
            raise ToolError(f"line {number} is longer than {LOOKED_THROUGH >> 20} MB")
    line = raw.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "backslashreplace")
    if number == 1:
        line = line.removeprefix("\ufeff")
    if len(line) <= LINE_CHARS and length == len(raw):
        return line
    return f"{line[:LINE_CHARS]} [... line of {length:,} bytes]"


@dataclass(frozen=True, slots=True)
class _Behind:
    """What follows a page: whether there is more, and how many lines there are in all."""

    more: bool
    all: str


def _behind(file: BinaryIO, number: int) -> _Behind:
    """Look behind the page that ended before line `number`."""
    block = file.read(_BLOCK)
    lines = number - 1
    looked = 0
    last = b""
    while block:
        lines += block.count(b"\n")
        looked += len(block)
        last = block
        if looked > CHEAP_TO_COUNT:
            return _Behind(True, f"more than {lines:,}")
        block = file.read(_BLOCK)
    return _Behind(bool(last), f"{lines + (last[-1:] not in (b'', _NEWLINE)):,}")
