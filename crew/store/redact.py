"""Secrets never reach the disk: known values and token shapes are replaced by `[redacted:KIND]`.

Works on plain text and on serialised JSON alike: a match never cuts an escape in two, and what
replaces it holds no quote and no backslash, so a JSON line stays the line it was.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping

from crew.store.assigned import ANCHORS, assigned_by, assigned_in, open_assignment, without_counts
from crew.store.shapes import ANCHORED, KEY_HEAD, KEY_TAIL, key_lines_in
from crew.store.words import Words, as_bytes

_SECRET_NAMES = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_PLAIN_VALUE = re.compile(r"[a-z]+|[0-9.]+")
_SHORTEST_KNOWN = 8


class Redactor:
    """Replaces secrets in text; cheap where there are none.

    Args:
        known: Values that are secret whatever they look like; those shorter than eight
            characters are passed over, since they would tear ordinary text apart.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        values = sorted({value for value in known if len(value) >= _SHORTEST_KNOWN}, key=len)
        forms = dict.fromkeys(form for value in reversed(values) for form in _escaped(value))
        self._known = tuple(_escape_safe(form) for form in forms)
        self._quoted = tuple(value for value in reversed(values) if value not in forms)
        self.known = (*forms, *self._quoted)
        words = (*ANCHORS, *forms, *(anchor for anchor, _ in ANCHORED))
        self._hints = Words(as_bytes(word).lower() for word in words)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], *, known: Iterable[str] = ()) -> "Redactor":
        """Know the values of variables that are named like secrets, unless they are plain words.

        Args:
            known: Further values that are secret.
        """
        named = [
            value
            for name, value in environ.items()
            if _SECRET_NAMES.search(name) and not _PLAIN_VALUE.fullmatch(value)
        ]
        return cls([*named, *known])

    def __call__(self, text: str) -> str:
        """The text without secrets; safe for serialised JSON."""
        if len(text) < _SHORTEST_KNOWN:
            return text
        return self._cleaned(text, self._hinted(as_bytes(text)))

    def line(self, line: bytes) -> bytes:
        """A serialised line without secrets; the very same object when there are none.

        What is not UTF-8 is returned as it is.
        """
        hints = self._hinted(line)
        if not hints and b"\\n" not in line and b"\n" not in line and line[:1] == b"{":
            return line
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return line
        clean = self._cleaned(text, hints)
        return line if clean is text else clean.encode()

    def plain(self, text: str) -> str:
        """Text that is not serialised, where known values may also stand with their quotes."""
        for value in self._quoted:
            text = text.replace(value, "[redacted:env]")
        return self(text)

    def _hinted(self, text: bytes) -> Collection[int]:
        """Which of the words are in a text, capitals or not, that a secret can't be without."""
        lowered = text.lower()
        return without_counts(self._hints.found_in(lowered), lowered)

    def _cleaned(self, text: str, hints: Collection[int]) -> str:
        clean = text
        for number in sorted(hints):
            at = number - len(ANCHORS)
            if at >= len(self._known):
                clean = ANCHORED[at - len(self._known)][1].replaced_in(clean)
            elif at >= 0:
                clean = self._known[at].sub(r"\1[redacted:env]", clean)
        if clean != text:
            assigned = assigned_in(clean)
        else:
            clean, names = text, [number for number in hints if number < len(ANCHORS)]
            assigned = assigned_by(names, text)
        lines = key_lines_in(clean)
        if not assigned and not lines:
            return clean
        found = [(secret.start, secret.end, secret.kind) for secret in assigned]
        return _without([*found, *((start, end, "private-key") for start, end in lines)], clean)


def _without(found: Iterable[tuple[int, int, str]], text: str) -> str:
    """A text with its secrets, given by start, end and kind, replaced."""
    pieces: list[str] = []
    at = 0
    for start, end, kind in sorted(found):
        if start >= at:
            pieces += [text[at:start], f"[redacted:{kind}]"]
            at = end
    return "".join([*pieces, text[at:]])


def _escaped(value: str) -> list[str]:
    """How a value looks as it is, inside a JSON string, and inside JSON inside a JSON string.

    The first is left out when it holds what ends or escapes in JSON: in a serialised line it
    could only match across the line's own structure.
    """
    once = json.dumps(value, ensure_ascii=False)[1:-1]
    twice = json.dumps(once, ensure_ascii=False)[1:-1]
    bare = [] if '"' in value or "\\" in value else [value]
    return list(dict.fromkeys([*bare, once, twice]))


def _escape_safe(form: str) -> re.Pattern[str]:
    """Match a form unless its first letter belongs to an escape, as the n of a newline's does."""
    return re.compile(rf"(?<!\\)((?:\\\\)*+){re.escape(form)}")


