"""The tools of one session, as it calls them and as its model sees them."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
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
    """Built once for a session; the order is stable, so that providers can cache it."""

    def __init__(self, tools: Mapping[str, Tool[Any]], output: JsonObject) -> None:
        self._tools = dict(tools)
        self._output = jsonschema_rs.validator_for(output, retriever=_no_retrieval)
        self.schemas = tuple(
            ToolSchema(name=tool.name, description=tool.description, parameters=tool.parameters())
            for tool in self._tools.values()
        )

    @classmethod
    def of(cls, spec: SessionSpec) -> "Toolset":
        """The built-in tools that the spec names, and the session's own."""
        return _toolset(
            spec.tools, tuple(spec.spawns.items()), json.dumps(spec.agent.output, sort_keys=True)
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


@lru_cache(maxsize=256)
def _toolset(names: tuple[str, ...], spawns: tuple[tuple[str, str], ...], output: str) -> Toolset:
    """Tools hold no state of a session, so sessions of one kind share them."""
    schema = json.loads(output)
    tools: dict[str, Tool[Any]] = {name: builtin(name) for name in names}
    if spawns:
        tools["spawn_agent"] = SpawnAgent([name for name, _ in spawns], dict(spawns))
    tools[SUBMIT] = SubmitResult(schema)
    return Toolset(tools, schema)


def _place(path: list[str | int]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path) or "result"


def _no_retrieval(uri: str) -> Any:
    raise ValueError(f"{uri}: a schema may refer only to itself")
