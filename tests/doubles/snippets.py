"""Source files with their mistakes marked, and what the checks say of them.

A line that starts with `§rule§` has a mistake that `rule` finds; the mark is not written to the
file. A line without a mark must stay without a finding.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from crew.records import JsonObject
from crew.tools.lint import Lint
from tests.doubles.repository import Repository
from tests.doubles.workbench import Workbench

Places = set[tuple[str, int]]

_MARK = re.compile(r"^((?:§[\w-]+)+)§", re.MULTILINE)
_UNUSED = {"F401", "F841", "untested-change"}
"""Remarks that snippets, being pieces, would all draw."""


def plain(snippet: str) -> str:
    """The file's text, without marks."""
    return _MARK.sub("", _dedented(snippet))


def marked(snippet: str) -> Places:
    """Rule and line of each mark."""
    return {
        (rule, number)
        for number, line in enumerate(_dedented(snippet).split("\n"), 1)
        if (match := _MARK.match(line))
        for rule in match[1].strip("§").split("§")
    }


def _dedented(snippet: str) -> str:
    marks = _MARK.pattern.removeprefix("^")
    lines = snippet.removeprefix("\n").split("\n")
    heads = [re.match(marks, line.lstrip()) for line in lines]
    bare = [
        line if head is None else line.replace(head[0], "", 1)
        for line, head in zip(lines, heads, strict=True)
    ]
    return "\n".join(
        (head[0] if head else "") + line
        for head, line in zip(heads, dedent("\n".join(bare)).split("\n"), strict=True)
    )


async def lint(root: Path, profile: str = "all") -> list[JsonObject]:
    """Every finding of what is under review in a folder."""
    tool, bench = Lint(), Workbench(root)
    found: list[JsonObject] = []
    offset: int | None = 0
    while offset is not None:
        page = json.loads((await bench.call(tool, profile=profile, offset=offset)).text)
        found += page["findings"]
        offset = page["next"]
    return found


async def checked(
    root: Path, snippets: Mapping[str, str], profile: str
) -> dict[str, list[JsonObject]]:
    """The findings of all snippets by file, from one run over a repository that holds them."""
    repo = Repository(root)
    for name, snippet in snippets.items():
        repo.write(name, plain(snippet))
    findings: dict[str, list[JsonObject]] = {name: [] for name in snippets}
    for finding in await lint(root, profile):
        if finding["rule"] not in _UNUSED:
            findings[finding["file"]].append(finding)
    return findings


def places(findings: list[JsonObject]) -> Places:
    """Rule and line of each finding."""
    return {(finding["rule"], finding["line"]) for finding in findings}
