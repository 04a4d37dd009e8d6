"""YAML as nodes that know their place: the JSON part of it, bounded, nothing executed.

Scalars resolve as in YAML 1.2's core schema (`no` is text), so that what a file says does not
depend on a word list from 2005.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from crew.definitions.files import HIDDEN
from crew.definitions.report import Place, Report, shown

MAX_NODES = 10_000
MAX_DEPTH = 50

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = re.compile(r"(~|null|Null|NULL|)\Z")
_TRUE = re.compile(r"(true|True|TRUE)\Z")
_FALSE = re.compile(r"(false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,29})\Z")
_FLOAT = re.compile(
    r"[-+]?((0|[1-9][0-9]{0,29})?\.[0-9]{1,30}([eE][-+]?[0-9]{1,2})?"
    r"|(0|[1-9][0-9]{0,29})\.?[eE][-+]?[0-9]{1,2})\Z"
)

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """One value; `text` is how the file spells it."""

    at: Place
    value: Value
    text: str
    size: int = 1
    height: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """A list of nodes."""

    at: Place
    items: tuple["Node", ...]
    size: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """Keys and their nodes, in the file's order, each key once."""

    at: Place
    items: dict[str, "Node"]
    keys: dict[str, Place]
    size: int
    height: int


Node = Scalar | Sequence | Mapping


def compose(text: str, first_line: int, report: Report) -> Mapping | None:
    """Read one YAML mapping.

    Args:
        text: Frontmatter, or the keys of a step.
        first_line: Line of the file where the text begins.
        report: Takes what is wrong; problems that leave the rest readable do not end the reading.

    Returns:
        The mapping; None when the text is no YAML mapping, which the report then says.
    """
    composer = _Composer(first_line, report)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            composer.take(event)
    except _StopError as stop:
        report.add(stop.at, stop.message, stop.hint)
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = composer.place(mark) if mark else Place(first_line, 1)
        report.add(at, f"this is not YAML: {error.problem or error.context}", _hint(error))
        return None
    except yaml.YAMLError:
        report.add(Place(first_line, 1), "this is not YAML: it has a character that YAML refuses")
        return None
    if isinstance(composer.root, Mapping):
        return composer.root
    at = composer.root.at if composer.root else Place(first_line, 1)
    report.add(at, "expected keys and values", "write each setting as `key: value`")
    return None


def plain(node: Node) -> Any:
    """The node as JSON data."""
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {key: plain(item) for key, item in node.items.items()}


def descend(node: Node, path: list[str | int]) -> Node:
    """The node at a path of keys and indexes, or the last one on the way that exists."""
    for part in path:
        match node:
            case Mapping() if part in node.items:
                node = node.items[str(part)]
            case Sequence() if isinstance(part, int) and part < len(node.items):
                node = node.items[part]
            case _:
                return node
    return node


def scalars(node: Node) -> Iterator[tuple[str, Scalar]]:
    """Every scalar that stands under a key, with that key."""
    match node:
        case Mapping():
            for key, item in node.items.items():
                if isinstance(item, Scalar):
                    yield key, item
                else:
                    yield from scalars(item)
        case Sequence():
            for item in node.items:
                yield from scalars(item)
        case Scalar():
            return


def resolve(text: str) -> Value:
    """What an unquoted scalar means."""
    if _NULL.match(text):
        return None
    if _TRUE.match(text):
        return True
    if _FALSE.match(text):
        return False
    if _INT.match(text):
        return int(text)
    return float(text) if _FLOAT.match(text) else text


def _hint(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or ""
    if "mapping values are not allowed" in problem:
        return "put quotes around a value that has a colon in it"
    if "cannot start any token" in problem:
        return "indent with spaces, and put quotes around a value that starts with a sign"
    return ""


class _StopError(Exception):
    """The rest can't be read."""

    def __init__(self, at: Place, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.at = at
        self.message = message
        self.hint = hint


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end is still to come."""

    at: Place
    anchor: str | None
    is_mapping: bool
    items: list[Node] = field(default_factory=list)


class _Composer:
    """Builds nodes from YAML's events without recursion, counting as if aliases were copies."""

    def __init__(self, first_line: int, report: Report) -> None:
        self.root: Node | None = None
        self._first_line = first_line
        self._report = report
        self._open: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}
        self._total = 0

    def place(self, mark: Any) -> Place:
        """Where a parser's mark is in the file."""
        return Place(self._first_line + mark.line, mark.column + 1)

    def take(self, event: yaml.Event) -> None:
        """Use one event of the parser."""
        at = self.place(event.start_mark)
        match event:
            case yaml.AliasEvent():
                self._attach(self._alias(event.anchor, at))
            case yaml.ScalarEvent():
                self._refuse_tag(event, at)
                if hidden := HIDDEN.search(event.value):
                    message = f"hidden character U+{ord(hidden.group()):04X} by an escape"
                    raise _StopError(at, message, "remove it")
                value = resolve(event.value) if event.implicit[0] else event.value
                self._finish(Scalar(at=at, value=value, text=event.value), event.anchor)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._refuse_tag(event, at)
                self._begin(event, at)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                opened = self._open.pop()
                self._finish(self._close(opened), opened.anchor)
            case yaml.DocumentStartEvent() if self.root is not None:
                raise _StopError(at, "a second YAML document", "keep all keys in one")
            case _:
                pass

    def _refuse_tag(self, event: Any, at: Place) -> None:
        if event.tag is not None:
            raise _StopError(at, f"the tag {shown(event.tag)} is not supported", "remove it")

    def _begin(self, event: Any, at: Place) -> None:
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._open.append(_Open(at, event.anchor, isinstance(event, yaml.MappingStartEvent)))

    def _alias(self, anchor: str | None, at: Place) -> Node:
        if anchor is None or anchor not in self._anchors:
            raise _StopError(at, f"unknown anchor *{shown(anchor or '')}")
        node = self._anchors[anchor]
        if node is None:
            raise _StopError(at, f"the anchor *{shown(anchor)} contains itself")
        self._count(node.size, at)
        return node

    def _count(self, size: int, at: Place) -> None:
        self._total += size
        if self._total > MAX_NODES:
            raise _StopError(at, f"more than {MAX_NODES:,} values, aliases counted as copies")

    def _finish(self, node: Node, anchor: str | None) -> None:
        self._count(1, node.at)
        if anchor is not None:
            self._anchors[anchor] = node
        self._attach(node)

    def _attach(self, node: Node) -> None:
        if len(self._open) + node.height > MAX_DEPTH + 1:
            raise _StopError(node.at, f"nested more than {MAX_DEPTH} levels deep")
        if self._open:
            self._open[-1].items.append(node)
        else:
            self.root = node

    def _close(self, opened: _Open) -> Node:
        size = 1 + sum(item.size for item in opened.items)
        height = 1 + max((item.height for item in opened.items), default=0)
        if not opened.is_mapping:
            return Sequence(at=opened.at, items=tuple(opened.items), size=size, height=height)
        items: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        for key, item in zip(opened.items[::2], opened.items[1::2], strict=True):
            if not isinstance(key, Scalar):
                raise _StopError(key.at, "a key must be a word")
            if key.text in items:
                self._report.add(
                    key.at,
                    f"`{shown(key.text)}` is set twice",
                    f"line {keys[key.text].line} sets it first: keep one of them",
                )
                continue
            items[key.text] = item
            keys[key.text] = key.at
        return Mapping(at=opened.at, items=items, keys=keys, size=size, height=height)
