"""The tools of one session, as it calls them and as its model sees them."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import jsonschema_rs

from crew.errors import ToolError
from crew.models.protocol import ToolSchema
from crew.records import JsonObject
from crew.session.spec import SessionSpec
from crew.tools.protocol import Tool
from crew.tools.registry import builtin
from crew.tools.spawn import SpawnAgent
from crew.tools.submit import SubmitResult

SUBMIT = "submit_result"


class Toolset:
    """Tools in a stable order, so that providers can cache what they were told of them."""

    def __init__(self, tools: Mapping[str, Tool[Any]], output: JsonObject) -> None:
        self._tools = dict(tools)
        self._output = jsonschema_rs.validator_for(output, retriever=_no_retrieval)
        self.schemas = tuple(
            ToolSchema(name=tool.name, description=tool.description, parameters=tool.parameters())
            for tool in self._tools.values()
        )

    def find(self, name: str) -> Tool[Any]:
        """The tool of a name.

        Raises:
            ToolError: There is none; the message names what there is.
        """
        tool = self._tools.get(name)
        if tool is None:
            near = get_close_matches(name, self._tools, n=1)
            raise ToolError(
                f"there is no tool {name!r}; there are: {', '.join(self._tools)}",
                hint=f"did you mean {near[0]}?" if near else "",
            )
        return tool

    def check_result(self, value: JsonObject) -> None:
        """Validate a result against the session's output schema.

        Raises:
            ToolError: It does not fit; the message names each place.
        """
        problems = [
            f"{_place(error.instance_path)}: {error.message}"
            for error in self._output.iter_errors(value)
        ]
        if problems:
            shown = "\n".join(problems[:10])
            raise ToolError(
                f"the result does not fit its schema:\n{shown}", hint="mend it and submit again"
            )


class Toolbox:
    """Makes the toolsets of a run; sessions of one kind share theirs, since tools hold no state.

    Args:
        extra: Tools by name beside the built-in ones; of the same name they take their place.
    """

    def __init__(self, extra: Mapping[str, Tool[Any]] | None = None) -> None:
        self._extra = dict(extra or {})
        self._made: dict[str, Toolset] = {}

    def toolset(self, spec: SessionSpec) -> Toolset:
        """The tools that the spec names, and the session's own."""
        key = json.dumps([spec.tools, list(spec.spawns), spec.agent.output], sort_keys=True)
        if key not in self._made:
            self._made[key] = self._make(spec)
        return self._made[key]

    def _make(self, spec: SessionSpec) -> Toolset:
        tools = {name: self._extra.get(name) or builtin(name) for name in spec.tools}
        if spec.spawns:
            tools["spawn_agent"] = SpawnAgent(list(spec.spawns), spec.spawns)
        tools[SUBMIT] = SubmitResult(spec.agent.output)
        return Toolset(tools, spec.agent.output)


def _place(path: list[str | int]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path) or "result"


def _no_retrieval(uri: str) -> Any:
    raise ValueError(f"{uri}: a schema may refer only to itself")
