"""What secrets look like by themselves: tokens, keys, passwords in addresses.

Each shape reads plain text and serialised JSON alike, and a match never cuts an escape in two.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from crew.store.assigned import entropy

# A token starts at the edge of a word. In JSON the letter of an escape (`\n`) touches the word
# and is no part of it; a token that begins with such a letter must not take it for its own.
# The look back stands behind the token's first letters: a pattern that begins with letters is
# searched for many times faster.


def _at_edge(start: str, *, may_be_escape: bool = False) -> str:
    edge = rf"{start}(?:(?<![A-Za-z0-9_-]{start})|(?<=\\[bfnrt]{start}))"
    unescaped = rf"(?:(?<!\\{start})|(?<=[^\\]\\\\{start}))"
    return edge + unescaped if may_be_escape else edge


_GAP = r"""(?:[\s#>|*+]|\\+[nrt]|(?:\\\\)*\\["'])"""
_NUMBERED = r"(?:[0-9]{1,7}(?:\t|\\+t))?"  # as `read` numbers its lines
KEY_HEAD = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
KEY_TAIL = r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_KEY_BODY = r"""(?:[A-Za-z0-9/=:,.()]|-(?!----)|""" + _GAP + r""")*+"""
_KEY_RUNS = (
    rf"(?:{_GAP}*+{_NUMBERED}{_GAP}*+[A-Za-z0-9+/=]{{20,}})++"
    rf"(?:{_GAP}*+{_NUMBERED}{_GAP}*+[A-Za-z0-9+/=]{{1,19}})?"
)

_PLACEHOLDER = r"(?!\$?\{[^}\s]*\}@|<[^>\s]*>@|\$[A-Za-z_]+@|%s@|\*+@|\[redacted:)"
_CREDENTIALS = r"(?=[A-Za-z._~+/=-]{0,64}[0-9])[A-Za-z0-9._~+/=-]{16,}"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a kind of secret looks like.

    Attributes:
        anchors: Texts of which every match holds one; their absence rules the shape out at once.
        kept: What of a match stays in front of its replacement.
    """

    kind: str
    anchors: tuple[str, ...]
    pattern: re.Pattern[str]
    kept: str = ""

    def replaced_in(self, text: str) -> str:
        """The text with every match replaced."""
        return self.pattern.sub(f"{self.kept}[redacted:{self.kind}]", text)

    def spans_in(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the secrets of this shape start and end."""
        for match in self.pattern.finditer(text):
            yield (match.end(1) if self.kept else match.start()), match.end()


def _shape(kind: str, anchors: str, pattern: str, kept: str = "") -> Shape:
    return Shape(kind, tuple(anchors.split("|")), re.compile(pattern), kept)


SHAPES = (
    _shape("private-key", "PRIVATE KEY", rf"{KEY_HEAD}(?:{_KEY_BODY}{KEY_TAIL}|{_KEY_RUNS})"),
    _shape("aws-key", "AKIA|ASIA", rf"{_at_edge('A')}(?:KIA|SIA)[A-Z0-9]{{16}}(?![A-Za-z0-9])"),
    _shape(
        "github-token",
        "ghp_|gho_|ghu_|ghs_|ghr_|github_pat_",
        rf"{_at_edge('g')}(?:h[pousr]_[A-Za-z0-9]{{20,}}|ithub_pat_\w{{20,}})",
    ),
    _shape("gitlab-token", "glpat-", rf"{_at_edge('glpat-')}[A-Za-z0-9_-]{{16,}}"),
    _shape("slack-token", "xox", rf"{_at_edge('xox')}[abeoprs]-[A-Za-z0-9-]{{10,}}"),
    _shape(
        "stripe-key",
        "k_live_|k_test_",
        rf"{_at_edge('[rs]k_', may_be_escape=True)}(?:live|test)_[A-Za-z0-9]{{16,}}",
    ),
    _shape("api-key", "sk-", rf"{_at_edge('sk-')}(?=[A-Za-z_-]{{0,64}}[0-9])[A-Za-z0-9_-]{{20,}}"),
    _shape("google-key", "AIza", rf"{_at_edge('AIza')}[A-Za-z0-9_-]{{30,}}"),
    _shape("npm-token", "npm_", rf"{_at_edge('npm_', may_be_escape=True)}[A-Za-z0-9]{{30,}}"),
    _shape("pypi-token", "pypi-", rf"{_at_edge('pypi-')}[A-Za-z0-9_-]{{32,}}"),
    _shape(
        "jwt",
        "eyJ",
        rf"{_at_edge('eyJ')}[A-Za-z0-9_-]{{8,}}+\.[A-Za-z0-9_-]{{8,}}+\.[A-Za-z0-9_-]{{8,}}",
    ),
    _shape(
        "slack-webhook",
        "://",
        r"(://hooks\.slack\.com/services/)T[A-Z0-9]{7,}/B[A-Z0-9]{7,}/[A-Za-z0-9]{20,}",
        r"\1",
    ),
    _shape("sendgrid-key", "SG.", rf"{_at_edge('SG')}\.[A-Za-z0-9_-]{{22}}\.[A-Za-z0-9_-]{{43}}"),
    _shape("hugging-face-token", "hf_", rf"{_at_edge('hf_')}[A-Za-z]{{34}}(?![A-Za-z0-9])"),
    _shape("digitalocean-token", "_v1_", rf"{_at_edge('do[opr]_v1_')}[a-f0-9]{{64}}"),
    _shape("bearer", "earer", rf"([Bb]earer[ \t]{{1,4}}){_CREDENTIALS}", r"\1"),
    _shape(
        "authorization",
        "uthorization",
        r"""([Aa]uthorization\\{0,4}["']?\s{0,4}[:=]\s{0,4}\\{0,4}["']?"""
        r"""(?:[Bb]asic|[Tt]oken)[ \t]{1,4})[A-Za-z0-9._~+/=-]{8,}""",
        r"\1",
    ),
    _shape(
        "url-password",
        "://",
        rf"""(://[^\s/:@"'\\]{{0,128}}:){_PLACEHOLDER}[^\s/@"'\\]{{1,256}}(?=@)""",
        r"\1",
    ),
)

ANCHORED = tuple((anchor, shape) for shape in SHAPES for anchor in shape.anchors)
"""Each anchor with its shape, in the order in which secrets are replaced."""

# A line of a key's body stands alone on its line, after no more than the mark of a diff, a line's
# number or the name of the file that a search found it in.
_LINE_MARK = (
    r"(?:[\w./-]{1,200}[:-][0-9]{1,7}[:-])?[ ]{0,40}(?:[0-9]{1,7}(?:\t|\\{1,4}t))?[ +-]{0,20}"
)
_BODY_LINE = rf"{_LINE_MARK}(?P<body>[A-Za-z0-9+/]{{60,80}})(?![A-Za-z0-9+/])={{0,2}}"
_BODY = re.compile(_BODY_LINE + r"(?=(?:\\{0,6}r|\r)?\\{0,6}(?:\\n|\n|\Z|[\"']))")
_MIXED = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])")
_KEY_ENTROPY = 4.6
_SHORTEST_LINE = 60
_LONGEST_LINE = 300
_ALONE = 50
_NOT_PRIVATE = (
    "CERTIFICATE",
    "PUBLIC KEY",
    "PUBLIC KEY BLOCK",
    "PGP SIGNATURE",
    "PGP MESSAGE",
    "X509 CRL",
)


