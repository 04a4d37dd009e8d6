"""The extractive play: search for what the prompt names, and answer with what stands there."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crew.models.rules.inputs import (
    UNREAD,
    Result,
    carry_remarks,
    numbered_lines,
    read_results,
    without_results,
)
from crew.models.rules.play import NOTE, UNDONE, Call, Diary, Part, Reply, Turn
from crew.models.rules.review import submission
from crew.models.rules.talk import Talk
from crew.models.rules.terms import key_terms
from crew.records import JsonObject

_GREPS = 4
_GLOBS = 2
_PLACES = 3
_AROUND = 6
_SEARCHED = "Searched for"
_GOAL = re.compile(r"<goal>\n?(.*?)\n?</goal>", re.DOTALL)
_HIT = re.compile(r"^(?P<file>[^\s:][^:\n]*?):(?P<line>\d+):(?P<text>.*)$")
_DEFINITION = re.compile(
    r"^\s*(?:export\s+|pub\s+|async\s+|static\s+)*"
    r"(?:def|class|func|function|fn|struct|enum|interface|type|const|#{1,4})\b|^#{1,4} "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search came to.

    Attributes:
        claims: Objects with every key that a bundled agent's lists ask for.
    """

    summary: str
    claims: list[JsonObject]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    file: str
    line: int
    text: str
    term: str
    weight: float


def extract_play(talk: Talk) -> Part[None]:
    """Say what was searched, what was found and where; invent nothing."""
    diary = Diary()
    results = yield from read_results(talk)
    carry_remarks(results, diary)
    for result in results:
        if result.value is UNREAD:
            diary.note(f"the result of {result.step} could not be read")
    found = yield from answers_to(talk, diary)
    if not talk.tools & {"grep", "glob"}:
        diary.note("this agent has no tool to search with")
    if talk.tools & {"write", "edit", "shell"}:
        diary.note(UNDONE)
    earlier = _earlier(results)
    summary = diary.told(" ".join(part for part in (found.summary, earlier) if part))
    yield submission(talk, _known(talk, summary, found, results), summary)


def wanted_terms(talk: Talk) -> list[str]:
    """What to search for: the goal's own terms where the prompt marks it, else the prompt's."""
    goal = _GOAL.search(talk.opening)
    return key_terms(goal[1] if goal else without_results(talk.opening))


def answers_to(talk: Talk, diary: Diary) -> Part[Found]:
    """Search the workspace for the prompt's terms and read the best places."""
    terms = wanted_terms(talk)
    calls = _searches(talk, terms)
    if not calls:
        return Found(summary="Nothing was searched for.", claims=[])
    named = ", ".join(terms[:_GREPS])
    replies = yield Turn(f"Searching for {named}.", calls)
    places: list[_Place] = []
    files: list[str] = []
    for call, reply in zip(calls, replies, strict=True):
        if not reply.ok:
            diary.note(f"{call.tool} failed: {reply.text.strip()[:120]}")
        elif call.tool == "grep":
            places += _hits(reply, str(call.args["pattern"]))
        else:
            files += [line for line in reply.text.split("\n") if _looks_like_path(line)]
    best = _best(places)
    claims = yield from _read_places(talk, best)
    where = "; ".join(f"{place.file}:{place.line}" for place in best)
    listed = f" Files by name: {', '.join(files[:5])}." if files else ""
    told = f"{_SEARCHED} {named}: " + (
        f"{len(places)} lines match, the best at {where}.{listed}" if best
        else f"no line matches.{listed}"
    )  # fmt: skip
    return Found(summary=told, claims=claims)


def _searches(talk: Talk, terms: Sequence[str]) -> tuple[Call, ...]:
    calls: list[Call] = []
    if "grep" in talk.tools:
        calls += [
            Call("grep", {"pattern": _pattern(term), "ignore_case": True, "limit": 50})
            for term in terms[:_GREPS]
        ]
    if "glob" in talk.tools:
        names = [term.rpartition("/")[2] for term in terms if re.fullmatch(r"[\w./-]+", term)]
        calls += [Call("glob", {"pattern": f"**/*{name}*"}) for name in names[:_GLOBS]]
    return tuple(calls)


