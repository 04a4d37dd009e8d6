"""`edit`: replaces an exact piece of a file, which must be unique unless all are meant."""

import re
from pathlib import Path

from pydantic import Field

from crew.errors import ToolError
from crew.records import FileChange
from crew.tools.files import off_loop, open_regular, replace_file
from crew.tools.proposed import Clean, proposed
from crew.tools.protocol import Effect, Tool, ToolArgs, ToolContext, ToolOutput
from crew.tools.workspace import Workspace, shown

MAX_BYTES = 16 * 1024 * 1024
LINES_NAMED = 10

_BARE_NEWLINE = re.compile(r"(?<!\r)\n")


class EditArgs(ToolArgs):
    """Arguments of `edit`."""

    path: str = Field(description="File in the workspace")
    old: str = Field(description="The exact text to replace, with its indentation")
    new: str = Field(description="What to put in its place")
    all: bool = Field(default=False, description="Replace every occurrence")


class Edit(Tool[EditArgs]):
    """Changes a part of a file; line ends and mode stay as they are."""

    name = "edit"
    description = (
        "Replace an exact piece of text in a file. It must occur exactly once, unless all is "
        "true: give as many lines around it as make it unique."
    )
    effect = Effect.WRITE
    path_args = ("path",)
    args = EditArgs

    def preview(self, args: EditArgs) -> str:
        """The path."""
        return args.path

    def change(self, args: EditArgs, workspace: Workspace, clean: Clean) -> FileChange:
        """The file as it is against the file with the piece replaced."""

        def edited(text: str | None) -> str:
            old, new, places = _matches(text or "", args) if args.old else ("", "", [])
            if not places:
                raise ToolError("old does not occur")
            return (text or "").replace(old, new)

        return proposed(workspace, workspace.writable(args.path), edited, clean)

    async def run(self, args: EditArgs, ctx: ToolContext) -> ToolOutput:
        """Change it.

        Raises:
            ToolError: There is no such text or it is not unique, or the file is not UTF-8,
                too large, or can't be written.
        """
        if not args.old:
            raise ToolError("old is empty", hint="use write to create a file")
        if args.old == args.new:
            raise ToolError("old and new are the same")
        ctx.workspace.writable(args.path)
        real = ctx.workspace.regular_file(args.path)
        lines = await off_loop(lambda: _edit(real, args), size=real.stat().st_size)
        where = f"line{'' if len(lines) == 1 else 's'} {_named(lines)}"
        count = f"{len(lines)} replacement{'' if len(lines) == 1 else 's'}"
        return ToolOutput(
            text=f"{ctx.workspace.relative(real)}: {count} at {where}",
            summary=where if len(lines) == 1 else count,
        )


def _edit(real: Path, args: EditArgs) -> list[int]:
    """Do it and give the lines at which it was done, as they were before."""
    with open_regular(real, args.path) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ToolError(f"{shown(args.path)} is larger than {MAX_BYTES >> 20} MB")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ToolError(f"{shown(args.path)} is not UTF-8 (byte {error.start:,})") from error
    old, new, places = _matches(text, args)
    if not places:
        raise ToolError(f"old does not occur in {shown(args.path)}", hint=_near(text, args.old))
    lines = _lines(text, places)
    if len(places) > 1 and not args.all:
        raise ToolError(
            f"old occurs {len(places)} times in {shown(args.path)}, at lines {_named(lines)}",
            hint="add lines around it until it is unique, or set all",
        )
    try:
        changed = text.replace(old, new).encode()
    except UnicodeEncodeError as error:
        raise ToolError("new holds half of a surrogate pair") from error
    replace_file(real, changed, args.path)
    return lines


def _matches(text: str, args: EditArgs) -> tuple[str, str, list[int]]:
    """Find `old`, written with the file's line ends where those are CRLF."""
    with_crlf = (_crlf(args.old), _crlf(args.new))
    as_given = (args.old, args.new)
    crlf = text.count("\r\n")
    only_crlf = crlf > 0 and crlf == text.count("\n")
    for old, new in (with_crlf,) if only_crlf else (as_given, with_crlf) if crlf else (as_given,):
        if places := _places(text, old):
            return old, new, places
    return args.old, args.new, []


def _crlf(text: str) -> str:
    return _BARE_NEWLINE.sub("\r\n", text)


def _places(text: str, old: str) -> list[int]:
    places = []
    place = text.find(old)
    while place >= 0:
        places.append(place)
        place = text.find(old, place + len(old))
    return places


def _lines(text: str, places: list[int]) -> list[int]:
    lines = []
    line, counted = 1, 0
    for place in places:
        line += text.count("\n", counted, place)
        counted = place
        lines.append(line)
    return lines


def _named(lines: list[int]) -> str:
    named = ", ".join(map(str, lines[:LINES_NAMED]))
    return named if len(lines) <= LINES_NAMED else f"{named} and {len(lines) - LINES_NAMED} more"


def _near(text: str, old: str) -> str:
    """Where the first line of `old` does occur, if white space is not looked at."""
    first = next((line.split() for line in old.split("\n") if line.strip()), None)
    lines = [
        number for number, line in enumerate(text.split("\n"), start=1) if line.split() == first
    ]
    if not first or not lines:
        return "read the file again"
    return f"its first line is at {_named(lines)}, and white space or what follows differs"
