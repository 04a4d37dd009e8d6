"""Tool doubles: they take their time, do as they are told, and remember it."""

import anyio

from crew.tools.protocol import Effect, Tool, ToolArgs, ToolContext, ToolOutput


class WorkArgs(ToolArgs):
    """Arguments of `work`.

    Attributes:
        seconds: How long it takes.
        stubborn: Seconds of cleanup that nothing can cut short.
        fails: Whether it raises what no tool should.
    """

    name: str = "work"
    seconds: float = 0
    stubborn: float = 0
    fails: bool = False


class Work(Tool[WorkArgs]):
    """Takes as long as it is told, and remembers when it began and ended."""

    name = "work"
    description = "Work for a while."
    effect = Effect.READ
    args = WorkArgs

    def __init__(self) -> None:
        self.log: list[str] = []

    async def run(self, args: WorkArgs, ctx: ToolContext) -> ToolOutput:
        """Work."""
        self.log.append(f"begin {args.name}")
        try:
            await anyio.sleep(args.seconds)
        finally:
            if args.stubborn:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(args.stubborn)
        self.log.append(f"end {args.name}")
        if args.fails:
            raise RuntimeError("the tool broke")
        ctx.on_output(f"{args.name} is done")
        return ToolOutput(text=f"{args.name} done", summary="done")


class Together(Work):
    """As `work`, and neighbours of it run at the same time."""

    name = "together"
    concurrent = True


class Interruptible(Work):
    """As `work`, and a steer may cut it."""

    name = "interruptible"
    interruptible = True


class Writes(Work):
    """As `work`, and it needs a grant to write."""

    name = "writes"
    effect = Effect.WRITE


class Executes(Work):
    """As `work`, and it needs a grant to execute; a steer may cut it, as it cuts a shell."""

    name = "executes"
    interruptible = True
    effect = Effect.EXECUTE


def all_tools() -> dict[str, Tool[WorkArgs]]:
    """One of each, by name."""
    tools = (Work(), Together(), Interruptible(), Writes(), Executes())
    return {tool.name: tool for tool in tools}
