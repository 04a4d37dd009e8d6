"""What earlier steps found: the result blocks of a prompt, those behind artifacts read whole."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from crew.models.rules.play import Call, Diary, Part, Reply, Turn
from crew.models.rules.talk import Talk

_BLOCK = re.compile(r"<result\s+(?P<attributes>[^>]*)>\n?(?P<body>.*?)\n?</result>", re.DOTALL)
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
_NUMBERED = re.compile(r"^ *(\d+)\t(.*)$")
_CUT_LINE = re.compile(r"^(?P<kept>.*) \[\.\.\. line of [\d,]+ bytes\]$", re.DOTALL)
_BYTES_A_LINE = 40
_PAGE_LINES = 300
_PAGES_A_TURN = 20
_ROUNDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """An earlier step's result.

    Attributes:
        value: The parsed JSON; None while it is only known by its artifact, or can't be parsed.
        artifact: `artifact:NAME` when the block holds only the head and tail.
        size: Bytes of the artifact.
    """

    step: str
    agent: str
    status: str
    value: Any
    artifact: str = ""
    size: int = 0


def results_in(text: str) -> list[Result]:
    """The result blocks of a prompt, in order."""
    found: list[Result] = []
    for match in _BLOCK.finditer(text):
        about = dict(_ATTRIBUTE.findall(match["attributes"]))
        artifact = about.get("artifact", "")
        size = about.get("size", "")
        found.append(
            Result(
                step=about.get("step", ""),
                agent=about.get("agent", ""),
                status=about.get("status", ""),
                value=None if artifact else _parsed(match["body"]),
                artifact=artifact,
                size=int(size) if size.isdigit() else 0,
            )
        )
    return found


def without_results(text: str) -> str:
    """A prompt without its result blocks."""
    return _BLOCK.sub("", text)


def read_results(talk: Talk, diary: Diary) -> Part[list[Result]]:
    """The results in the opening message; those behind artifacts are read by the tool `read`."""
    whole: list[Result] = []
    for result in results_in(talk.opening):
        if result.artifact and "read" in talk.tools:
            value = yield from _read_artifact(result)
            if value is None:
                diary.note(f"the result of {result.step} could not be read whole")
            whole.append(replace(result, value=value))
        else:
            if result.value is None:
                diary.note(f"the result of {result.step} could not be read")
            whole.append(result)
    return whole


def _read_artifact(result: Result) -> Part[Any]:
    lines: dict[int, str] = {}
    limit = _PAGE_LINES
    next_line = 1
    for _ in range(_ROUNDS):
        left = max(1, result.size // _BYTES_A_LINE - next_line + 1)
        pages = min(_PAGES_A_TURN, -(-left // limit))
        calls = tuple(
            Call(
                "read", {"path": result.artifact, "start": next_line + limit * page, "limit": limit}
            )
            for page in range(pages)
        )
        replies = yield Turn(f"Reading the whole result of {result.step}.", calls)
        if any(reply.cut for reply in replies):
            limit = max(20, limit // 4)
            continue
        for reply in replies:
            lines |= numbered_lines(reply)
        value = _parsed_lines([lines[number] for number in sorted(lines)])
        if value is not None or not replies[-1].ok:
            return value
        next_line = max(lines, default=0) + 1
    return None


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
        return None
