r"""Search patterns that mean the same to ripgrep and to Python.

A pattern is read once, here, and written out for each engine with nothing left to its dialect:
every character class as ranges of code points, case folded by us, `\w \d \s \b` about ASCII,
`$` before a carriage return too. What only one of the engines has is refused.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NoReturn

from crew.errors import ToolError

MAX_CHARS = 2_000
MAX_DEPTH = 40
MAX_REPEATS = 1_000

_TOP = 0x10FFFF
_FOLDED_RANGE = 4_096
"""Ranges longer than this are taken to hold both cases already."""

Range = tuple[int, int]

_NOT_TEXT: tuple[Range, ...] = ((0x0A, 0x0A), (0xD800, 0xDFFF))
"""What no class matches: line ends, and the surrogates that stand for bytes that are not UTF-8."""

_DIGIT: tuple[Range, ...] = ((0x30, 0x39),)
_SPACE: tuple[Range, ...] = ((0x09, 0x0D), (0x20, 0x20))
_WORD: tuple[Range, ...] = (*_DIGIT, (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_UPPER: tuple[Range, ...] = ((0x41, 0x5A),)
_LOWER: tuple[Range, ...] = ((0x61, 0x7A),)

_CLASSES = {"d": _DIGIT, "s": _SPACE, "w": _WORD}
_POSIX = {
    "alpha": (*_UPPER, *_LOWER),
    "digit": _DIGIT,
    "alnum": (*_DIGIT, *_UPPER, *_LOWER),
    "upper": _UPPER,
    "lower": _LOWER,
    "space": _SPACE,
    "blank": ((0x09, 0x09), (0x20, 0x20)),
    "punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)),
    "xdigit": (*_DIGIT, (0x41, 0x46), (0x61, 0x66)),
    "word": _WORD,
}
_CONTROLS = {"t": 0x09, "n": 0x0A, "v": 0x0B, "f": 0x0C, "r": 0x0D, "a": 0x07, "e": 0x1B}


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern, as each engine reads it."""

    rust: str
    python: str


