"""Which of the lines that a search found are the likeliest answers to a question."""

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from crew.models.rules.terms import Term

AROUND = 6
"""Lines to each side in which other terms count for a place."""

_APART = 20
_FAINT = 0.15
_IN_PATH = 0.6
_TESTS = re.compile(
    r"(^|/)(tests?|__tests__|specs?|e2e|testing|fixtures)/|(^|/)(test_|conftest\.)"
    r"|[._](test|spec)\.|Tests?\.\w+$"
)
_DOCS = re.compile(
    r"(^|/)(docs?|examples?|bench(?:marks?)?)/|(^|/)(readme|changelog|changes|history|contributing|license)\b"
    r"|\.(md|markdown|rst|adoc|txt|html?)$",
    re.IGNORECASE,
)
_DATA = re.compile(
    r"\.(json|lock|csv|tsv|svg|xml|ya?ml|toml|ini|cfg|css|po|snap|map)$", re.IGNORECASE
)
_NOT_CODE = (
    (_TESTS, re.compile(r"\b(tests?|tested|fixtures?)\b", re.IGNORECASE), 0.3),
    (_DOCS, re.compile(r"\b(docs?|document\w*|readme|guide|manual)\b", re.IGNORECASE), 0.3),
    (_DATA, re.compile(r"\b(config\w*|settings?|json|ya?ml|toml)\b", re.IGNORECASE), 0.5),
)
_IN_CODE = re.compile(
    r"^\s*(?:(?:export|default|pub(?:\([^)]*\))?|public|private|protected|internal|async|static"
    r"|abstract|final|override|unsafe)\s+)*"
    r"(?:def|class|func|function|fn|struct|enum|interface|trait|impl|type|module|const|fun|sub)\s"
    r"+\*?(?:\([^)]*\)\s*)?(?P<name>[\w.]+)"
)
_IN_SQL = re.compile(r"^\s*create\s+(?:table|view|index)\s+(?P<name>.+)", re.IGNORECASE)
_DEFINITIONS = (_IN_CODE, _IN_SQL)
_IMPORT = re.compile(
    r"^\s*(?:from\s+\S+\s+import|import|use|require|#include|using|export\s+\*)\b"
    r"|=\s*require\("
)
_COMMENT = re.compile(r"^\s*(?:#(?!include|!\[)|//|/?\*|--\s|\"\"\"|''')|[a-z)]\.$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line, and how well it answers."""

    file: str
    line: int
    text: str
    score: float = 0.0

    def __str__(self) -> str:
        """Where it is."""
        return f"{self.file}:{self.line}"


def best(hits: Iterable[Place], question: str, terms: Sequence[Term], limit: int) -> list[Place]:
    """The likeliest answers: where most terms meet, definitions and code before what is about it.

    Args:
        question: Names documents or tests where those are wanted.
        terms: What was searched for, the most telling first.
        limit: Of places; none stands close to a better one.
    """
    files: dict[str, dict[int, str]] = defaultdict(dict)
    for hit in hits:
        files[hit.file][hit.line] = hit.text
    found = {file: _File(file, lines, terms) for file, lines in files.items()}
    weights = _weights(found.values(), terms)
    ranked = sorted(
        (place for file in found.values() for place in file.places(weights, question)),
        key=lambda place: (-place.score, place.file, place.line),
    )
    chosen: list[Place] = []
    for place in ranked:
        if len(chosen) == limit or (chosen and place.score < chosen[0].score * _FAINT):
            break
        if not any(_close(place, other) for other in chosen):
            chosen.append(place)
    return chosen


def _close(one: Place, other: Place) -> bool:
    return one.file == other.file and abs(one.line - other.line) < _APART


class _File:
    """The lines of one file that were found, each with the terms in it."""

    def __init__(self, name: str, lines: Mapping[int, str], terms: Sequence[Term]) -> None:
        self._name = name
        self._terms = terms
        self._lines = dict(sorted(lines.items()))
        self._in_path = [term.strength(name) for term in terms]
        self._strengths = {
            number: [term.strength(text) for term in terms] for number, text in self._lines.items()
        }

    def has(self, index: int) -> bool:
        """Whether a term is anywhere in it."""
        return any(strengths[index] for strengths in self._strengths.values())

    def places(self, weights: Sequence[float], question: str) -> Iterable[Place]:
        """Its lines, weighed."""
        kind = _kind(self._name, question)
        for number, text in self._lines.items():
            near = [self._near(number, index) for index in range(len(weights))]
            score = sum(weight * strength for weight, strength in zip(weights, near, strict=True))
            score *= sum(near) / len(near) * kind * (self._form(text) if kind == 1 else 1)
            yield Place(file=self._name, line=number, text=text, score=score)

    def _near(self, number: int, index: int) -> float:
        """How much of a term is at a line, near it, or in the file's path."""
        strongest = self._in_path[index] * _IN_PATH
        for other in range(number - AROUND, number + AROUND + 1):
            if other in self._strengths:
                distance = abs(other - number)
                closeness = 1.0 if not distance else 0.8 - 0.05 * distance
                strongest = max(strongest, self._strengths[other][index] * closeness)
        return strongest

    def _form(self, text: str) -> float:
        """What kind of line it is: code that defines what is asked for, other code, or words."""
        definition = next((match for form in _DEFINITIONS if (match := form.match(text))), None)
        if definition is not None:
            return 1.6 if any(term.strength(definition["name"]) for term in self._terms) else 1.0
        if _IMPORT.match(text):
            return 0.4
        return 0.7 if _COMMENT.search(text) else 1.0


def _kind(file: str, question: str) -> float:
    """What a file's lines count: those about the code less than the code, unless asked for."""
    for name, asked, weight in _NOT_CODE:
        if name.search(file):
            return 1.0 if asked.search(question) else weight
    return 1.0


def _weights(files: Collection[_File], terms: Sequence[Term]) -> list[float]:
    """What each term counts: the more, the fewer files have it."""
    spread = [sum(file.has(index) for file in files) for index in range(len(terms))]
    return [
        term.weight / (1 + math.log(1 + count)) for term, count in zip(terms, spread, strict=True)
    ]
