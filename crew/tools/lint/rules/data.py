"""Data files that no program can read: JSON, TOML and YAML with mistakes in their syntax."""

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import yaml

from crew.tools.lint.rule import Hit, Rule
from crew.tools.lint.source import SourceFile

_LARGEST = 1_000_000
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEMPLATE = re.compile(r"(?<!\$)\{\{|\{%|<%|^[ \t]*#@|^@@", re.MULTILINE)
_TEMPLATE_FILE = re.compile(
    r"(^|/)(templates?|_?templates|cookiecutter[^/]*|invalid|broken|bad|malformed)/|\.(tpl|tmpl|j2)\."
    r"|invalid|broken|malformed",
    re.IGNORECASE,
)
_WITH_COMMENTS = re.compile(
    r"(^|/)(tsconfig|jsconfig|\.eslintrc|\.babelrc|\.swcrc|devcontainer|api-extractor|launch|settings"
    r"|tasks|extensions|keybindings|\.jshintrc|\.jscsrc|language-configuration|deno|biome|renovate"
    r"|nx|turbo|wrangler)[^/]*$|(^|/)\.(vscode|zed|devcontainer)/|\.(jsonc|json5|code-workspace)$"
)
_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def _check(file: SourceFile) -> Iterator[Hit]:
    if file.is_test or len(file.text) > _LARGEST or not file.text.strip():
        return
    suffix = file.path.rpartition(".")[2].lower()
    reader = _READERS.get(suffix)
    if reader is None or _TEMPLATE_FILE.search(file.path) or _TEMPLATE.search(file.text):
        return
    problem = reader(file)
    if problem is None:
        return
    line, said = problem
    first = _changed(file, min(max(line, 1), len(file.lines)))
    yield Hit(
        line=first,
        title=f"The file is not valid {_NAMES[suffix]}",
        body=f"Line {line}: {said}. Whatever reads the file stops here.",
        confidence=0.9,
    )


def _changed(file: SourceFile, line: int) -> int:
    """The line, or the one before it when that is what changed: there a comma is missing."""
    if line in file.added:
        return line
    before = next((n for n in range(line - 1, 0, -1) if file.lines[n - 1].strip()), line)
    return before if before in file.added else line


def _json(file: SourceFile) -> tuple[int, str] | None:
    text = file.text.removeprefix("\ufeff")
    if _WITH_COMMENTS.search(file.path) or re.search(r"^\s*(?://|/\*)", text, re.MULTILINE):
        return None
    try:
        json.loads(text, strict=False)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and _is_lines(text):
            return None
        return _trailing_comma(file, error.lineno) or (error.lineno, _small(error.msg))
    except RecursionError:
        return None
    return None


def _trailing_comma(file: SourceFile, line: int) -> tuple[int, str] | None:
    """The comma that a closing bracket on this line, or the next one, follows; None without one."""
    for closing in (line, line + 1):
        text = file.lines[closing - 1].strip() if closing <= len(file.lines) else ""
        if text[:1] in ("}", "]"):
            before = next((n for n in range(closing - 1, 0, -1) if file.lines[n - 1].strip()), 0)
            if before and file.lines[before - 1].rstrip().endswith(","):
                return before, "a comma stands before the closing bracket"
    return None


def _small(said: str) -> str:
    return said[:1].lower() + said[1:]


def _is_lines(text: str) -> bool:
    """Whether each line is a value of its own."""
    try:
        for line in text.splitlines():
            if line.strip():
                json.loads(line)
    except ValueError:
        return False
    return True


def _toml(file: SourceFile) -> tuple[int, str] | None:
    try:
        tomllib.loads(file.text)
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))
        line = int(place[1]) if place and place[1] else len(file.lines)
        return line, _small(_TOML_PLACE.sub("", str(error)))
    except RecursionError:
        return None
    return None


def _yaml(file: SourceFile) -> tuple[int, str] | None:
    try:
        for _ in yaml.parse(file.text, Loader=_Loader):
            pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.problem, error.context) if part)
        return (mark.line + 1 if mark else len(file.lines)), said
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    return None


def _repeated(file: SourceFile) -> Iterator[Hit]:
    """A key that stands twice in one mapping: one of its values is lost without a word."""
    if file.language != "yaml" or file.is_test or len(file.text) > _LARGEST:
        return
    if _TEMPLATE.search(file.text) or _TEMPLATE_FILE.search(file.path):
        return
    # Each mapping that is open: its keys with their lines, and whether a key comes next.
    stack: list[tuple[dict[str, int], bool] | None] = []
    try:
        for event in yaml.parse(file.text, Loader=_Loader):
            if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                stack.append(({}, True) if isinstance(event, yaml.MappingStartEvent) else None)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                stack.pop()
                _value_ends(stack)
            elif isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
                yield from _scalar(stack, event)
    except (yaml.YAMLError, RecursionError, ValueError):
        return


def _value_ends(stack: list[tuple[dict[str, int], bool] | None]) -> None:
    if stack and (top := stack[-1]) is not None:
        stack[-1] = (top[0], not top[1])


def _scalar(stack: list[tuple[dict[str, int], bool] | None], event: Any) -> Iterator[Hit]:
    top = stack[-1] if stack else None
    if top is not None and top[1] and isinstance(event, yaml.ScalarEvent):
        line = _line(event)
        first = top[0].setdefault(event.value, line)
        if first != line and event.value != "<<":
            yield Hit(
                line=line,
                title=f"The key `{event.value[:60]}` stands twice",
                body=f"Line {first} gives it a value already; readers keep one of the two, or "
                "refuse the file. Merge them.",
                confidence=0.85,
            )
    _value_ends(stack)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


_READERS = {"json": _json, "toml": _toml, "yml": _yaml, "yaml": _yaml}
_NAMES = {"json": "JSON", "toml": "TOML", "yml": "YAML", "yaml": "YAML"}

RULES = (
    Rule(id="invalid-data", profile="quality", priority="P1", check=_check),
    Rule(id="duplicate-key", profile="quality", priority="P2", check=_repeated),
)
