"""SQL that is put together from values at run time, in any language that can do it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from crew.tools.lint.masking import Token
from crew.tools.lint.rule import Hit, Rule
from crew.tools.lint.source import SourceFile

_BEFORE = 300
_HOLES_READ = 50

_STATEMENT = re.compile(
    r"^\W{0,6}\s*(?:WITH\b.{1,400}?\bSELECT\b|SELECT\b.{1,2000}?\bFROM\b|INSERT\s+INTO\b|REPLACE\s+INTO\b"
    r"|UPDATE\s+\S+\s+SET\b|DELETE\s+FROM\b)",
    re.IGNORECASE | re.DOTALL,
)
_FRAGMENT = re.compile(
    r"^\W{0,6}\s*(?:WHERE|AND|OR)\s+[\w.]+\s*(?:=|<|>|<>|!=|LIKE)\s*\S", re.IGNORECASE
)
_VALUE_PLACE = re.compile(
    r"(?:=|<|>|\bLIKE|\bIN\s*\(|\bVALUES\s*\((?:[^()]*,)?|\bLIMIT|\bOFFSET|\bBETWEEN|\bAND|['\"%])\s*$",
    re.IGNORECASE,
)
_SAFE_VALUE = re.compile(
    r"^(?-i:[A-Z][A-Z0-9_]*)$|^\d+$|^\w*placeholders?\w*$|^(?:\w+_)?(?:binds?|bindings|params?|q?marks)$"
    r"|quote|escape|sanitiz|identifier|^int\(|^len\(|\.join\(|^Number\(|^parseInt\(",
    re.IGNORECASE,
)
_HOLES = {
    "python": re.compile(r"(?<!\{)\{(?P<value>[^{}!:=]+)[^{}]*\}(?!\})"),
    "javascript": re.compile(r"\$\{(?P<value>[^{}]+)\}"),
    "ruby": re.compile(r"#\{(?P<value>[^{}]+)\}"),
    "php": re.compile(r"\{?(?P<value>\$\w+(?:->\w+|\[[^\]]+\])*)\}?"),
    "kotlin": re.compile(r"\$(?:\{(?P<braced>[^{}]+)\}|(?P<value>[a-zA-Z]\w*))"),
    "csharp": re.compile(r"(?<!\{)\{(?P<value>[^{}:]+)[^{}]*\}(?!\})"),
}
_FORMATS = re.compile(r"%(?:\(\w+\))?[sv]|\{\w*\}")
_NAMED = re.compile(r"\{(\w+)\}")
_JOINED = re.compile(r"^\s*(?:\+|\.(?!\w)|\|\|)\s*(?P<value>[\w$][\w.$\[\]'\"()>-]*)")
_FORMATTED = re.compile(
    r"^\s*(?:%\s*(?!\s)(?P<percent>[\w(\[{][^,;\n]*)|\.format\((?P<format>[^)]*)\))"
)
_FORMAT_CALL = re.compile(
    r"(?:fmt\.Sprintf|String\.format|format!|string\.Format|sn?printf)"
    r"\(\s*(?:[\w.>&\[\]-]+,\s*(?:sizeof[^,\n]*,\s*|[\w.]+,\s*)?)?$",
    re.IGNORECASE,
)
_QUERY_CALL = re.compile(
    r"(?:\.|->|::)(?:where|or_?where|and_?where|where_?raw|having|having_?raw|order_?by_?raw|select_?raw"
    r"|raw|exists\?|find_by|joins|delete_all|update_all)\s*\(?\s*$"
    r"|\b(?:sqlalchemy\.|sa\.)?text\(\s*$",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"(?:=|<|>|!=|\bLIKE|\bIN\s*\(?)\s*['\"%(]*\s*(?:#|\$|\{)", re.IGNORECASE)
_LIKE = {"typescript": "javascript", "scala": "kotlin", "elixir": "ruby"}


@dataclass(frozen=True, slots=True)
class _Hole:
    """A value in a statement: its expression, and the statement's text before it."""

    value: str
    before: str


