"""A workspace for trying tools: call one by its arguments, as a model would."""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio

from crew.errors import SpawnError, ToolError
from crew.records import ArtifactRef, JsonObject
from crew.tools.protocol import SpawnOutcome, SpawnRequest, Tool, ToolContext, ToolOutput
from crew.tools.workspace import Workspace


class Shelf:
    """Artifacts in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def put(self, name: str, data: bytes) -> ArtifactRef:
        self.kept[name] = data
        return ArtifactRef(name=name, sha256=sha256(data).hexdigest(), size=len(data))

    def get(self, name: str) -> bytes:
        try:
            return self.kept[name]
        except KeyError:
            raise ToolError(f"no artifact {name!r}") from None


async def _no_child(_request: SpawnRequest) -> SpawnOutcome:
    raise SpawnError("no children here", hint="do it yourself")


def _accept(_value: JsonObject) -> str:
    return "accepted"


class Workbench:
    """Runs tools in a folder, and keeps what they put and print.

    Args:
        root: The workspace.
    """

    def __init__(
        self,
        root: Path,
        *,
        spawn: Callable[[SpawnRequest], Awaitable[SpawnOutcome]] = _no_child,
        submit: Callable[[JsonObject], str] = _accept,
    ) -> None:
        self.root = root
        self.workspace = Workspace(root)
        self.artifacts = Shelf()
        self.lines: list[str] = []
        self.printed = anyio.Event()
        """Set by the first line that a tool prints."""
        self._spawn = spawn
        self._submit = submit

    def file(self, name: str, content: str | bytes = "") -> Path:
        """Put a file into the workspace."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    async def call(self, tool: Tool[Any], **args: Any) -> ToolOutput:
        """Call a tool."""
        context = ToolContext(
            workspace=self.workspace,
            session="s1",
            call_id="c1",
            artifacts=self.artifacts,
            on_output=self._print,
            spawn=self._spawn,
            submit=self._submit,
        )
        return await tool.run(tool.parse(args), context)

    def _print(self, line: str) -> None:
        self.lines.append(line)
        self.printed.set()
