"""Values that must not be in a repository: what redaction replaces, less what stands for another.

One recogniser serves both, so that what a check calls a secret never reaches a run's folder.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from crew.store.assigned import Assigned, assigned_in, is_fake, is_placeholder, is_random
from crew.store.shapes import ANCHORED

_TOKENS: dict[str, tuple[str, str]] = {
    "aws-key": ("an AWS access key id", r"(?:AKIA|ASIA)[A-Z2-7]{16}"),
    "github-token": ("a GitHub token", r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{60,255}"),
    "gitlab-token": ("a GitLab token", r"glpat-[A-Za-z0-9_-]{20,}"),
    "slack-token": ("a Slack token", r"xox[abeprs]-[0-9A-Za-z-]{20,}"),
    "slack-webhook": ("a Slack webhook", r".*"),
    "stripe-key": ("a live Stripe key", r"[sr]k_live_[0-9A-Za-z]{16,}"),
    "google-key": ("a Google API key", r"AIza[0-9A-Za-z_-]{35}"),
    "api-key": ("an API key", r"sk-(?:ant-[\w-]{24,}|(?!ant-)[\w-]{40,})"),
    "npm-token": ("an npm token", r"npm_[A-Za-z0-9]{36}"),
    "pypi-token": ("a PyPI token", r"pypi-AgEIcHlwaS5vcmc[\w-]{50,}"),
    "sendgrid-key": ("a SendGrid key", r".*"),
    "hugging-face-token": ("a Hugging Face token", r".*"),
    "digitalocean-token": ("a DigitalOcean token", r".*"),
    "jwt": ("a JSON web token", r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"),
}
_REAL = {kind: (what, re.compile(shape)) for kind, (what, shape) in _TOKENS.items()}
_BY_SHAPE = {
    **{kind: what for kind, (what, _) in _TOKENS.items()},
    "stripe-key": "a Stripe key",
    "bearer": "a bearer token",
    "authorization": "credentials of a request",
}
"""What a value of a shape is when no more than the shape tells."""
_GENERATED = frozenset({"bearer", "authorization"})
"""Kinds whose shape also fits a word: only a value that reads as generated is one."""
_TEST_KEY = "k_test_"
_RANDOM_PART = re.compile(
    r"(?:(?<=[-_])|^)(?![A-Za-z]+[0-9]{1,8}(?![A-Za-z0-9])|[0-9]{8}(?![A-Za-z0-9]))"
    r"(?=[A-Za-z]{0,64}[0-9])[A-Za-z0-9]{8,}"
)
"""Part of a hyphenated name that is neither a word with a number nor a date."""
_SHARED = frozenset({"google-key", "jwt"})
_ANTHROPIC = "sk-ant-"
_IN_URL = "url-password"
_URL_HEAD = re.compile(
    r"(?<![A-Za-z0-9+])[a-z][a-z0-9+]{1,20}://(?P<user>[^\s:/@'\"<>{}$]{1,64}):\Z"
)
_HOST = re.compile(r"@(?P<host>[A-Za-z0-9_.\[\]:-]+)")
_LOCAL_HOST = re.compile(r"(localhost|127\.|0\.0\.0\.0|\[?::1|host\.docker|example\.)|^[\w-]+(:|$)")
_INNER_HOST = re.compile(r"(?!localhost|host\.docker)[A-Za-z][\w-]*(?::|$)")
_LONG = 10
_WEAK_PASSWORDS = frozenset({"pass", "password", "passwd", "pwd", "secret", "pw", "token"})
_STRONG_FAKE = re.compile(r"example|x{6,}|0{8,}|1234567890|placeholder|dummy|fake", re.IGNORECASE)
_LONGEST_LINE = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret in one line.

    Attributes:
        what: "a GitHub token".
        certain: Told by its shape, not by its name and randomness.
        shared: Of a kind that is often meant to be seen, or has run out.
        weak: A password that a person chose, or what is no more than shaped like a token.
    """

    what: str
    value: str
    start: int
    certain: bool
    weak: bool = False
    shared: bool = False