def key_lines_in(text: str) -> Sequence[tuple[int, int]]:
    """Where lines start and end that a private key's body is made of, without its BEGIN line.

    Lines of what says that it is public, such as a certificate, are passed over.
    """
    matches: list[re.Match[str]] = []
    if "\\n" in text:
        matches += _bodies(text, "\\n")
    if "\n" in text or (_SHORTEST_LINE <= len(text) < _LONGEST_LINE and text[0] != "{"):
        matches += _bodies(text, "\n")
        matches.sort(key=re.Match[str].start)
    return list(_private(matches, text)) if matches else ()


def _private(matches: Iterable[re.Match[str]], text: str) -> Iterator[tuple[int, int]]:
    opened, seen = -1, 0
    for match in matches:
        start, end = match.span("body")
        body = match["body"]
        opened = max(opened, text.rfind("-----", seen, start))
        seen = start
        if _MIXED.match(body) and entropy(body) >= _KEY_ENTROPY and not _is_public(text, opened):
            yield start, end


def _bodies(text: str, line_end: str) -> Iterator[re.Match[str]]:
    """Lines that are as long as those of a key and one word; most are ruled out at little cost."""
    at = 0
    for line in text.split(line_end):
        if len(line) >= _SHORTEST_LINE and " " not in line[-_ALONE:]:
            match = _BODY.match(text, at + line.rfind('"') + 1)
            if match is not None:
                yield match
        at += len(line) + len(line_end)


def _is_public(text: str, mark: int) -> bool:
    """Whether the last mark before a place opens something that holds no secret."""
    if mark < 0:
        return False
    line = text[max(0, mark - 80) : mark]
    _, begins, label = line.rpartition("-----BEGIN ")
    return bool(begins) and label.endswith(_NOT_PRIVATE)
