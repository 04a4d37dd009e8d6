"""Typed reading of one YAML mapping: each value checked where it stands, each key known."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from crew.budget import Budget
from crew.definitions import nodes
from crew.definitions.budgets import FORMS
from crew.definitions.report import Place, Report, nearest, shown
from crew.definitions.schemas import check_schema
from crew.definitions.types import SpawnLimits, Supervision
from crew.definitions.values import parse_duration
from crew.records import JsonObject

NAME = re.compile(r"[a-z0-9-]{1,64}\Z")
NAME_RULE = "use 1 to 64 of: a-z, 0-9, -"

T = TypeVar("T")


class Fields:
    """The keys of one mapping, read one by one; what is wrong goes to the report.

    Args:
        node: The mapping; an empty one reads as all keys missing.
        known: The keys it may have.
        planned: Keys of the design that nothing enforces yet; refused, and said to be so.
        prefix: Where the mapping stands, for `place`: `("members", "author")`.
    """

    def __init__(
        self,
        node: nodes.Mapping,
        report: Report,
        *,
        known: Collection[str],
        planned: Collection[str] = (),
        prefix: tuple[str, ...] = (),
    ) -> None:
        self._node = node
        self._report = report
        self._prefix = prefix
        self.places: dict[tuple[str, ...], Place] = {prefix: node.at}
        for key, at in node.keys.items():
            self.places[(*prefix, key)] = node.items[key].at
            if key in known:
                continue
            hint = nearest(key, known) or f"the keys are: {', '.join(known)}"
            if key in planned:
                hint = "this version does not support it yet: remove it"
            report.add(at, f"unknown key `{shown(key)}`", hint)

    def missing(self, key: str, hint: str = "") -> bool:
        """Whether the key is absent, which is a problem."""
        if key in self._node.items:
            return False
        self._report.add(self._node.at, f"`{key}` is missing", hint or f"add `{key}: ...`")
        return True

    def read(self, key: str, convert: Callable[[nodes.Node], T | None]) -> T | None:
        """The key's value through a reader of this module; None when absent or wrong."""
        node = self._node.items.get(key)
        return None if node is None else convert(node)

    def text(self, key: str) -> str | None:
        """Text that is not empty."""
        return self.read(key, lambda node: as_text(node, f"`{key}`", self._report))

    def line(self, key: str) -> str | None:
        """Text as one line."""
        text = self.text(key)
        return None if text is None else " ".join(text.split())

    def name(self, key: str) -> str | None:
        """A name of a definition, a step or a role."""
        return self.read(key, lambda node: as_name(node, f"`{key}`", self._report))

    def names(self, key: str) -> tuple[str, ...] | None:
        """A list of names."""
        return self._list(key, as_name)

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A list of words; one word alone is a list of one."""
        return self._list(key, as_word, alone=True)

    def chosen(self, key: str, known: Collection[str], what: str) -> tuple[str, ...] | None:
        """A list of known words."""

        def convert(node: nodes.Node, label: str, report: Report) -> str | None:
            word = as_word(node, label, report)
            if word is None or word in known:
                return word
            hint = nearest(word, known) or f"known are: {', '.join(sorted(known))}"
            report.add(node.at, f"unknown {what} `{shown(word)}`", hint)
            return None

        return self._list(key, convert)

    def choice(self, key: str, known: Collection[str]) -> str | None:
        """One of a few words."""

        def convert(node: nodes.Node) -> str | None:
            if isinstance(node, nodes.Scalar) and node.text in known:
                return node.text
            self._report.add(node.at, f"`{key}` must be one of: {', '.join(known)}")
            return None

        return self.read(key, convert)

    def whole(self, key: str, least: int, most: int) -> int | None:
        """A whole number within limits."""

        def convert(node: nodes.Node) -> int | None:
            value = node.value if isinstance(node, nodes.Scalar) else None
            if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
                return value
            message = f"`{key}` must be a whole number from {least:,} to {most:,}"
            self._report.add(node.at, message)
            return None

        return self.read(key, convert)

    def duration(self, key: str) -> float | None:
        """Seconds."""

        def convert(node: nodes.Node) -> float | None:
            seconds = parse_duration(node.text) if isinstance(node, nodes.Scalar) else None
            if seconds is None:
                message = f"`{key}` must be a time up to 30 days"
                self._report.add(node.at, message, "write `90s`, `10m`, `1h30m` or seconds")
            return seconds

        return self.read(key, convert)

    def schema(self, key: str) -> JsonObject | None:
        """A JSON schema of an object."""
        return self.read(key, lambda node: check_schema(node, self._report))

    def budget(self, key: str) -> Budget | None:
        """What may be spent."""
        fields = self._nested(key, tuple(FORMS))
        if fields is None:
            return None
        limits = {name: fields.read(name, fields._limit(name)) for name in FORMS}
        return Budget(**present(**limits))

    def limits(self, key: str) -> SpawnLimits | None:
        """Bounds on live sessions."""
        fields = self._nested(key, tuple(SpawnLimits.model_fields))
        if fields is None:
            return None
        set_ = present(
            depth=fields.whole("depth", 0, 16),
            fan_out=fields.whole("fan_out", 0, 1_000),
            sessions=fields.whole("sessions", 1, 1_000),
        )
        return SpawnLimits(**set_)

    def supervision(self, key: str) -> Supervision | None:
        """Which task sessions are started again."""
        fields = self._nested(key, tuple(Supervision.model_fields))
        if fields is None:
            return None
        set_ = present(
            strategy=fields.choice("strategy", ("one_for_one", "one_for_all", "rest_for_one")),
            restart=fields.choice("restart", ("permanent", "transient", "temporary")),
            max_restarts=fields.whole("max_restarts", 1, 1_000),
            window=fields.duration("window"),
        )
        return Supervision(**set_)

    def _nested(self, key: str, known: Collection[str]) -> "Fields | None":
        node = self.read(key, lambda node: as_mapping(node, f"`{key}`", self._report))
        if node is None:
            return None
        fields = Fields(node, self._report, known=known, prefix=(*self._prefix, key))
        self.places |= fields.places
        return fields

    def _limit(self, name: str) -> Callable[[nodes.Node], float | None]:
        form = FORMS[name]

        def convert(node: nodes.Node) -> float | None:
            limit = form.parse(node.text) if isinstance(node, nodes.Scalar) else None
            if limit is None:
                *others, last = (f"`{example}`" for example in form.examples)
                shown = f"{', '.join(others)} or {last}" if others else last
                self._report.add(node.at, f"`{name}` must be {form.rule}", f"write {shown}")
            return limit

        return convert

    def _list(
        self,
        key: str,
        convert: Callable[[nodes.Node, str, Report], str | None],
        *,
        alone: bool = False,
    ) -> tuple[str, ...] | None:
        def read(node: nodes.Node) -> tuple[str, ...] | None:
            if alone and isinstance(node, nodes.Scalar):
                node = nodes.Sequence(at=node.at, items=(node,), size=2, height=2)
            if not isinstance(node, nodes.Sequence):
                self._report.add(node.at, f"`{key}` must be a list", f"write `{key}: [a, b]`")
                word = convert(node, f"`{key}`", Report(self._report.path))
                return None if word is None else (word,)
            words = [convert(item, f"each of `{key}`", self._report) for item in node.items]
            seen: set[str | None] = set()
            for item, word in zip(node.items, words, strict=True):
                if word is not None and word in seen:
                    self._report.add(item.at, f"`{shown(word)}` is listed twice", "list it once")
                seen.add(word)
            found = tuple(word for word in words if word is not None)
            return found if found or not words else None

        return self.read(key, read)


def as_text(node: nodes.Node, label: str, report: Report) -> str | None:
    """Text that is not empty."""
    if not isinstance(node, nodes.Scalar) or not isinstance(node.value, str):
        hint = "put it in quotes" if isinstance(node, nodes.Scalar) and node.text else ""
        report.add(node.at, f"{label} must be text, not {_kind(node)}", hint)
        return None
    if not node.value.strip():
        report.add(node.at, f"{label} is empty")
        return None
    return node.value.strip()


def as_word(node: nodes.Node, label: str, report: Report) -> str | None:
    """Text of one word."""
    word = as_text(node, label, report)
    if word is None or (len(word) <= 200 and not any(char.isspace() for char in word)):
        return word
    report.add(node.at, f"{label} must be one word")
    return None


def as_name(node: nodes.Node, label: str, report: Report) -> str | None:
    """A name; a number that keeps to the rule is one."""
    if isinstance(node, nodes.Scalar) and NAME.match(node.text):
        return node.text
    if as_text(node, label, report) is not None and isinstance(node, nodes.Scalar):
        report.add(node.at, f"{label} can't be `{shown(node.text)}`", NAME_RULE)
    return None


def as_mapping(node: nodes.Node, label: str, report: Report) -> nodes.Mapping | None:
    """Keys and values."""
    if isinstance(node, nodes.Mapping):
        return node
    report.add(node.at, f"{label} must be keys and values, not {_kind(node)}")
    return None


def present(**values: Any) -> Mapping[str, Any]:
    """The values that were set, so that a type's own defaults fill the rest."""
    return {key: value for key, value in values.items() if value is not None}


def _kind(node: nodes.Node) -> str:
    match node:
        case nodes.Sequence():
            return "a list"
        case nodes.Mapping():
            return "keys and values"
    match node.value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case str():
            return "text"
        case _:
            return "a number"