def find_secrets(line: str, *, unquoted: bool = False) -> Iterator[Secret]:
    """The secrets of one line, from left to right by kind.

    With `unquoted`, as in configuration files, a value needs no quotes around it.
    """
    if len(line) > _LONGEST_LINE:
        return
    taken: list[tuple[int, int]] = []
    named = [found for found in assigned_in(line) if found.quoted or unquoted]
    for anchor, shape in ANCHORED:
        if anchor not in line:
            continue
        for start, end in shape.spans_in(line):
            if _overlaps(start, end, taken):
                continue
            secret = _shaped(shape.kind, line, start, end)
            spans = [(found.start, found.end) for found in named]
            if secret is None or not _told_by_name(secret, spans):
                taken.append((start, end))
                if secret is not None:
                    yield secret
    for found in sorted(named, key=lambda found: found.start):
        if not _overlaps(found.start, found.end, taken):
            yield _assigned(found)


def _overlaps(start: int, end: int, spans: Iterable[tuple[int, int]]) -> bool:
    return any(first < end and start < last for first, last in spans)


def _told_by_name(secret: Secret, named: Iterable[tuple[int, int]]) -> bool:
    """Whether the name that a doubtful value is given to says more of it than its shape."""
    if secret.certain or _TEST_KEY in secret.value:
        return False
    return _overlaps(secret.start, secret.start + len(secret.value), named)


def _shaped(kind: str, line: str, start: int, end: int) -> Secret | None:
    """What a value of a shape is; None when it stands for another."""
    value = line[start:end]
    what = _named(kind, value, line, start, end)
    if what:
        return Secret(what=what, value=value, start=start, certain=True, shared=kind in _SHARED)
    if kind == _IN_URL:
        doubtful = _is_inner_address(value, line, start, end)
        what = "a password in an address"
    else:
        doubtful = kind in _BY_SHAPE and _may_be_real(kind, value)
        what = f"a value shaped like {_BY_SHAPE.get(kind)}"
    if not doubtful:
        return None
    return Secret(what=what, value=value, start=start, certain=False, weak=True)


def _may_be_real(kind: str, value: str) -> bool:
    """Whether a value that only its shape speaks for is no placeholder and no plain name."""
    if is_fake(value) or _STRONG_FAKE.search(value) or len(set(value)) <= 9:
        return False
    if kind in _GENERATED:
        return is_random(value) and not is_placeholder(value)
    return kind != "api-key" or _RANDOM_PART.search(value) is not None


def _assigned(found: Assigned) -> Secret:
    kind = "a password" if found.chosen else "a random value"
    return Secret(
        what=f"{kind} assigned to {found.name}",
        value=found.value,
        start=found.start,
        certain=False,
        weak=found.chosen,
    )


def _named(kind: str, value: str, line: str, start: int, end: int) -> str:
    """What a value of a shape is, in words; empty when it stands for another."""
    if kind == _IN_URL:
        return "a password in an address" if _is_real_address(value, line, start, end) else ""
    what, real = _REAL.get(kind, ("", None))
    if real is None or not real.fullmatch(value):
        return ""
    if _STRONG_FAKE.search(value) or len(set(value)) <= 9:
        return ""
    if kind == "api-key":
        return "an Anthropic API key" if value.startswith(_ANTHROPIC) else "an OpenAI API key"
    return what


def masked(value: str) -> str:
    """Enough of a secret to know it again by, and too little to use."""
    return f"{value[:4]}****" if len(value) >= 16 else "****"


def _is_inner_address(password: str, line: str, start: int, end: int) -> bool:
    """Whether an address of one's own network holds a password that nobody would make up."""
    head, host = _URL_HEAD.search(line[:start]), _HOST.match(line, end)
    if head is None or host is None or not _INNER_HOST.match(host["host"]):
        return False
    mixed = re.search(r"[A-Za-z]", password) and re.search(r"\d", password)
    return bool(mixed) and len(password) >= _LONG and not is_placeholder(password)


def _is_real_address(password: str, line: str, start: int, end: int) -> bool:
    head, host = _URL_HEAD.search(line[:start]), _HOST.match(line, end)
    if head is None or host is None or _LOCAL_HOST.search(host["host"]):
        return False
    if len(password) < 3 or password.lower() in {head["user"].lower(), *_WEAK_PASSWORDS}:
        return False
    return not (is_fake(password) or re.fullmatch(r"\d{1,5}", password))
