"""`write`: creates or replaces one file in one step."""

from pydantic import Field

from crew.errors import ToolError
from crew.records import FileChange
from crew.tools.files import off_loop, replace_file
from crew.tools.proposed import Clean, proposed
from crew.tools.protocol import Effect, Tool, ToolArgs, ToolContext, ToolOutput
from crew.tools.workspace import Workspace


class WriteArgs(ToolArgs):
    """Arguments of `write`."""

    path: str = Field(description="File in the workspace; missing folders are created")
    content: str = Field(description="The whole new content")


class Write(Tool[WriteArgs]):
    """Writes a whole file; an existing one keeps its mode."""

    name = "write"
    description = (
        "Create a file or replace its whole content. To change a part of a file, use edit."
    )
    effect = Effect.WRITE
    path_args = ("path",)
    args = WriteArgs

    def preview(self, args: WriteArgs) -> str:
        """The path."""
        return args.path

    def change(self, args: WriteArgs, workspace: Workspace, clean: Clean) -> FileChange:
        """The old content against the new."""
        return proposed(workspace, workspace.writable(args.path), lambda _: args.content, clean)

    async def run(self, args: WriteArgs, ctx: ToolContext) -> ToolOutput:
        """Write it.

        Raises:
            ToolError: The path leads outside, is no file, or can't be written.
        """
        real = ctx.workspace.writable(args.path)
        try:
            data = args.content.encode()
        except UnicodeEncodeError as error:
            raise ToolError("content holds half of a surrogate pair") from error
        done = "replaced" if real.exists() else "created"
        await off_loop(lambda: replace_file(real, data, args.path), size=len(data))
        lines = args.content.count("\n") + (args.content[-1:] not in {"", "\n"})
        summary = f"{done}, {lines:,} line{'' if lines == 1 else 's'}"
        return ToolOutput(text=f"{ctx.workspace.relative(real)}: {summary}", summary=summary)