def _check(file: SourceFile) -> Iterator[Hit]:
    for token in file.tokens:
        if token.kind != "string" or token.end - token.start < 12:
            continue
        first, last = file.line_at(token.start), file.line_at(token.end - 1)
        if not file.touches(first, last):
            continue
        body = file.text[token.start : token.end]
        if not (_is_statement(body) or _is_condition(file, token, body)):
            continue
        risky = [hole for hole in _holes(file, token, body) if not _SAFE_VALUE.search(hole.value)]
        if risky:
            yield _hit(file, first, last, risky)


def _is_statement(body: str) -> bool:
    inner = body.lstrip("rRbBuUfFtT$@").lstrip("\"'`")
    return bool(_STATEMENT.match(inner) or _FRAGMENT.match(inner))


def _is_condition(file: SourceFile, token: Token, body: str) -> bool:
    """Whether a string is the condition of a query that a call puts together."""
    before = file.text[max(0, token.start - 40) : token.start]
    return bool(_QUERY_CALL.search(before) and _CONDITION.search(body))


def _holes(file: SourceFile, token: Token, body: str) -> Iterator[_Hole]:
    yield from _interpolated(file, token, body)
    after = file.text[token.end : token.end + 200]
    if joined := _JOINED.match(after):
        if not re.match(r"[\"'`]", joined["value"]):
            yield _Hole(joined["value"], body[-_BEFORE:-1])
    elif formatted := _FORMATTED.match(after):
        value = formatted["percent"] or formatted["format"] or ""
        yield from (_Hole(value, before) for before in _places(_FORMATS, body))
    elif _FORMAT_CALL.search(file.text[max(0, token.start - 40) : token.start]):
        value = after.partition(")")[0].lstrip(", \n\t")
        named = ", ".join(_NAMED.findall(body))
        yield from (_Hole(value or named, before) for before in _places(_FORMATS, body))


def _interpolated(file: SourceFile, token: Token, body: str) -> Iterator[_Hole]:
    language = _LIKE.get(file.language, file.language)
    pattern = _HOLES.get(language)
    if pattern is None or not _interpolates(language, file.text, token, body):
        return
    for match in islice(pattern.finditer(body), _HOLES_READ):
        value = match["value"] or (match.groupdict().get("braced") or "")
        yield _Hole(value.strip(), body[max(0, match.start() - _BEFORE) : match.start()])


def _places(pattern: re.Pattern[str], body: str) -> list[str]:
    """The text before each match."""
    matches = islice(pattern.finditer(body), _HOLES_READ)
    return [body[max(0, match.start() - _BEFORE) : match.start()] for match in matches]


def _interpolates(language: str, text: str, token: Token, body: str) -> bool:
    """Whether a string of the language has holes at all; a tagged template binds its values."""
    if language == "python":
        return re.match(r"[rRbB]?[fF]", body) is not None
    if language == "javascript":
        tagged = re.search(r"[\w$\])>]\s?$", text[max(0, token.start - 3) : token.start])
        returned = re.search(
            r"\b(?:return|await|case)\s$", text[max(0, token.start - 8) : token.start]
        )
        return body.startswith("`") and (not tagged or bool(returned))
    if language == "csharp":
        return body.startswith(("$", "@$"))
    return not body.startswith("'")


def _hit(file: SourceFile, first: int, last: int, risky: list[_Hole]) -> Hit:
    as_value = any(_VALUE_PLACE.search(hole.before.rstrip()) for hole in risky)
    name = _whole(" ".join(risky[0].value.split()))[:60]
    certain = as_value and not file.is_test
    return Hit(
        line=first,
        end_line=last if last > first else None,
        title="SQL is built from a value" if as_value else "SQL is built from a name",
        body=f"`{name}` becomes part of the statement's text, so that a quote in it changes what "
        "the statement does. "
        + (
            "Bind it as a parameter."
            if as_value
            else "Take it from a fixed list of names, or quote it as an identifier."
        ),
        priority=None if certain else "P3",
        confidence=0.85 if certain else 0.4,
    )


def _whole(expression: str) -> str:
    """An expression without the brackets at its end that close what stands before it."""
    while expression.endswith((")", "]", "}")) and not _is_balanced(expression):
        expression = expression[:-1].rstrip()
    return expression.rstrip(";,. ")


def _is_balanced(expression: str) -> bool:
    return all(
        expression.count(one) == expression.count(other) for one, other in ("()", "[]", "{}")
    )


RULES = (Rule(id="sql-injection", profile="security", priority="P1", check=_check),)
