"""Which characters of a source text are code, comment or string, for many languages at once.

A lexer per language would be exact; this one is right for what a rule must not trip over: words
in comments, words in strings, braces in either.
"""

import re
from dataclasses import dataclass
from functools import cache

_SLASHES = r"//[^\n]*|/\*.*?(?:\*/|\Z)"
_HASH = r"#[^\n]*"
_SPACED_HASH = r"(?:(?<=\s)|(?<![^\n]))#[^\n]*"
_DOUBLE = r'"(?:\\.|[^"\\\n])*"?'
_SINGLE = r"'(?:\\.|[^'\\\n])*'?"
_DOUBLE_ACROSS = r'"(?:\\.|[^"\\])*(?:"|\Z)'
_SINGLE_ACROSS = r"'(?:\\.|[^'\\])*(?:'|\Z)"
_TRIPLE = r'"""(?:\\.|[^\\])*?(?:"""|\Z)'
_TRIPLE_SINGLE = r"'''(?:\\.|[^\\])*?(?:'''|\Z)"
_TEMPLATE = r"`(?:\\.|\$\{(?:[^{}`]|\{[^{}`]*\}|`[^`]*`)*\}|[^`\\])*(?:`|\Z)"
_RAW_TICKS = r"`[^`]*(?:`|\Z)"
_CHAR = r"'(?:\\[^\n]{1,9}?|[^'\\\n])'"
_JS_REGEX = (
    r"(?<=[=(,:;!&|?{}\[+])[ \t]*/(?![*/])"
    r"(?:\\.|\[(?:\\.|[^\]\\\n]){0,200}\]|[^/\\\n\[]){1,500}/[a-z]*"
)
_RUST_RAW = r'\bb?r(#*)".*?(?:"(?P=hashes)|\Z)'.replace("(#*)", "(?P<hashes>#*)")
_CSHARP_VERBATIM = r'\$?@\$?"(?:""|[^"])*(?:"|\Z)'
_QUOTED_VALUE = r"(?<=[\s:=,\[{(-])(?:\"(?:\\.|[^\"\\\n])*\"|'(?:''|[^'\n])*')"

_PYTHON_PREFIX = r"(?:\b[rRbBuUfFtT]{1,2})?"

_SPECS: dict[str, tuple[str, str]] = {
    "python": (
        _HASH,
        rf"{_PYTHON_PREFIX}(?:{_TRIPLE}|{_TRIPLE_SINGLE}|{_DOUBLE}|{_SINGLE})",
    ),
    "javascript": (_SLASHES, rf"{_DOUBLE}|{_SINGLE}|{_TEMPLATE}|{_JS_REGEX}"),
    "go": (_SLASHES, rf"{_DOUBLE}|{_CHAR}|{_RAW_TICKS}"),
    "rust": (_SLASHES, rf"{_RUST_RAW}|b?{_DOUBLE_ACROSS}|{_CHAR}"),
    "csharp": (_SLASHES, rf"{_CSHARP_VERBATIM}|\$?{_DOUBLE}|{_CHAR}"),
    "java": (_SLASHES, rf"{_TRIPLE}|{_DOUBLE}|{_CHAR}"),
    "php": (rf"{_SLASHES}|#(?!\[)[^\n]*", rf"{_DOUBLE_ACROSS}|{_SINGLE_ACROSS}"),
    "ruby": (rf"^=begin\b.*?(?:^=end\b|\Z)|{_SPACED_HASH}", rf"{_DOUBLE}|{_SINGLE}|{_RAW_TICKS}"),
    "elixir": (_HASH, rf"{_TRIPLE}|{_DOUBLE}"),
    "shell": (_SPACED_HASH, rf"'[^']*(?:'|\Z)|{_DOUBLE_ACROSS}"),
    "yaml": (_SPACED_HASH, _QUOTED_VALUE),
    "sql": (r"--[^\n]*|/\*.*?(?:\*/|\Z)", r"'(?:''|[^'])*(?:'|\Z)"),
    "html": (r"<!--.*?(?:-->|\Z)", r"(?!)"),
    "css": (r"/\*.*?(?:\*/|\Z)", rf"{_DOUBLE}|{_SINGLE}"),
    "terraform": (rf"{_HASH}|{_SLASHES}", _DOUBLE),
}
_SAME = {
    "typescript": "javascript",
    "c": "java",
    "dart": "java",
    "kotlin": "java",
    "scala": "java",
    "swift": "java",
    "config": "yaml",
    "docker": "shell",
    "make": "yaml",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A comment or a string: its kind and where it stands in the text."""

    kind: str
    start: int
    end: int


@cache
def _pattern(language: str) -> re.Pattern[str] | None:
    spec = _SPECS.get(_SAME.get(language, language))
    if spec is None:
        return None
    comment, string = spec
    return re.compile(f"(?P<comment>{comment})|(?P<string>{string})", re.DOTALL | re.MULTILINE)


def tokens(text: str, language: str) -> tuple[Token, ...]:
    """The comments and strings of a text in order; none for a language that is not known."""
    pattern = _pattern(language)
    if pattern is None:
        return ()
    return tuple(
        Token(match.lastgroup or "string", match.start(), match.end())
        if match.lastgroup != "hashes"
        else Token("string", match.start(), match.end())
        for match in pattern.finditer(text)
    )


def blank(text: str, spans: tuple[Token, ...], kinds: frozenset[str]) -> str:
    """The text with these kinds of tokens blanked, line for line and column for column.

    A string keeps its first and last character, so that it still reads as a string.
    """
    pieces: list[str] = []
    at = 0
    for token in spans:
        if token.kind not in kinds:
            continue
        body = text[token.start : token.end]
        pieces.append(text[at : token.start])
        if token.kind == "string" and len(body) > 1:
            pieces += [body[0], _spaces(body[1:-1]), body[-1]]
        else:
            pieces.append(_spaces(body))
        at = token.end
    return "".join([*pieces, text[at:]])


def _spaces(text: str) -> str:
    return "\n".join(" " * len(line) for line in text.split("\n"))
