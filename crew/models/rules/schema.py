"""A value for any JSON schema: known values where they fit, the most cautious ones elsewhere."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from crew.records import JsonObject

_DEPTH = 12
_CAUTIOUS = (
    "revise",
    "request_changes",
    "reject",
    "rejected",
    "needs_attention",
    "needs_work",
    "unknown",
    "undecided",
    "uncertain",
    "inconclusive",
    "partial",
    "neutral",
    "none",
    "other",
    "low",
    "no",
)
_WORD_PATTERNS = ("a", "a-a", "A", "0", "a0", "1.0.0", "2000-01-01", "a@example.org", "/")


class NoValueError(Exception):
    """No value was found that the schema takes."""


def filled(schema: JsonObject, known: Mapping[str, Any], text: str) -> JsonObject | None:
    """An object that validates against a schema; None when none was found.

    Args:
        schema: A JSON schema of an object.
        known: Values by property name, used wherever a property of that name takes them.
        text: What required strings say that nothing is known for.
    """
    try:
        judge = jsonschema_rs.validator_for(schema, retriever=_no_retrieval)
    except (ValueError, jsonschema_rs.ReferencingError):
        return None
    maker = _Maker(schema, known, text)
    for wide in (True, False):
        try:
            value = maker.value(schema, depth=0, wide=wide)
        except NoValueError:
            continue
        if isinstance(value, dict) and judge.is_valid(value):
            return value
    return None


@dataclass(frozen=True, slots=True)
class _Maker:
    root: JsonObject
    known: Mapping[str, Any]
    text: str

    def value(self, schema: Any, *, depth: int, wide: bool, name: str = "") -> Any:
        """A value for a schema; `wide` also fills optional properties that are known."""
        if depth > _DEPTH or schema is False:
            raise NoValueError
        if schema is True or schema == {}:
            return self.known.get(name, self.text)
        flat = self._flat(schema, depth)
        if name in self.known and (found := self._pruned(flat, self.known[name])) is not None:
            return found
        for choice in self._choices(flat, depth=depth, wide=wide):
            if self._takes(flat, choice):
                return choice
        raise NoValueError

    def _choices(self, schema: JsonObject, *, depth: int, wide: bool) -> Iterator[Any]:
        if "const" in schema:
            yield schema["const"]
        if isinstance(options := schema.get("enum"), list):
            yield from sorted(options, key=_caution)
        for keyword in ("default", "examples"):
            given = schema.get(keyword)
            yield from given if isinstance(given, list) and keyword == "examples" else []
            if keyword == "default" and keyword in schema:
                yield given
        for keyword in ("anyOf", "oneOf"):
            for option in schema.get(keyword, ()):
                rest = {key: value for key, value in schema.items() if key != keyword}
                try:
                    merged = _merged([rest, option]) if isinstance(option, dict) else rest
                    yield self.value(merged, depth=depth + 1, wide=wide)
                except NoValueError:
                    continue
        for kind in _kinds(schema):
            yield from self._of_kind(kind, schema, depth=depth, wide=wide)

    def _of_kind(self, kind: str, schema: JsonObject, *, depth: int, wide: bool) -> Iterator[Any]:
        match kind:
            case "object":
                yield self._object(schema, depth=depth, wide=wide)
            case "array":
                yield self._array(schema, depth=depth, wide=wide)
            case "string":
                yield from self._strings(schema)
            case "integer" | "number":
                yield from _numbers(schema)
            case "boolean":
                yield from (False, True)
            case "null":
                yield None

    def _object(self, schema: JsonObject, *, depth: int, wide: bool) -> JsonObject:
        properties = schema.get("properties", {})
        required = list(schema.get("required", ()))
        wanted = required + [
            name for name in properties if wide and name in self.known and name not in required
        ]
        made: JsonObject = {}
        for name in wanted:
            inner = properties.get(name, schema.get("additionalProperties", {}))
            try:
                made[name] = self.value(inner, depth=depth + 1, wide=wide, name=name)
            except NoValueError:
                if name in required:
                    raise
        for index in range(int(schema.get("minProperties", 0)) - len(made)):
            inner = schema.get("additionalProperties", {})
            made[f"more_{index + 1}"] = self.value(inner, depth=depth + 1, wide=wide)
        return made

    def _array(self, schema: JsonObject, *, depth: int, wide: bool) -> list[Any]:
        least = int(schema.get("minItems", 0))
        prefix = schema.get("prefixItems", [])
        made: list[Any] = []
        for index in range(least):
            inner = prefix[index] if index < len(prefix) else schema.get("items", {})
            value = self.value(inner, depth=depth + 1, wide=wide)
            if schema.get("uniqueItems") and value in made:
                value = self._another(inner, made)
            made.append(value)
        return made

    def _another(self, schema: Any, taken: list[Any]) -> Any:
        flat = self._flat(schema, 0) if isinstance(schema, dict) else {}
        options = [f"{self.text} ({index})" for index in range(2, len(taken) + 3)]
        candidates = [*flat.get("enum", ()), *options, *range(len(taken) + 2), False, True, None]
        for option in candidates:
            if option not in taken and self._takes(flat, option):
                return option
        raise NoValueError

    def _strings(self, schema: JsonObject) -> Iterator[str]:
        least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
        words = [self.text, "", *_WORD_PATTERNS] if "pattern" in schema else [self.text]
        for word in words:
            longer = word if len(word) >= least else (word or ".").ljust(least, ".")
            yield longer if most is None else longer[: int(most)]

    def _pruned(self, schema: JsonObject, value: Any) -> Any:
        """A known value, with what the schema names of it; None when it can't fit."""
        fitting = _fitted(schema, value, self)
        return fitting if self._takes(schema, fitting) else None

    def _flat(self, schema: Any, depth: int) -> JsonObject:
        """A schema with its references and `allOf` parts in one object."""
        parts: list[JsonObject] = []
        for _ in range(_DEPTH):
            if not isinstance(schema, dict) or "$ref" not in schema:
                break
            parts.append({key: value for key, value in schema.items() if key != "$ref"})
            schema = self._resolved(schema["$ref"])
        if not isinstance(schema, dict) or "$ref" in schema:
            raise NoValueError
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        branches = [self._flat(part, depth + 1) for part in schema.get("allOf", ())]
        return _merged([*parts, rest, *branches])

    def _resolved(self, reference: str) -> Any:
        place: Any = self.root
        if not reference.startswith("#"):
            raise NoValueError
        for step in reference.removeprefix("#").strip("/").split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            if not key:
                continue
            if not isinstance(place, dict) or key not in place:
                raise NoValueError
            place = place[key]
        return place

    def _takes(self, schema: JsonObject, value: Any) -> bool:
        scoped = {**schema}
        for keyword in ("$defs", "definitions"):
            if keyword in self.root:
                scoped.setdefault(keyword, self.root[keyword])
        try:
            return jsonschema_rs.is_valid(scoped, value, retriever=_no_retrieval)
        except (ValueError, jsonschema_rs.ReferencingError):
            return True


