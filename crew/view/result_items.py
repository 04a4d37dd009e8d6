"""Any result as items for a list: its findings, and whatever else it has, each with its text."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from crew.plaintext import clean
from crew.view.entry_words import Form, Part
from crew.view.file_places import FilePlace, finding_place
from crew.view.findings import Finding, Priority, findings, summary
from crew.view.words import one_line

GLANCE = 60
"""Characters of a summary that stand above the items anyway."""

_ABOVE = frozenset({"verdict", "summary", "findings"})
_TITLES = ("title", "claim", "name", "path", "command", "goal", "summary", "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultItem:
    """One line of a result, and what it opens to.

    Attributes:
        label: A finding's priority, or the name of the part of the result.
        grave: Whether it should strike the eye.
        where: The file that it names.
        text: Whether it is a text to be read, rather than one of several facts.
    """

    label: str
    title: str
    place: str = ""
    parts: tuple[Part, ...] = ()
    where: FilePlace | None = None
    grave: bool = False
    text: bool = False


def result_items(result: Any) -> tuple[ResultItem, ...]:
    """Everything in a result that its verdict has not said: findings first, worst first."""
    return tuple(_items(result))


def _items(result: Any) -> Iterator[ResultItem]:
    yield from map(_finding, findings(result))
    if not isinstance(result, dict):
        if result not in (None, ""):
            yield _text("result", _markdown(result))
        return
    said = summary(result)
    if len(said) > GLANCE or "\n" in said:
        yield _text("summary", said)
    for key, value in result.items():
        if key in _ABOVE or value in (None, "", [], {}):
            continue
        name = one_line(str(key)).replace("_", " ")
        if isinstance(value, list) and all(isinstance(each, dict) for each in value):
            yield from (_fact(name, each) for each in value)
        else:
            yield _text(name, _markdown(value))


def _finding(finding: Finding) -> ResultItem:
    parts = [Part(form=Form.MARKDOWN, text=finding.body or "(nothing more is said)")]
    if finding.quote:
        parts.append(Part(form=Form.PLAIN, text=finding.quote))
    return ResultItem(
        label=finding.priority.value,
        title=finding.title,
        place=finding.place,
        parts=tuple(parts),
        where=finding_place(finding),
        grave=finding.priority in {Priority.P0, Priority.P1},
    )


def _text(name: str, text: str) -> ResultItem:
    shown = clean(text).strip()
    part = Part(form=Form.MARKDOWN, text=shown)
    return ResultItem(label=name, title=one_line(shown[:400]), parts=(part,), text=True)


def _fact(name: str, fact: dict[str, Any]) -> ResultItem:
    """An item of a list: what it is called, where it is, and all else that it has."""
    called = next((key for key in _TITLES if fact.get(key)), "")
    file, line = fact.get("file"), fact.get("line")
    where, place = None, ""
    if isinstance(file, str) and file.strip():
        at = line if isinstance(line, int) and not isinstance(line, bool) and line > 0 else None
        where = FilePlace(file=file, line=at)
        place = one_line(f"{file}:{at}" if at else file)
    rest = {
        key: value
        for key, value in fact.items()
        if key not in {called, "file", "line"} and value not in (None, "", [], {})
    }
    title = one_line(str(fact[called])) if called else one_line(json.dumps(fact)[:400])
    text = _markdown(rest) if rest else "(nothing more is said)"
    return ResultItem(
        label=name,
        title=title,
        place=place,
        where=where,
        parts=(Part(form=Form.MARKDOWN, text=clean(text)),),
    )


def _markdown(value: Any) -> str:
    match value:
        case str():
            return value
        case dict():
            return "\n\n".join(_named(str(key), each) for key, each in value.items())
        case list():
            return "\n".join(f"- {_short(each)}" for each in value)
        case _:
            return json.dumps(value)


def _named(key: str, value: Any) -> str:
    gap = "\n\n" if isinstance(value, list | dict) else " "
    return f"**{key.replace('_', ' ')}:**{gap}{_markdown(value)}"


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
