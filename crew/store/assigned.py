"""Secrets told by the name they are given to: `api_key = "..."`, `DB_PASSWORD=...`.

Works on plain text and on serialised JSON alike, as `redact` does: a value holds no quote and no
backslash, so that leaving it out never cuts an escape in two.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from crew.store.words import Words, as_bytes

_KEY = "key"
_NO_NAME = ("", " ", '"', "'", "\n")
ANCHORS = ("token", "secret", "pass", _KEY, "pwd", "credential")
"""Lower-case texts of which every name of a secret holds one."""

_COUNTED = ANCHORS.index("token")
_TOKEN, _COUNT = b"token", b'tokens":'
"""The fields of a model's usage, which hold numbers, end in the second."""

_QUOTE = r"\\{0,6}[\"'`]"
_GAP = r"(?:[ \t]|\\{1,4}t){0,8}"
_AFTER_NAME = rf"\w{{0,30}}(?:-\w{{1,30}}){{0,3}}(?:\\{{0,6}}[\"'])?\]?{_GAP}"
_ANNOTATION = rf"(?::{_GAP}[\w\[\]|. ]{{1,30}})?"
_BECOMES = rf"(?:=>|:=|=|:){_GAP}"
_CALL = r"[\w.:&(]{0,20}"
_TAIL = (
    rf"(?P<rest>{_AFTER_NAME})(?!: ?[0-9]+[,}}])(?:"
    rf"{_ANNOTATION}{_BECOMES}{_CALL}(?P<quote>{_QUOTE})(?P<quoted>[^\"'`\s\\]{{6,400}})(?P=quote)"
    rf"|[=:]{_GAP}(?P<bare>[^\s\"'`#\\]{{8,400}})"
    rf"(?=[ \t]{{0,8}}(?:\Z|[\r\n]|\\{{1,6}}[nr]|\\{{0,6}}\"))"
    r")"
)
_ASSIGNMENTS = tuple(re.compile(anchor + _TAIL) for anchor in ANCHORS)
_WORDS_OF_NAMES = Words(map(as_bytes, ANCHORS))
_NAME_START = re.compile(r"[A-Za-z0-9_.-]{0,60}\Z")
_NAME_REST = re.compile(r"[\w-]*")
_LINE_START = re.compile(
    r"(?:\A|[\n\r\"']|\\[nrt]|[0-9]\t)[ \t]{0,200}(?:[+-][ \t]{0,80})?(?:-[ \t]+)?"
    r"(?:(?:export|set|ENV|ARG)[ \t]+)?\Z"
)
_START_ROOM = 300
_OPEN_TAIL = re.compile(
    rf"{_AFTER_NAME}{_ANNOTATION}(?:{_BECOMES}{_CALL}(?:{_QUOTE})?)?", re.IGNORECASE
)

_SECRET_NAME = re.compile(
    r"(?:(?:api|private|access|auth|encryption|signing|master|account)[_.-]?key|secret|token"
    r"|passw(?:or)?d|passphrase|(?<![a-z])pass(?![a-z])|pwd|credential)s?[a-z0-9_-]{0,20}$",
    re.IGNORECASE,
)
_NOT_SECRET_NAME = re.compile(
    r"(public|hash|digest|checksum|fingerprint|sha\d|md5|tokeniz|regex|pattern|prefix|suffix"
    r"|header|field|label|placeholder|message|error|title|hint|text|column|param|endpoint|policy"
    r"|_?(id|ids|name|names|url|uri|path|file|dir|type|kind|env|var|ref|arn|length|len|size|count"
    r"|format|version|index|limit|class|key_name))$"
    r"|(public|csrf|hash|digest|checksum|fingerprint|placeholder|example|sample|dummy|fake|mock)",
    re.IGNORECASE,
)
_PASSWORD_NAME = re.compile(r"(password|passwd|passphrase|pwd|(?<![a-z])pass)s?$", re.IGNORECASE)
_FAKE = re.compile(
    r"example|sample|dummy|fake|placeholder|change_?me|replace|your|xxxx|\*\*\*|\.\.\.|todo|redacted"
    r"|insert|not[-_]?a|1234567|abcdef|deadbeef|lorem|foo|bar|<|>|\{|\}|\$|%[(s]|^env|^vault|^ssm"
    r"|^secretsmanager|^op://|^arn:|^enc\[|^base64:$|process\.|os\.|getenv",
    re.IGNORECASE,
)
_WORDS = re.compile(r"^[A-Za-z]+(?:[-_. /:@][A-Za-z]+)*\d{0,2}$")
_GUESSABLE = re.compile(
    r"(?!pass|pwd|secret|token|step|input|field)[a-z]{3,}\d{1,2}", re.IGNORECASE
)
"""A word with a number after it: what people choose, where a password is asked for."""
_CODE_LIKE = re.compile(
    r"^[A-Za-z_][\w.]*(?:\(|\[|::|->)|^[\w-]+(?:\.[A-Za-z_][\w-]*)+$|^[A-Z0-9]+(?:_[A-Z0-9]+)+$"
)
_UUID = re.compile(r"^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$", re.IGNORECASE)
_ADDRESS_LIKE = re.compile(r"^(?:[a-z]+:)?/|^[a-z][a-z0-9+.-]*://|^\.{1,2}/", re.IGNORECASE)
_VARIABLE = re.compile(
    r"\w*(?i:pass(?:word|wd|phrase)?|pwd|secret|token|key)s?(?:_\w*|[A-Z]\w*|\d{0,2})[;,)]?"
)
_RANDOM_TEXT = re.compile(r"[A-Za-z0-9+/=_.~!@#$%^&*:-]+")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """A secret that is given to a name.

    Attributes:
        name: What it is given to, as it is written.
        start: Where the value starts.
        chosen: A password that a person chose, rather than a generated value.
        quoted: The value stands in quotes; else it is all of the line after the name.
    """

    name: str
    value: str
    start: int
    chosen: bool
    quoted: bool

    @property
    def kind(self) -> str:
        """What redaction calls it."""
        return "password" if self.chosen else "secret"

    @property
    def end(self) -> int:
        """Where the value ends."""
        return self.start + len(self.value)


