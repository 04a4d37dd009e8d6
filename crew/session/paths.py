"""Path safety: a call that names a path outside the workspace is refused before anyone is asked."""

from typing import TYPE_CHECKING

from crew.session.middleware import Call, Middleware, RunTool
from crew.tools.protocol import ToolOutput
from crew.tools.workspace import Workspace

if TYPE_CHECKING:
    from crew.session.session import Session


class PathSafety(Middleware):
    """Judges the arguments that a tool declares as paths by the workspace's own rule."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def tool(self, session: "Session", call: Call, proceed: RunTool) -> ToolOutput:
        """Run the call if each of its paths stays inside."""
        for name in call.tool.path_args:
            value = getattr(call.args, name)
            for path in [value] if isinstance(value, str) else value or ():
                if not path.startswith("artifact:"):
                    self._workspace.resolve(path)
        return await proceed(call)
