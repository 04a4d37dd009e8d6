"""Where the code of a notebook stands in its file."""

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Rows = Mapping[int, tuple[int, ...]]
"""By the number of a code cell, from 1: the line of the file that each line of its code is on."""

_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_ROW = re.compile(r"[^\n]*\n|[^\n]+")

_Way = tuple[str | int, ...]


def python_rows(text: str) -> Rows | None:
    """The places of a notebook's code; None where it is none, or not in Python."""
    try:
        document = json.loads(text)
        strings = list(_strings(document, ()))
    except (ValueError, RecursionError):
        return None
    cells = document.get("cells") if isinstance(document, dict) else None
    if not isinstance(cells, list) or not _is_python(document.get("metadata")):
        return None
    found = [match.start() for match in _STRING.finditer(text)]
    if len(found) != len(strings):  # of a key that is there twice only one is read
        return None
    ends = [match.start() for match in re.finditer("\n", text)]
    pieces: dict[int, list[tuple[str, int]]] = {
        number: []
        for number, cell in enumerate(cells)
        if isinstance(cell, dict) and cell.get("cell_type") == "code"
    }
    for (way, said), start in zip(strings, found, strict=True):
        match way:
            case ("cells", int(number), "source", *_) if number in pieces and said is not None:
                pieces[number].append((said, bisect_left(ends, start) + 1))
            case _:
                pass
    return {number + 1: tuple(_rows(placed)) for number, placed in pieces.items()}


def _strings(value: Any, way: _Way) -> Iterator[tuple[_Way, str | None]]:
    """All strings of a document in the order of its text, each with the way to it; keys as None."""
    match value:
        case str():
            yield way, value
        case list():
            for place, each in enumerate(value):
                yield from _strings(each, (*way, place))
        case dict():
            for key, each in value.items():
                yield (*way, key), None
                yield from _strings(each, (*way, key))
        case _:
            pass


def _rows(pieces: Iterable[tuple[str, int]]) -> Iterator[int]:
    fresh = True
    for said, line in pieces:
        for row in _ROW.findall(said):
            if fresh:
                yield line
            fresh = row.endswith("\n")


def _is_python(metadata: Any) -> bool:
    """Whether its code is Python, as it is where nothing says otherwise."""
    said = metadata if isinstance(metadata, dict) else {}
    for place, key in (("language_info", "name"), ("kernelspec", "language")):
        known = said.get(place)
        if isinstance(known, dict) and isinstance(name := known.get(key), str):
            return name.lower() in {"python", "ipython"}
    return True
