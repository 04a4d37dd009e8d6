"""The extractive play: search for what was asked, and answer with what stands there."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from crew.models.rules.inputs import (
    UNREAD,
    Result,
    carry_remarks,
    numbered_lines,
    read_results,
)
from crew.models.rules.places import AROUND, Place, best
from crew.models.rules.play import NOTE, UNDONE, Call, Diary, Part, Reply, Turn
from crew.models.rules.review import submission
from crew.models.rules.talk import Talk
from crew.models.rules.terms import Term, key_terms
from crew.records import JsonObject

NOT_ASKED = 'Nothing was asked; say what you want after the team\'s name: crew run TEAM "GOAL".'

_TERMS = 5
_GLOBS = 2
_PLACES = 3
_CLAIMS = 8
_SHOWN = 160
_HIT = re.compile(r"^(?P<file>[^\s:][^:\n]*?):(?P<line>\d+):(?P<text>.*)$")
_DEFINES = r"\b(?:def|class|func|function|fn|fun|struct|enum|interface|trait|type|const|table)\s+"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search came to.

    Attributes:
        claims: Objects with every key that a bundled agent's lists ask for.
    """

    summary: str
    claims: list[JsonObject]


def extract_play(talk: Talk) -> Part[None]:
    """Say what was found and where, and what was searched for; invent nothing."""
    diary = Diary()
    results = yield from read_results(talk)
    carry_remarks(results, diary)
    for result in results:
        if result.value is UNREAD:
            diary.note(f"the result of {result.step} could not be read")
    found = yield from answers_to(talk, diary)
    claims = _joined(found.claims, results)
    if talk.question and not talk.tools & {"grep", "glob"}:
        diary.note("this agent has no tool to search with")
    if talk.tools & {"write", "edit", "shell"}:
        diary.note(UNDONE)
    added = [_place(claim) for claim in claims[len(found.claims) :]]
    also = f"Earlier steps also named {', '.join(added)}." if added else ""
    said = " ".join([found.summary, *filter(None, [also]), *_said(results)])
    summary = diary.told(said)
    yield submission(talk, _known(summary, claims, results), summary)


def answers_to(talk: Talk, diary: Diary) -> Part[Found]:
    """Search the workspace for what the question names, and read the likeliest places."""
    terms = [Term.of(word) for word in key_terms(talk.question, _TERMS)]
    if not talk.question.strip():
        return Found(summary=NOT_ASKED, claims=[])
    if not terms:
        return Found(summary="The question names nothing that can be searched for.", claims=[])
    calls = _searches(talk, terms)
    if not calls:
        return Found(summary="Nothing was searched for.", claims=[])
    named = ", ".join(term.word for term in terms)
    replies = yield Turn(f"Searching for {named}.", calls)
    hits: dict[tuple[str, int], Place] = {}
    files: list[str] = []
    for call, reply in zip(calls, replies, strict=True):
        if not reply.ok:
            diary.note(f"{call.tool} failed: {reply.text.strip()[:120]}")
        elif call.tool == "grep":
            hits |= {(hit.file, hit.line): hit for hit in _hits(reply)}
        else:
            files += [line for line in reply.text.split("\n") if _looks_like_path(line)]
    places = best(hits.values(), talk.question, terms, _PLACES)
    claims = yield from _read_places(talk, places)
    return Found(summary=_told(places, hits.values(), files, named), claims=claims)


def _searches(talk: Talk, terms: Sequence[Term]) -> tuple[Call, ...]:
    """A search for each term; where hits may be many, for definitions and for two at once too."""
    calls: list[Call] = []
    if "grep" in talk.tools:
        patterns = [term.pattern for term in terms]
        one, two = ([f"(?:{pattern})" for pattern in patterns] * 2)[:2]
        if len(terms) > 1:
            patterns.append(f"{one}.*{two}|{two}.*{one}")
        patterns.append(rf"{_DEFINES}\w*(?:{'|'.join(term.own for term in terms)})")
        calls += [
            Call("grep", {"pattern": pattern, "ignore_case": True, "limit": 200})
            for pattern in patterns
        ]
    if "glob" in talk.tools:
        names = [term.word.rpartition("/")[2] for term in terms]
        plain = [name for name in names if re.fullmatch(r"[\w.-]+", name)]
        calls += [Call("glob", {"pattern": f"**/*{name}*"}) for name in plain[:_GLOBS]]
    return tuple(calls)


def _hits(reply: Reply) -> Iterator[Place]:
    for match in map(_HIT.match, reply.text.split("\n")):
        if match is not None:
            yield Place(file=match["file"], line=int(match["line"]), text=match["text"])


