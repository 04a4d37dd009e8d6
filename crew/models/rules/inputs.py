"""What earlier steps found: the result blocks of a prompt, those behind artifacts read whole."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from crew.models.rules.play import Call, Diary, Part, Reply, Turn
from crew.models.rules.talk import Talk

_BLOCK = re.compile(r"<result\s+(?P<attributes>[^>]*)>\n?(?P<body>.*?)\n?</result>", re.DOTALL)
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
_NUMBERED = re.compile(r"^ *(\d+)\t(.*)$")
_CUT_LINE = re.compile(r"^(?P<kept>.*) \[\.\.\. line of [\d,]+ bytes\]$", re.DOTALL)
_LINES_IN_ALL = re.compile(r"^\(lines \d+-\d+ of (?:more than )?([\d,]+);", re.MULTILINE)
_PAGE_LINES = 400
_PAGES_A_TURN = 40
_ROUNDS = 8

UNREAD = object()
"""Stands for the value of a result that could not be read; a skipped step's value is None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """An earlier step's result.

    Attributes:
        value: The parsed JSON; `UNREAD` while it is only known by its artifact, or can't be parsed.
        artifact: `artifact:NAME` when the block holds only the head and tail.
    """

    step: str
    agent: str
    status: str
    value: Any
    artifact: str = ""


def results_in(text: str) -> list[Result]:
    """The result blocks of a prompt, in order."""
    found: list[Result] = []
    for match in _BLOCK.finditer(text):
        about = dict(_ATTRIBUTE.findall(match["attributes"]))
        artifact = about.get("artifact", "")
        found.append(
            Result(
                step=about.get("step", ""),
                agent=about.get("agent", ""),
                status=about.get("status", ""),
                value=UNREAD if artifact else _parsed(match["body"]),
                artifact=artifact,
            )
        )
    return found


def read_results(talk: Talk) -> Part[list[Result]]:
    """The results in the opening message; those behind artifacts are read by the tool `read`."""
    whole: list[Result] = []
    for result in results_in(talk.opening):
        if result.artifact and "read" in talk.tools:
            value = yield from _read_artifact(result)
            whole.append(replace(result, value=value))
        else:
            whole.append(result)
    return whole


def carry_remarks(results: Iterable[Result], diary: Diary) -> None:
    """Keep what earlier steps of this model said went other than planned."""
    for result in results:
        for value in result.value if isinstance(result.value, list) else [result.value]:
            if isinstance(value, dict):
                diary.carry(value.get("summary"))


def _read_artifact(result: Result) -> Part[Any]:
    """All of an artifact: a first page, which says how many lines there are, then the others."""
    lines: dict[int, str] = {}
    limit = _PAGE_LINES
    total = 1
    for _ in range(_ROUNDS):
        starts = range(len(lines) + 1, total + 1, limit)[:_PAGES_A_TURN]
        calls = tuple(
            Call("read", {"path": result.artifact, "start": start, "limit": limit})
            for start in starts
        )
        replies = yield Turn(f"Reading the whole result of {result.step}.", calls)
        if any(reply.cut for reply in replies):
            limit = max(1, limit // 4)
            continue
        for reply in replies:
            lines |= numbered_lines(reply)
            if count := _LINES_IN_ALL.search(reply.text):
                total = int(count[1].replace(",", ""))
        if not lines or len(lines) >= total:
            break
    return _parsed_lines([lines[number] for number in sorted(lines)])


def numbered_lines(reply: Reply) -> dict[int, str]:
    """The lines that `read` printed, by number; none when it failed."""
    if not reply.ok:
        return {}
    matches = (_NUMBERED.match(line) for line in reply.text.split("\n"))
    return {int(match[1]): match[2] for match in matches if match}


def _parsed_lines(lines: Sequence[str]) -> Any:
    """JSON from indented lines; a string that `read` cut is closed where it was cut."""
    mended: list[str] = []
    for line, after in zip(lines, [*lines[1:], "}"], strict=True):
        cut = _CUT_LINE.match(line)
        if cut is None:
            mended.append(line)
            continue
        kept = re.sub(r"\\+(?:u[0-9a-fA-F]{0,4})?$", "", cut["kept"])
        last = after.lstrip().startswith(("}", "]"))
        mended.append(f'{kept} ..."{"" if last else ","}')
    return _parsed("\n".join(mended))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return UNREAD
