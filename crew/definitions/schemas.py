"""A result's JSON schema: valid, of an object, and complete in itself.

References may only point into the schema: the validator would fetch others from the network.
"""

from functools import cache

import jsonschema_rs

from crew.definitions.nodes import Mapping, Node, Scalar, descend, plain, scalars
from crew.definitions.report import Report, nearest, shown
from crew.records import JsonObject

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
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
    clean = _is_valid(schema, node, report) and clean
    return schema if clean and _compiles(schema, node, report) else None


@cache
def _meta_schema() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({"$ref": _DRAFT})


def _is_valid(schema: JsonObject, node: Node, report: Report) -> bool:
    clean = True
    for error in _meta_schema().iter_errors(schema):
        path: list[str | int] = list(error.instance_path)
        found = descend(node, path)
        if path[-1:] == ["type"] and isinstance(found, Scalar):
            hint = nearest(found.text, _TYPES) or f"the types are: {', '.join(_TYPES)}"
            report.add(found.at, f"`{shown(found.text)}` is no JSON type", hint)
        else:
            where = shown(".".join(str(part) for part in path))
            report.add(found.at, f"not a JSON schema at `{where}`: {shown(error.message, 200)}")
        clean = False
    return clean


def _compiles(schema: JsonObject, node: Node, report: Report) -> bool:
    """Whether the validator takes it: references lead somewhere, patterns can be read."""
    try:
        jsonschema_rs.validator_for(schema)
    except jsonschema_rs.ValidationError as error:
        at = descend(node, list(error.instance_path)).at
        report.add(at, f"not a JSON schema: {shown(error.message, 200)}")
        return False
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        report.add(node.at, f"not a JSON schema: {shown(str(error), 200)}")
        return False
    return True