def _fitted(schema: JsonObject, value: Any, maker: _Maker) -> Any:
    properties = schema.get("properties")
    if isinstance(value, dict) and isinstance(properties, dict):
        return {
            key: _fitted(properties[key], inner, maker)
            for key, inner in value.items()
            if key in properties
        }
    items = schema.get("items")
    if isinstance(value, list) and isinstance(items, dict):
        flat = maker._flat(items, 0)
        fitted = [_fitted(flat, inner, maker) for inner in value]
        kept = [inner for inner in fitted if maker._takes(flat, inner)]
        return kept[: int(schema["maxItems"])] if "maxItems" in schema else kept
    return value


def _kinds(schema: JsonObject) -> list[str]:
    given = schema.get("type")
    if isinstance(given, list):
        return [str(kind) for kind in given]
    if isinstance(given, str):
        return [given]
    if "properties" in schema or "required" in schema:
        return ["object"]
    if "items" in schema or "prefixItems" in schema:
        return ["array"]
    return ["string", "number", "boolean", "object", "array", "null"]


def _numbers(schema: JsonObject) -> Iterator[float]:
    step = schema.get("multipleOf")
    bounds: list[float] = [0, 1, -1]
    for key in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"):
        edge = schema.get(key)
        if isinstance(edge, int | float) and not isinstance(edge, bool):
            bounds += [edge, edge + 1, edge - 1, edge + 0.5, edge - 0.5]
            if step:
                bounds += [-(-edge // step) * step, (edge // step + 1) * step, edge // step * step]
    if schema.get("type") == "integer":
        yield from (int(bound) for bound in bounds)
    else:
        yield from bounds


def _merged(parts: list[JsonObject]) -> JsonObject:
    merged: JsonObject = {}
    for part in parts:
        for key, value in part.items():
            match key:
                case "properties":
                    merged[key] = {**merged.get(key, {}), **value}
                case "required":
                    old = merged.get(key, [])
                    merged[key] = old + [name for name in value if name not in old]
                case "minimum" | "minLength" | "minItems" | "exclusiveMinimum" if key in merged:
                    merged[key] = max(merged[key], value)
                case "maximum" | "maxLength" | "maxItems" | "exclusiveMaximum" if key in merged:
                    merged[key] = min(merged[key], value)
                case "enum" if key in merged:
                    merged[key] = [option for option in merged[key] if option in value]
                case _:
                    merged[key] = value
    return merged


def _caution(option: Any) -> tuple[int, str]:
    """Cautious words first; the others keep the schema's order, since sorting is stable."""
    word = option.lower() if isinstance(option, str) else ""
    return (_CAUTIOUS.index(word) if word in _CAUTIOUS else len(_CAUTIOUS), "")


def _no_retrieval(uri: str) -> Any:
    raise ValueError(f"{uri}: a schema may refer only to itself")
