"""`ls`: what a folder holds, folders first, links with where they lead."""

import os
import stat
from pathlib import Path

from pydantic import Field

from crew.errors import PathError, ToolError
from crew.tools.files import off_loop
from crew.tools.protocol import Effect, Tool, ToolArgs, ToolContext, ToolOutput
from crew.tools.workspace import Workspace, shown

MAX_SHOWN = 500
MAX_SCANNED = 200_000

_SPECIAL = {
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


class LsArgs(ToolArgs):
    """Arguments of `ls`."""

    path: str = Field(default=".", description="Folder in the workspace")


class Ls(Tool[LsArgs]):
    """Lists one folder."""

    name = "ls"
    description = "List a folder: folders first (name/), files with their size in bytes, links."
    effect = Effect.READ
    concurrent = True
    path_args = ("path",)
    args = LsArgs

    def preview(self, args: LsArgs) -> str:
        """The path."""
        return args.path

    async def run(self, args: LsArgs, ctx: ToolContext) -> ToolOutput:
        """List it.

        Raises:
            ToolError: It is no folder, or can't be read.
        """
        folder = ctx.workspace.folder(args.path)
        # A folder's own size grows with its entries on every common file system.
        size = folder.stat().st_size
        return await off_loop(lambda: _listing(ctx.workspace, folder, args.path), size=size)


def _listing(workspace: Workspace, folder: Path, name: str) -> ToolOutput:
    try:
        folders, others, whole = _scan(folder)
    except OSError as error:
        raise ToolError(f"{shown(name)}: {error.strerror}") from error
    total = len(folders) + len(others)
    rows = [f"{shown(entry)}/" for entry in sorted(folders)[:MAX_SHOWN]]
    rows += [_row(workspace, folder / entry) for entry in sorted(others)[: MAX_SHOWN - len(rows)]]
    count = f"{total:,}" if whole else f"more than {total:,}"
    if total > MAX_SHOWN:
        rows.append(f"({MAX_SHOWN} of {count} entries; use glob to find the others)")
    noun = "entry" if total == 1 else "entries"
    return ToolOutput(text="\n".join(rows) or "(empty folder)", summary=f"{count} {noun}")


def _scan(folder: Path) -> tuple[list[str], list[str], bool]:
    folders: list[str] = []
    others: list[str] = []
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number == MAX_SCANNED:
                return folders, others, False
            (folders if entry.is_dir(follow_symlinks=False) else others).append(entry.name)
    return folders, others, True


def _row(workspace: Workspace, path: Path) -> str:
    name = shown(path.name)
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            return f"{name} -> {shown(os.readlink(path))}{_note(workspace, path)}"
    except OSError as error:
        return f"{name}  ({error.strerror})"
    if special := _SPECIAL.get(stat.S_IFMT(status.st_mode)):
        return f"{name}  ({special})"
    return f"{name}  {status.st_size:,}"


def _note(workspace: Workspace, link: Path) -> str:
    try:
        target = workspace.resolve(str(link))
    except PathError:
        return " (outside the workspace)"
    return "" if target.exists() and not target.is_symlink() else " (broken)"
