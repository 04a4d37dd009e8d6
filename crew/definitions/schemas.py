"""A result's JSON schema: valid, of an object, and complete in itself.

References may only point into the schema: the validator would fetch others from the network.
"""

from typing import Any

import jsonschema_rs

from crew.definitions.nodes import Mapping, Node, descend, plain, scalars
from crew.definitions.report import Report, shown
from crew.records import JsonObject

_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})


def check_schema(node: Node, report: Report) -> JsonObject | None:
    """The node as a JSON schema; None when it can't be one, which the report then says."""
    if not isinstance(node, Mapping):
        report.add(node.at, "`output` must be a JSON schema", "begin it with `type: object`")
        return None
    schema: JsonObject = plain(node)
    clean = True
    if schema.get("type") != "object":
        report.add(node.at, "`output` must describe an object", "set `type: object` at its top")
        clean = False
    for key, item in scalars(node):
        if key in _REFERENCES and not item.text.startswith("#"):
            message = f"`{key}` may only point into the schema itself, not to {shown(item.text)}"
            report.add(item.at, message, "write `#/$defs/...`")
            clean = False
        elif key in {"$id", "$schema"}:
            report.add(item.at, f"`{key}` is not supported in a result's schema", "remove it")
            clean = False
    return schema if clean and _compiles(schema, node, report) else None


def _compiles(schema: JsonObject, node: Node, report: Report) -> bool:
    try:
        jsonschema_rs.validator_for(schema)
    except jsonschema_rs.ValidationError as error:
        path: list[Any] = list(error.instance_path)
        at = descend(node, path).at
        where = f" at `{shown('.'.join(str(part) for part in path))}`" if path else ""
        report.add(at, f"not a JSON schema{where}: {shown(error.message, 200)}")
        return False
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        report.add(node.at, f"not a JSON schema: {shown(str(error), 200)}")
        return False
    return True