def _pattern(term: str) -> str:
    """A term as a word of its own, or the beginning of one."""
    escaped = re.sub(r"([.+*?()\[\]{}^$|\\])", r"\\\1", term)
    return rf"\b{escaped}" if term[:1].isalnum() else escaped


def _hits(reply: Reply, term: str) -> list[_Place]:
    """The matching lines; those of a rare term weigh more."""
    matches = [match for match in map(_HIT.match, reply.text.split("\n")) if match]
    weight = 1 / max(1, len(matches)) ** 2
    return [
        _Place(
            file=match["file"],
            line=int(match["line"]),
            text=match["text"],
            term=term,
            weight=weight,
        )
        for match in matches
    ]


def _best(places: Sequence[_Place]) -> list[_Place]:
    """One place for each of the files that most terms meet in, the rarest term's definition."""
    weights: dict[str, dict[str, float]] = defaultdict(dict)
    for place in places:
        weights[place.file][place.term] = place.weight
    ranked = sorted(
        places,
        key=lambda place: (
            -len(weights[place.file]),
            -sum(weights[place.file].values()),
            -place.weight,
            not _DEFINITION.match(place.text),
            place.file,
            place.line,
        ),
    )
    best: dict[str, _Place] = {}
    for place in ranked:
        best.setdefault(place.file, place)
    return list(best.values())[:_PLACES]


def _read_places(talk: Talk, best: Sequence[_Place]) -> Part[list[JsonObject]]:
    if not best:
        return []
    replies: tuple[Reply, ...] = (Reply(ok=False, text=""),) * len(best)
    if "read" in talk.tools:
        calls = tuple(
            Call(
                "read",
                {
                    "path": place.file,
                    "start": max(1, place.line - _AROUND),
                    "limit": 2 * _AROUND + 1,
                },
            )
            for place in best
        )
        replies = yield Turn(f"Reading {', '.join(place.file for place in best)}.", calls)
    return [_claim(place, reply) for place, reply in zip(best, replies, strict=True)]


def _claim(place: _Place, reply: Reply) -> JsonObject:
    lines = numbered_lines(reply)
    excerpt = "\n".join(lines[number] for number in sorted(lines)) or place.text
    said = f"{place.file}:{place.line}: {place.text.strip()[:200]}"
    return {
        "claim": said,
        "title": said,
        "text": said,
        "body": excerpt,
        "evidence": excerpt,
        "file": place.file,
        "path": place.file,
        "line": place.line,
    }


def _known(talk: Talk, summary: str, found: Found, results: Sequence[Result]) -> dict[str, Any]:
    """Values for the property names that results usually have."""
    document = _document(summary, found, results)
    return {
        "summary": summary,
        "document": document,
        "report": document,
        "answer": summary,
        "text": summary,
        "answers": found.claims,
        "claims": found.claims,
        "evidence": found.claims,
        "sources": [f"{claim['file']}:{claim['line']}" for claim in found.claims],
        "problems": [],
        "findings": [],
        "changed": [],
        "commands": [],
    }


def _document(summary: str, found: Found, results: Sequence[Result]) -> str:
    parts = [f"{NOTE}.", "", summary.removeprefix(f"{NOTE}. ")]
    for claim in found.claims:
        parts += ["", f"## {claim['file']}:{claim['line']}", "", "```", claim["body"], "```"]
    for result in results:
        if isinstance(result.value, dict) and isinstance(said := result.value.get("summary"), str):
            parts += ["", f"## From {result.step} ({result.agent})", "", said]
    return "\n".join(parts) + "\n"


def _earlier(results: Sequence[Result]) -> str:
    """What earlier steps summed up, but for what this model itself said of its search."""
    said: list[str] = []
    for result in results:
        summary = result.value.get("summary") if isinstance(result.value, dict) else None
        if isinstance(summary, str) and not summary.startswith(f"{NOTE}. {_SEARCHED}"):
            said.append(f"{result.step} said: {summary.removeprefix(f'{NOTE}. ')[:400]}")
    return " ".join(said)


def _looks_like_path(line: str) -> bool:
    return bool(line.strip()) and " " not in line.strip() and not line.startswith("(")
