"""`glob`: the files whose path fits a pattern, as git sees the folder."""

from functools import partial
from pathlib import Path

from pydantic import Field

from crew.tools.files import off_loop
from crew.tools.listing import Glob as Pattern
from crew.tools.listing import Listing, is_listed, list_files
from crew.tools.protocol import Effect, Tool, ToolArgs, ToolContext, ToolOutput
from crew.tools.workspace import shown

MAX_SHOWN = 1_000


class GlobArgs(ToolArgs):
    """Arguments of `glob`."""

    pattern: str = Field(description="*.py (the name, anywhere) or src/**/*.py (the path)")
    path: str = Field(default=".", description="Folder to look in")


class Glob(Tool[GlobArgs]):
    """Finds files by name."""

    name = "glob"
    description = (
        "Find files by a pattern with *, ?, [a-z], {a,b} and **; sorted by path. "
        "What .gitignore names is left out."
    )
    effect = Effect.READ
    concurrent = True
    path_args = ("path",)
    args = GlobArgs

    def preview(self, args: GlobArgs) -> str:
        """The pattern, and the folder where one is given."""
        return args.pattern if args.path == "." else f"{args.pattern} in {args.path}"

    async def run(self, args: GlobArgs, ctx: ToolContext) -> ToolOutput:
        """Find them.

        Raises:
            ToolError: The pattern is off, or the path is no folder.
        """
        pattern = Pattern(args.pattern)
        folder = ctx.workspace.folder(args.path)
        listing = await list_files(folder)
        found = await off_loop(
            partial(_select, listing, pattern, folder), size=len(listing.files) * 200
        )
        rows = [ctx.workspace.relative(folder / path) for path in found[:MAX_SHOWN]]
        if len(found) > MAX_SHOWN:
            rows.append(f"({MAX_SHOWN:,} of {len(found):,}; narrow the pattern or the path)")
        if not listing.whole:
            rows.append(f"(only the first {len(listing.files):,} files were looked at)")
        nothing = f"no file of {len(listing.files):,} fits {shown(args.pattern)}"
        summary = f"{len(found):,} file{'' if len(found) == 1 else 's'}"
        return ToolOutput(text="\n".join(rows) or nothing, summary=summary)


def _select(listing: Listing, pattern: Pattern, folder: Path) -> list[str]:
    return [path for path in listing.files if pattern.matches(path) and is_listed(folder / path)]