def translate(pattern: str, *, ignore_case: bool) -> Pattern:
    """Read a pattern and write it for both engines.

    Raises:
        ToolError: It is not a regular expression, or uses what is not common to both.
    """
    if not pattern:
        raise ToolError("the pattern is empty")
    if len(pattern) > MAX_CHARS:
        raise ToolError(f"the pattern is longer than {MAX_CHARS:,} characters")
    return _Parser(pattern, ignore_case).parse()


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a pattern.

    Attributes:
        repeats: How often its innermost piece may be written out.
    """

    rust: str
    python: str
    repeats: int = 1


class _Parser:
    """Recursive descent: alternatives of sequences of repeated atoms."""

    def __init__(self, pattern: str, ignore_case: bool) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0
        self._fold = ignore_case

    def parse(self) -> Pattern:
        while self._take("(?i)"):
            self._fold = True
        piece = self._alternatives()
        if self._at < len(self._pattern):
            self._refuse("unbalanced ')'")
        return Pattern(piece.rust, piece.python)

    def _alternatives(self) -> _Piece:
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        return _Piece(
            "|".join(branch.rust for branch in branches),
            "|".join(branch.python for branch in branches),
            max(branch.repeats for branch in branches),
        )

    def _sequence(self) -> _Piece:
        pieces = []
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            pieces.append(self._repeated(self._atom()))
        return _Piece(
            "".join(piece.rust for piece in pieces),
            "".join(piece.python for piece in pieces),
            max((piece.repeats for piece in pieces), default=1),
        )

    def _repeated(self, piece: _Piece) -> _Piece:
        if (quantifier := self._quantifier()) is None:
            return piece
        # Greedy or lazy: the same lines match.
        self._take("?")
        if self._quantifier() is not None:
            self._refuse("two repetitions in a row")
        low, high = quantifier
        repeats = piece.repeats * max(low, high or 1)
        if repeats > MAX_REPEATS:
            self._refuse(f"more than {MAX_REPEATS:,} repetitions")
        count = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get(
            (low, high), f"{{{low},{'' if high is None else high}}}"
        )
        return _Piece(f"(?:{piece.rust}){count}", f"(?:{piece.python}){count}", repeats)

    def _quantifier(self) -> tuple[int, int | None] | None:
        for sign, counts in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return counts
        # Braces that are no repetition are themselves: `fn main() {` is what people search.
        match = re.compile(r"\{(\d{0,6})(,?)(\d{0,6})\}").match(self._pattern, self._at)
        if match is None or not (match[1] or match[3]):
            return None
        self._at = match.end()
        low = int(match[1] or 0)
        high = int(match[3]) if match[3] else None if match[2] else low
        if high is not None and high < low:
            self._refuse("a repetition that ends before it begins")
        return low, high

    def _atom(self) -> _Piece:
        char = self._next()
        match char:
            case "(":
                return self._group()
            case "[":
                return self._class()
            case ".":
                return _written(_complement(()))
            case "^":
                # A byte order mark is no part of the first line.
                return _Piece(r"(?:^\x{FEFF}?)", r"(?:^\ufeff?)")
            case "$":
                return _Piece(r"(?:\x{0D}?$)", r"(?:\x0d?$)")
            case "*" | "+" | "?":
                self._refuse(f"nothing to repeat before {char!r}")
            case "\\":
                return self._escape()
            case _:
                return self._set([(ord(char), ord(char))])

    def _group(self) -> _Piece:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(f"more than {MAX_DEPTH} groups in each other")
        if self._pattern.startswith("?", self._at):
            named = re.compile(r"\?(?::|P?<[A-Za-z_]\w*>)").match(self._pattern, self._at)
            if named is None:
                self._refuse("look-around, conditions and flags inside the pattern are not read")
            self._at = named.end()
        piece = self._alternatives()
        if not self._take(")"):
            self._refuse("a '(' is not closed")
        self._depth -= 1
        return _Piece(f"(?:{piece.rust})", f"(?:{piece.python})", piece.repeats)

    def _escape(self) -> _Piece:
        char = self._next("a backslash at the end")
        match char:
            case "b":
                return _Piece(r"(?-u:\b)", r"(?a:\b)")
            case "B":
                return _Piece(r"(?-u:\B)", r"(?!(?a:\b))")
            case "A":
                return _Piece("^", "^")
            case "z" | "Z":
                return _Piece("$", "$")
        return self._set(self._escaped(char))

    def _escaped(self, char: str) -> list[Range]:
        """What an escape stands for, inside a class or outside."""
        if char in _CLASSES:
            return list(_CLASSES[char])
        if char.lower() in _CLASSES:
            return _complement(_CLASSES[char.lower()])
        if char in "xuU":
            code = self._code(char)
        elif char in _CONTROLS:
            code = _CONTROLS[char]
        elif char.isascii() and char.isalnum():
            self._refuse(f"\\{char} is not read")
        else:
            code = ord(char)
        return [(code, code)]

    def _code(self, char: str) -> int:
        digits = {"x": 2, "u": 4, "U": 8}[char]
        number = re.compile(rf"\{{([0-9A-Fa-f]{{1,8}})\}}|([0-9A-Fa-f]{{{digits}}})")
        match = number.match(self._pattern, self._at)
        code = int(match[1] or match[2], 16) if match is not None else _TOP + 1
        if match is None or code > _TOP:
            self._refuse(f"\\{char} without a character's number")
        self._at = match.end()
        return code

    def _class(self) -> _Piece:
        negated = self._take("^")
        ranges: list[Range] = []
        first = True
        while first or not self._take("]"):
            first = False
            ranges += self._class_item()
        if self._fold:
            ranges = _folded(ranges)
        piece = _written(_complement(ranges) if negated else _without(ranges, _NOT_TEXT))
        if not piece.rust:
            self._refuse("a class that matches nothing")
        return piece

    def _class_item(self) -> list[Range]:
        unclosed = "a '[' is not closed"
        posix = re.compile(r"\[:(\^?)(\w+):\]").match(self._pattern, self._at)
        if posix is not None:
            if posix[2] not in _POSIX:
                self._refuse(f"[:{posix[2]}:] is not read")
            self._at = posix.end()
            named = _POSIX[posix[2]]
            return _complement(named) if posix[1] else list(named)
        low = self._class_char(self._next(unclosed))
        closing = self._pattern[self._at + 1 : self._at + 2]
        if len(low) != 1 or low[0][0] != low[0][1] or closing in {"", "]"} or not self._take("-"):
            return low
        high = self._class_char(self._next(unclosed))
        if len(high) != 1 or high[0][0] != high[0][1] or high[0][0] < low[0][0]:
            self._refuse("a range in a class that ends before it begins")
        return [(low[0][0], high[0][0])]

    def _class_char(self, char: str) -> list[Range]:
        if char != "\\":
            return [(ord(char), ord(char))]
        escaped = self._next("a backslash at the end")
        return [(0x08, 0x08)] if escaped == "b" else self._escaped(escaped)

    def _set(self, ranges: list[Range]) -> _Piece:
        piece = _written(_without(_folded(ranges) if self._fold else ranges, _NOT_TEXT))
        if not piece.rust:
            self._refuse("lines are searched one by one: no line end can match")
        return piece

    def _take(self, text: str) -> bool:
        if not self._pattern.startswith(text, self._at):
            return False
        self._at += len(text)
        return True

    def _next(self, missing: str = "the pattern ends early") -> str:
        if self._at >= len(self._pattern):
            self._refuse(missing)
        self._at += 1
        return self._pattern[self._at - 1]

    def _refuse(self, what: str) -> NoReturn:
        raise ToolError(
            f"pattern {self._pattern!r}, near character {self._at}: {what}",
            hint="escape special characters with a backslash to search for them as they are",
        )


def _folded(ranges: Iterable[Range]) -> list[Range]:
    folded = list(ranges)
    for low, high in tuple(folded):
        if high - low <= _FOLDED_RANGE:
            for code in range(low, high + 1):
                cases = {chr(code).lower(), chr(code).upper()}
                folded += [(ord(case), ord(case)) for case in cases if len(case) == 1]
    return folded


def _complement(ranges: Iterable[Range]) -> list[Range]:
    return _without([(0, _TOP)], [*ranges, *_NOT_TEXT])


def _without(ranges: Iterable[Range], gone: Iterable[Range]) -> list[Range]:
    """The sorted, merged ranges less others."""
    kept = _merged(ranges)
    for low, high in gone:
        cut: list[Range] = []
        for start, end in kept:
            if end < low or start > high:
                cut.append((start, end))
                continue
            if start < low:
                cut.append((start, low - 1))
            if end > high:
                cut.append((high + 1, end))
        kept = cut
    return kept


def _merged(ranges: Iterable[Range]) -> list[Range]:
    merged: list[Range] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _written(ranges: list[Range]) -> _Piece:
    """Write a set of characters; an empty one gives empty text."""
    if not ranges:
        return _Piece("", "")
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return _Piece(_rust(ranges[0][0]), _python(ranges[0][0]))
    return _Piece(_bracketed(ranges, _rust), _bracketed(ranges, _python))


def _bracketed(ranges: list[Range], char: Callable[[int], str]) -> str:
    spans = (char(low) if low == high else f"{char(low)}-{char(high)}" for low, high in ranges)
    return f"[{''.join(spans)}]"


def _rust(code: int) -> str:
    return chr(code) if _plain(code) else f"\\x{{{code:02X}}}"


def _python(code: int) -> str:
    if _plain(code):
        return chr(code)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _plain(code: int) -> bool:
    return code < 0x80 and chr(code).isalnum()
