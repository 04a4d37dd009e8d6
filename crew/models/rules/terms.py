"""The words of a question that are worth searching for, and patterns for their other forms."""

import re
from collections import Counter
from dataclasses import dataclass

_QUOTED = re.compile(r"`([^`\n]{2,60})`|\"([^\"\n]{2,60})\"")
_PATH = re.compile(r"(?<![\w/])(?:[\w.-]+/)+[\w.-]+|\b[\w-]+\.(?:[a-z]{1,4})\b(?!\()")
_IDENTIFIER = re.compile(
    r"\b(?:[A-Za-z]\w*_\w+|[a-z]+[A-Z]\w*|[A-Z][a-z]+[A-Z]\w*|\w+\(\)|[A-Z]{2,}\w*)"
    r"|(?<!\S)--[a-z][\w-]+"
)
_WORD = re.compile(r"[A-Za-z][A-Za-z-]*[A-Za-z]")
_STOP_WORDS = """
a about above after again all also an and another any are as at be because been before being below
between both but by can come comes could describe did do does doing done down each either else ever
every exactly exist exists explain few find for found from further get gets give given go goes had
happen happens has have having here how i if in into is isn't it item its itself just kind know let
like look made make makes many may me might more most much must my need needs never no nor not
nothing now of off often on once one only or other others our out over own part please really same
say says see shall she should show so some someone something still such take tell than that the
their them then there these they thing things this those through to too under until up us use used
uses using very want was way we well were what when where whether which while who whom whose why
will with without would you your yourself
"""
_STOP = frozenset(_STOP_WORDS.split())
"""What a question is made of, whatever it asks."""
_WEAK_WORDS = """
answer call called calls change changes check code file files function functions implement
implemented line lines list name names place places point project prompt question read repo
repository result task work works write
"""
_WEAK = frozenset(_WEAK_WORDS.split())
"""What often stands in a question beside what it is about."""
_SAME = (
    "database db sqlite",
    "open connect",
    "delete remove",
    "login auth signin",
    "folder directory",
    "start launch main",
    "error exception",
    "environment env",
)
"""Words that programmers use for one another."""
_SURE_LENGTH = 5
_SHORT = 3
"""A long word is looked for anywhere, also inside a name; one that is not where a word begins; a
short one as a whole word, or it would stand for too many others."""


@dataclass(frozen=True, slots=True)
class Term:
    """A word to search for.

    Attributes:
        weight: What it counts beside others.
        own: Matches its forms, ignoring case; in the syntax that all engines share.
        alike: Matches words that are used for it; empty when there are none.
    """

    word: str
    own: str
    alike: str = ""
    weight: float = 1.0

    @classmethod
    def of(cls, word: str) -> "Term":
        """The term of a word, a name, a path or a phrase."""
        if not _WORD.fullmatch(word) or not (word.islower() or word.istitle()):
            escaped = re.sub(r"([.+*?()\[\]{}^$|\\])", r"\\\1", word)
            return cls(word, rf"\b{escaped}" if word[:1].isalnum() else escaped)
        own = _forms(word.lower())
        group = next((group for group in map(str.split, _SAME) if _named(own, group)), [])
        alike = (_forms(other) for other in group if not re.search(own, other))
        weight = 0.5 if word.lower() in _WEAK else 1.0
        return cls(word, own, "|".join(alike), weight)

    @property
    def pattern(self) -> str:
        """Matches whatever counts for the term."""
        return f"{self.own}|{self.alike}" if self.alike else self.own

    def strength(self, text: str) -> float:
        """How much of the term a text has: 1 for itself, less for a word alike, 0 for nothing."""
        if re.search(self.own, text, re.IGNORECASE):
            return 1.0
        return 0.6 if self.alike and re.search(self.alike, text, re.IGNORECASE) else 0.0


def key_terms(text: str, limit: int = 6) -> list[str]:
    """Quoted words, paths and identifiers first, then the most repeated and longest words."""
    text = re.sub(r"https?://\S+", " ", text)
    found: dict[str, None] = {}
    for match in _QUOTED.finditer(text):
        found.setdefault((match[1] or match[2]).strip())
    for pattern in (_PATH, _IDENTIFIER):
        for match in pattern.finditer(text):
            found.setdefault(match[0].strip("().-") if pattern is _PATH else match[0].rstrip("()"))
    counts = Counter(word.lower() for word in _WORD.findall(text))
    ranked = sorted(counts, key=lambda word: (word in _WEAK, -counts[word], -len(word), word))
    for word in ranked:
        if word not in _STOP and not any(word in known.lower() for known in found):
            found.setdefault(word)
    return [term for term in found if term][:limit]


def _named(own: str, group: list[str]) -> bool:
    return any(re.search(own, word) for word in group)


def _forms(word: str) -> str:
    """A pattern for a word's forms: `locks` finds lock, locked and locking."""
    stem = _stem(word)
    if len(stem) >= _SURE_LENGTH:
        return stem
    if len(stem) > _SHORT:
        return rf"(?:\b|_){stem}"
    return rf"(?:\b|_)(?:{stem}(?:s|es|ed|er|ing)?|{word})(?:\b|_)"


def _stem(word: str) -> str:
    """The part of an English word that its forms share, as a pattern."""
    if re.fullmatch(r".{2,}(?:ies|ied|[^aeiou]y)", word):
        return re.sub(r"(?:ies|ied|y)$", "[iy]", word)
    if re.fullmatch(r".{2,}(?:[sxz]|[cs]h)es", word):
        word = word.removesuffix("es")
    elif re.fullmatch(r".{2,}[^sui]s", word):
        word = word.removesuffix("s")
    if noun := re.fullmatch(r"(\w{4,})ation|(\w{3,}t)ion", word):
        return str(noun[1] or noun[2])
    cut = re.fullmatch(r"(.*[aeiouy].*[^e])(?:ing|ed)", word)
    stem = cut[1] if cut else word
    if len(stem) < 3:
        return word
    if cut and len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "lsfz":
        return stem[:-1]
    return stem[:-1] if stem.endswith("e") and len(stem) > 4 else stem