def _told(places: Sequence[Place], hits: Iterable[Place], files: Sequence[str], named: str) -> str:
    """The best place first, then the others, then what was searched for."""
    seen = {place.file for place in places}
    unseen = [file for file in dict.fromkeys(files) if file not in seen]
    by_name = f" Files by name: {', '.join(unseen[:3])}." if unseen else ""
    if not places:
        return f"Searched for {named}: no line matches.{by_name}"
    first, *others = places
    opening = f"{first}: `{first.text.strip()[:_SHOWN]}`"
    further = f"; see also {', '.join(map(str, others))}" if others else ""
    lines, among = len(list(hits)), len({hit.file for hit in hits})
    match = "line matches" if lines == 1 else "lines match"
    where = f"{lines} {match} in {among} file{'' if among == 1 else 's'}"
    return f"{opening}{further}. Searched for {named}: {where}.{by_name}"


def _read_places(talk: Talk, places: Sequence[Place]) -> Part[list[JsonObject]]:
    if not places:
        return []
    replies: tuple[Reply, ...] = (Reply(ok=False, text=""),) * len(places)
    if "read" in talk.tools:
        calls = tuple(
            Call(
                "read",
                {
                    "path": place.file,
                    "start": max(1, place.line - AROUND),
                    "limit": 2 * AROUND + 1,
                },
            )
            for place in places
        )
        names = dict.fromkeys(place.file for place in places)
        replies = yield Turn(f"Reading {', '.join(names)}.", calls)
    return [_claim(place, reply) for place, reply in zip(places, replies, strict=True)]


def _claim(place: Place, reply: Reply) -> JsonObject:
    lines = numbered_lines(reply)
    excerpt = "\n".join(lines[number] for number in sorted(lines)) or place.text
    said = f"{place}: {place.text.strip()[:_SHOWN]}"
    return _filled(said, excerpt, place.file, place.line)


def _filled(said: str, excerpt: str, file: str, line: int) -> JsonObject:
    return {
        "claim": said,
        "title": said,
        "text": said,
        "body": excerpt,
        "evidence": excerpt,
        "file": file,
        "path": file,
        "line": line,
    }


def _place(claim: JsonObject) -> str:
    return f"{claim['file']}:{claim['line']}"


def _joined(claims: Sequence[JsonObject], results: Iterable[Result]) -> list[JsonObject]:
    """The claims of this search, then those of earlier steps about other places."""
    joined = {_place(claim): claim for claim in claims}
    for claim in _claims_of(results):
        joined.setdefault(_place(claim), claim)
    return list(joined.values())[: max(_CLAIMS, len(claims))]


def _claims_of(results: Iterable[Result]) -> Iterator[JsonObject]:
    """What earlier results say of a place in a file."""
    for value in _objects(results):
        lists = [value.get(key) for key in ("answers", "claims", "evidence")]
        for claim in chain.from_iterable(each for each in lists if isinstance(each, list)):
            if isinstance(claim, dict):
                file, line = claim.get("file"), claim.get("line")
                words = [claim.get(name) for name in ("claim", "title", "text")]
                said = next((word for word in words if isinstance(word, str)), "")
                if isinstance(file, str) and isinstance(line, int) and said:
                    yield _filled(said, str(claim.get("evidence") or said), file, line)


def _objects(results: Iterable[Result]) -> Iterator[JsonObject]:
    for result in results:
        for value in result.value if isinstance(result.value, list) else [result.value]:
            if isinstance(value, dict):
                yield value


def _said(results: Iterable[Result]) -> Iterator[str]:
    """What other models summed up; what this one did is in its places already."""
    for result in results:
        if isinstance(said := _summary_of(result), str):
            yield f"{result.step} said: {said[:400]}"


def _summary_of(result: Result) -> str | None:
    said = result.value.get("summary") if isinstance(result.value, dict) else None
    return said if isinstance(said, str) and not said.startswith(NOTE) else None


def _known(summary: str, claims: Sequence[JsonObject], results: Sequence[Result]) -> dict[str, Any]:
    """Values for the property names that results usually have."""
    document = _document(summary, claims, results)
    return {
        "summary": summary,
        "document": document,
        "report": document,
        "answer": summary,
        "text": summary,
        "answers": claims,
        "claims": claims,
        "evidence": claims,
        "sources": [_place(claim) for claim in claims],
        "problems": [],
        "findings": [],
        "changed": [],
        "commands": [],
    }


def _document(summary: str, claims: Sequence[JsonObject], results: Sequence[Result]) -> str:
    parts = [f"{NOTE}.", "", summary.removeprefix(f"{NOTE}. ")]
    for claim in claims:
        parts += ["", f"## {_place(claim)}", "", "```", claim["body"], "```"]
    for result in results:
        if (said := _summary_of(result)) is not None:
            parts += ["", f"## From {result.step} ({result.agent})", "", said]
    return "\n".join(parts) + "\n"


def _looks_like_path(line: str) -> bool:
    return bool(line.strip()) and " " not in line.strip() and not line.startswith("(")
