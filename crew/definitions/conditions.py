"""The `when` of a step: a small expression over earlier results, compiled and evaluated safely.

    steps.code-review.result.verdict == "approve" and len(steps.plan.result.tasks) > 0

Paths, text, numbers, true/false/null, lists of these; `and or not`, comparisons, `in`, `not in`,
`len(path)` and parentheses. A path that leads nowhere is null. An order between values that have
none (`null < 3`) is false. Nothing else exists, so nothing else can run.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from crew.definitions.placeholders import PATH, split_path

MAX_LENGTH = 1_000
MAX_DEPTH = 50

Path = tuple[str, ...]
Lookup = Callable[[Path], Any]
_Evaluate = Callable[[Lookup], Any]

_TOKEN = re.compile(
    rf"""\s*(?:
        (?P<text>"(?:[^"\\\n]|\\["'\\nt])*"|'(?:[^'\\\n]|\\["'\\nt])*')
      | (?P<number>-?[0-9]{{1,15}}(?:\.[0-9]{{1,15}})?(?![A-Za-z0-9_.]))
      | (?P<word>{PATH})
      | (?P<sign>==|!=|<=|>=|<|>|\(|\)|\[|\]|,)
    )""",
    re.VERBOSE,
)
_SPACE = re.compile(r"\s*")
_ESCAPE = re.compile(r"\\(.)")
_CONSTANTS = {"true": True, "True": True, "false": False, "False": False, "null": None}
_CONSTANTS["None"] = None
_KEYWORDS = frozenset({"and", "or", "not", "in"})
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_COMPARISONS = frozenset({"==", "!=", "in", "not in", *_ORDER})
_HINT = "use paths, values, and, or, not, ==, !=, <, <=, >, >=, in, not in, len(path)"


class ConditionError(ValueError):
    """The expression is not one of this grammar.

    Args:
        column: From 1, in the expression's text.
    """

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.column = column
        self.hint = _HINT


class Reference(NamedTuple):
    """A path that the expression reads, and its column from 1."""

    path: Path
    column: int


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled expression."""

    text: str
    reads: tuple[Reference, ...]
    _evaluate: _Evaluate

    @property
    def references(self) -> frozenset[Path]:
        """The paths that the expression reads: `("steps", "review", "result", "verdict")`."""
        return frozenset(reference.path for reference in self.reads)

    def evaluate(self, lookup: Lookup) -> bool:
        """Whether it holds, with `lookup` giving the JSON value at a path, None for nothing."""
        return bool(self._evaluate(lookup))


def compile_condition(text: str) -> Condition:
    """Compile an expression.

    Raises:
        ConditionError: It is not one of this grammar; with the column.
    """
    if len(text) > MAX_LENGTH:
        raise ConditionError(f"longer than {MAX_LENGTH:,} characters", 1)
    parser = _Parser(text)
    evaluate = parser.expression()
    parser.expect_end()
    return Condition(text, tuple(parser.reads), evaluate)


class _Token(NamedTuple):
    kind: str
    text: str
    column: int


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    position = 0
    while match := _TOKEN.match(text, position):
        kind = match.lastgroup or ""
        found.append(_Token(kind, match[kind], match.start(kind) + 1))
        position = match.end()
    space = _SPACE.match(text, position)
    position = space.end() if space else position
    if position < len(text):
        raise ConditionError(f"can't read `{text[position : position + 20]}`", position + 1)
    return [*found, _Token("end", "", len(text) + 1)]


class _Parser:
    """Recursive descent, each level as deep as the expression's parentheses."""

    def __init__(self, text: str) -> None:
        self.reads: list[Reference] = []
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0

    def expression(self) -> _Evaluate:
        """`a or b`."""
        parts = [self._conjunction()]
        while self._take("or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else lambda look: any(part(look) for part in parts)

    def expect_end(self) -> None:
        """Refuse what is left."""
        if self._now.kind != "end":
            raise ConditionError(f"unexpected `{self._now.text}`", self._now.column)

    @property
    def _now(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, text: str) -> bool:
        if self._now.kind not in {"sign", "word"} or self._now.text != text:
            return False
        self._next += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._take(text):
            found = f"`{self._now.text}`" if self._now.text else "the end"
            raise ConditionError(f"expected `{text}`, found {found}", self._now.column)

    def _conjunction(self) -> _Evaluate:
        parts = [self._negation()]
        while self._take("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else lambda look: all(part(look) for part in parts)

    def _negation(self) -> _Evaluate:
        negations = 0
        while self._take("not"):
            negations += 1
        inner = self._comparison()
        if not negations:
            return inner
        wanted = negations % 2 == 0
        return lambda look: bool(inner(look)) is wanted

    def _comparison(self) -> _Evaluate:
        first = self._operand()
        rest: list[tuple[str, _Evaluate]] = []
        while sign := self._comparator():
            rest.append((sign, self._operand()))
        return _chain(first, rest) if rest else first

    def _comparator(self) -> str:
        if self._now.text == "not" and self._tokens[self._next + 1].text == "in":
            self._next += 2
            return "not in"
        if self._now.kind in {"sign", "word"} and self._now.text in _COMPARISONS:
            self._next += 1
            return self._tokens[self._next - 1].text
        return ""

    def _operand(self) -> _Evaluate:
        token = self._now
        if token.kind == "end" or token.text in _KEYWORDS:
            found = f"`{token.text}`" if token.text else "the end"
            raise ConditionError(f"expected a value, found {found}", token.column)
        self._next += 1
        match token.kind:
            case "text":
                return _constant(_ESCAPE.sub(_unescape, token.text[1:-1]))
            case "number":
                return _constant(float(token.text) if "." in token.text else int(token.text))
            case "word":
                return self._word(token)
        if token.text == "(":
            return self._nested(token)
        if token.text == "[":
            return self._list()
        raise ConditionError(f"unexpected `{token.text}`", token.column)

    def _word(self, token: _Token) -> _Evaluate:
        if token.text in _CONSTANTS:
            return _constant(_CONSTANTS[token.text])
        if self._now.text != "(" or self._now.kind != "sign":
            return self._path(token)
        if token.text != "len":
            raise ConditionError(f"`{token.text}` can't be called; only `len` can", token.column)
        self._next += 1
        inner = self._now
        if inner.kind != "word":
            raise ConditionError("`len` takes a path", inner.column)
        self._next += 1
        path = self._path(inner)
        self._expect(")")
        return lambda look: _length(path(look))

    def _path(self, token: _Token) -> _Evaluate:
        path = split_path(token.text)
        self.reads.append(Reference(path, token.column))
        return lambda look: look(path)

    def _nested(self, token: _Token) -> _Evaluate:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ConditionError(f"nested more than {MAX_DEPTH} levels deep", token.column)
        inner = self.expression()
        self._expect(")")
        self._depth -= 1
        return inner

    def _list(self) -> _Evaluate:
        items: list[Any] = []
        while not self._take("]"):
            if items:
                self._expect(",")
                if self._take("]"):
                    break
            token = self._now
            if token.kind not in {"text", "number"} and token.text not in _CONSTANTS:
                raise ConditionError("a list holds text, numbers, true, false, null", token.column)
            items.append(self._operand()(lambda _path: None))
        return _constant(items)


def _constant(value: Any) -> _Evaluate:
    return lambda _look: value


def _unescape(found: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t"}.get(found[1], found[1])


def _chain(first: _Evaluate, rest: list[tuple[str, _Evaluate]]) -> _Evaluate:
    def evaluate(look: Lookup) -> bool:
        left = first(look)
        for sign, operand in rest:
            right = operand(look)
            if not _holds(sign, left, right):
                return False
            left = right
        return True

    return evaluate


def _holds(sign: str, left: Any, right: Any) -> bool:
    match sign:
        case "==":
            return _same(left, right)
        case "!=":
            return not _same(left, right)
        case "in":
            return _contains(right, left)
        case "not in":
            return not _contains(right, left)
    numbers = _is_number(left) and _is_number(right)
    texts = isinstance(left, str) and isinstance(right, str)
    return (numbers or texts) and _ORDER[sign](left, right)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(left: Any, right: Any) -> bool:
    # JSON's true is not 1, though Python's is.
    return isinstance(left, bool) is isinstance(right, bool) and bool(left == right)


def _contains(whole: Any, part: Any) -> bool:
    match whole:
        case str():
            return isinstance(part, str) and part in whole
        case list() | tuple():
            return any(_same(item, part) for item in whole)
        case dict():
            return isinstance(part, str) and part in whole
        case _:
            return False


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple | dict) else 0