def assigned_in(text: str) -> Sequence[Assigned]:
    """The secrets that are given to names in a text, each once, in no order."""
    lowered = as_bytes(text).lower()
    numbers = _WORDS_OF_NAMES.found_in(lowered)
    return assigned_by(without_counts(numbers, lowered), text)


def without_counts(numbers: Collection[int], lowered: bytes) -> Collection[int]:
    """Leave out of some of `ANCHORS` what only the counts of a model's usage hold of a text.

    Args:
        lowered: The text in small letters; most lines of a run have such counts.
    """
    if _COUNTED not in numbers or lowered.count(_TOKEN) != lowered.count(_COUNT):
        return numbers
    return [number for number in numbers if number != _COUNTED]


def assigned_by(numbers: Collection[int], text: str) -> Sequence[Assigned]:
    """The secrets that are given to names which hold one of these of `ANCHORS`."""
    return list(_found(sorted(numbers), text)) if numbers else ()


def _found(numbers: Iterable[int], text: str) -> Iterator[Assigned]:
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(char.lower() if char.isascii() else char for char in text)
    seen: set[int] = set()
    for number in numbers:
        for match in _ASSIGNMENTS[number].finditer(lowered):
            found = _judged(text, match)
            if found is not None and found.start not in seen:
                seen.add(found.start)
                yield found


def open_assignment(text: str, end: int) -> int | None:
    """Where the name starts that the text before `end` gives a value to which is still to come."""
    start = max(0, end - _START_ROOM)
    window = text[start:end].lower()
    for anchor in ANCHORS:
        at = window.find(anchor)
        while at >= 0:
            if _OPEN_TAIL.fullmatch(window, at + len(anchor)):
                head = _NAME_START.search(window[:at])
                return start + (head.start() if head else at)
            at = window.find(anchor, at + 1)
    return None


def _judged(text: str, match: re.Match[str]) -> Assigned | None:
    if match[0].startswith(_KEY) and text[match.start() - 1 : match.start()] in _NO_NAME:
        return None
    group = "quoted" if match["quoted"] else "bare"
    start, end = match.span(group)
    value = text[start:end]
    guessable = group == "quoted" and _GUESSABLE.fullmatch(value) is not None
    if is_placeholder(value) and (not guessable or is_fake(value)):
        return None
    chosen = not is_random(value)
    if chosen and not _is_chosen_password(value):
        return None
    before = text[max(0, match.start() - _START_ROOM) : match.start()]
    head = _NAME_START.search(before)
    first = head.start() if head else len(before)
    if before[first - 1 : first] == "\\" and before[first : first + 1] in ("n", "r", "t"):
        first += 1
    name_rest = _NAME_REST.match(text, match.start())
    name = before[first:] + (name_rest[0] if name_rest else "")
    if not _SECRET_NAME.search(name) or _NOT_SECRET_NAME.search(name):
        return None
    if chosen and not _PASSWORD_NAME.search(name):
        return None
    if group == "bare" and (
        not _LINE_START.search(before[:first]) or (chosen and _VARIABLE.fullmatch(value))
    ):
        return None
    return Assigned(name=name, value=value, start=start, chosen=chosen, quoted=group == "quoted")


def is_random(value: str) -> bool:
    """Whether a value reads like a generated key: long, mixed, and without words."""
    if len(value) < 16 or not re.search(r"\d", value) or not re.search(r"[A-Za-z]", value):
        return False
    if not _RANDOM_TEXT.fullmatch(value):
        return False
    return entropy(value) >= (3.0 if _HEXADECIMAL.fullmatch(value) else 3.5)


def is_fake(value: str) -> bool:
    """Whether a value says of itself that it stands for another."""
    return _FAKE.search(value) is not None


def is_placeholder(value: str) -> bool:
    """Whether a value is code, words, an address or says that it stands for another."""
    return len(set(value)) < 5 or any(
        pattern.search(value) for pattern in (_FAKE, _WORDS, _CODE_LIKE, _UUID, _ADDRESS_LIKE)
    )


def entropy(value: str) -> float:
    """Bits per character by the value's own frequencies."""
    counts = Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())


def _is_chosen_password(value: str) -> bool:
    mixed = re.search(r"[A-Za-z]", value) and re.search(r"[\d!@#$%^&*]", value)
    return bool(mixed) and 6 <= len(value) <= 64