_HELD_WORD = 512
_HELD_KEY = 16_384
_WORD_TAIL = re.compile(r"""[^\s"']*\Z""")
_OPEN_HEADER = re.compile(r"-----(?:BEGIN[A-Z0-9 ]{0,60}-{0,5})?\Z")
_OPEN_CREDENTIALS = re.compile(
    r"""(?:[Aa]uthorization\\{0,4}["']?\s{0,4}(?:[:=]\s{0,4}\\{0,4}["']?)?\w{0,8}|[Bb]earer)\s{0,4}\Z"""
)
_OPEN_TOKEN = re.compile(
    r"(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|[rs]k_(?:live|test)_|sk-|AIza|npm_|pypi-|eyJ"
    r"|hf_|SG\.|do[opr]_v1_"
    r"|[Bb]earer[ \t]{1,4})[A-Za-z0-9._~+/=-]*\Z"
)
_TOKEN_REST = re.compile(r"[A-Za-z0-9._~+/=-]*")
_KEY_START = re.compile(KEY_HEAD)
_KEY_END = re.compile(KEY_TAIL)


class StreamRedactor:
    """Redacts text that arrives in pieces: what may yet become a secret is held back."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = ""
        self._swallow: re.Pattern[str] | None = None

    def feed(self, text: str) -> str:
        """Take more text and give what is safe to show of all that was taken."""
        self._held += text
        if self._swallow is not None and not self._swallowed():
            return ""
        if overlong := self._overlong_secret():
            return overlong
        cut = self._cut()
        if len(self._held) - cut > _HELD_WORD and not _KEY_START.search(self._held, cut):
            return self._release_overlong()
        safe, self._held = self._held[:cut], self._held[cut:]
        return self._redactor.plain(safe)

    def flush(self) -> str:
        """Give the rest; the text is complete."""
        if self._swallow is not None:
            self._swallowed()
        rest, self._held, self._swallow = self._held, "", None
        return self._redactor.plain(rest)

    def _swallowed(self) -> bool:
        """Drop the rest of a secret whose start was replaced; False while it goes on."""
        if self._swallow is _KEY_END:
            end = _KEY_END.search(self._held)
            if end is None:
                self._held = self._held[-64:]
                return False
            self._held = self._held[end.end() :]
        else:
            rest = _TOKEN_REST.match(self._held)
            self._held = self._held[rest.end() if rest else 0 :]
            if not self._held:
                return False
        self._swallow = None
        return True

    def _overlong_secret(self) -> str:
        """Replace a private key that is longer than may be held, and swallow what follows."""
        start = self._open_key()
        if start is None or len(self._held) - start <= _HELD_KEY:
            return ""
        safe = self._redactor.plain(self._held[:start])
        self._held, self._swallow = self._held[-64:], _KEY_END
        return safe + "[redacted:private-key]"

    def _release_overlong(self) -> str:
        """Let go of a word that is longer than may be held, or swallow it if it is a token."""
        if token := _OPEN_TOKEN.search(self._held):
            safe = self._redactor.plain(self._held[: token.start()])
            self._held, self._swallow = "", _TOKEN_REST
            return safe + "[redacted:token]"
        clean = self._redactor.plain(self._held)
        keep = max(_HELD_WORD, *(len(form) for form in self._redactor.known), 0)
        self._held = clean[-keep:]
        return clean[:-keep]

    def _open_key(self) -> int | None:
        """Where a private key starts that has not ended."""
        start = None
        for head in _KEY_START.finditer(self._held):
            start = None if _KEY_END.search(self._held, head.end()) else head.start()
        return start

    def _cut(self) -> int:
        """How much of the held text can't be part of a secret that is still to be completed."""
        held = self._held
        word = _WORD_TAIL.search(held)
        cut = word.start() if word else len(held)
        for opener in (_OPEN_HEADER, _OPEN_CREDENTIALS):
            edge = len(held) if opener is _OPEN_HEADER else cut
            if found := opener.search(held, max(0, edge - 128), edge):
                cut = min(cut, found.start())
        name = open_assignment(held, cut)
        if name is not None:
            cut = min(cut, name)
        key = self._open_key()
        if key is not None:
            cut = min(cut, key)
        if self._redactor.known:
            cut = min(cut, *(_open_form(held, form) for form in self._redactor.known))
            cut = self._before_straddling(cut)
        return cut

    def _before_straddling(self, cut: int) -> int:
        """Move a cut to the left, word by word, until it is inside of no complete secret."""
        whole = self._redactor.plain(self._held)
        while cut and not whole.startswith(self._redactor.plain(self._held[:cut])):
            word = _WORD_TAIL.search(self._held, 0, cut - 1)
            cut = word.start() if word else 0
        return cut


def _open_form(held: str, form: str) -> int:
    """Where a known value starts that the text's end has cut, or the text's length."""
    for size in range(min(len(form) - 1, len(held)), 0, -1):
        if held.endswith(form[:size]):
            return len(held) - size
    return len(held)
