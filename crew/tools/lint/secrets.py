"""Values that must not be in a repository, told from placeholders by shape and by entropy."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_SHAPES: tuple[tuple[str, str], ...] = (
    ("an AWS access key id", r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    ("a GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b|\bgithub_pat_[A-Za-z0-9_]{60,255}\b"),
    ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("a Slack token", r"\bxox[abeprs]-[0-9A-Za-z-]{20,}"),
    (
        "a Slack webhook",
        r"(?<=hooks\.slack\.com/services/)T[A-Z0-9]{7,}/B[A-Z0-9]{7,}/[A-Za-z0-9]{20,}",
    ),
    ("a live Stripe key", r"\b[sr]k_live_[0-9A-Za-z]{16,}"),
    ("a Google API key", r"\bAIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])"),
    ("an Anthropic API key", r"\bsk-ant-[A-Za-z0-9_-]{24,}"),
    ("an OpenAI API key", r"\bsk-(?!ant-)(?:proj-|svcacct-)?(?=[\w-]*\d)[A-Za-z0-9_-]{40,}"),
    ("an npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("a PyPI token", r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}"),
    ("a SendGrid key", r"\bSG\.[\w-]{22}\.[\w-]{43}\b"),
    ("a Hugging Face token", r"\bhf_[A-Za-z]{34}\b"),
    ("a DigitalOcean token", r"\bdo[opr]_v1_[a-f0-9]{64}\b"),
    ("a JSON web token", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"),
)
_SHAPE = re.compile("|".join(f"(?P<s{index}>{shape})" for index, (_, shape) in enumerate(_SHAPES)))

_ADDRESS = re.compile(
    r"\b[a-z][a-z0-9+]{1,20}://(?P<user>[^\s:/@'\"<>{}$]{1,64}):(?P<password>[^\s/@'\"]{3,128})"
    r"@(?P<host>[A-Za-z0-9_.\[\]:-]+)"
)
_LOCAL_HOST = re.compile(r"(localhost|127\.|0\.0\.0\.0|\[?::1|host\.docker|example\.)|^[\w-]+(:|$)")

_NAME = (
    r"(?<![A-Za-z0-9_.-])(?P<name>[A-Za-z0-9_.-]{0,60}?(?:api_?key|apikey|secret|token|passwd|password|passphrase|pwd"
    r"|private_?key|access_?key|auth_?key|credential|client_?secret)s?[A-Za-z0-9_]{0,20})"
)
_QUOTED = re.compile(
    _NAME
    + r"[\"']?\]?\s*(?::\s*[\w\[\]|. ]{1,30})?(?:=>|:=|=|:)\s*[\w.:&(]{0,20}(?P<quote>[\"'`])"
    + r"(?P<value>[^\"'`\s]{6,400})(?P=quote)",
    re.IGNORECASE,
)
_UNQUOTED = re.compile(
    r"^\s*(?:-\s+|export\s+|ENV\s+|ARG\s+)?"
    + _NAME
    + r"\s*[:=]\s*(?P<value>[^\s\"'`#]{8,400})\s*$",
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
_PASSWORD_NAME = re.compile(r"(password|passwd|passphrase|pwd)s?$", re.IGNORECASE)
_FAKE = re.compile(
    r"example|sample|dummy|fake|placeholder|change_?me|replace|your|xxxx|\*\*\*|\.\.\.|todo|redacted"
    r"|insert|not[-_]?a|1234567|abcdef|deadbeef|lorem|foo|bar|<|>|\{|\}|\$|%[(s]|^env|^vault|^ssm"
    r"|^secretsmanager|^op://|^arn:|^enc\[|^base64:$|process\.|os\.|getenv",
    re.IGNORECASE,
)
_STRONG_FAKE = re.compile(r"example|x{6,}|0{8,}|1234567890|placeholder|dummy|fake", re.IGNORECASE)
_WORDS = re.compile(r"^[A-Za-z]+(?:[-_. /:@][A-Za-z]+)*\d{0,2}$")
_CODE_LIKE = re.compile(
    r"^[A-Za-z_][\w.]*(?:\(|\[|::|->)|^[\w-]+(?:\.[A-Za-z_][\w-]*)+$|^[A-Z0-9]+(?:_[A-Z0-9]+)+$"
)
_UUID = re.compile(r"^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$", re.IGNORECASE)
_ADDRESS_LIKE = re.compile(r"^(?:[a-z]+:)?/|^[a-z][a-z0-9+.-]*://|^\.{1,2}/", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret in one line.

    Attributes:
        what: "a GitHub token".
        certain: Told by its shape, not by its name and randomness.
        weak: A password that a person chose.
    """

    what: str
    value: str
    start: int
    certain: bool
    weak: bool = False


def find_secrets(line: str, *, unquoted: bool = False) -> Iterator[Secret]:
    """The secrets of one line, from left to right by kind.

    With `unquoted`, as in configuration files, a value needs no quotes around it.
    """
    if len(line) > 20_000:
        return
    for match in _SHAPE.finditer(line):
        value = match[0]
        if not _STRONG_FAKE.search(value) and len(set(value)) > 9:
            what = _SHAPES[int((match.lastgroup or "s0")[1:])][0]
            yield Secret(what=what, value=value, start=match.start(), certain=True)
    for match in _ADDRESS.finditer(line):
        if _is_real_address(match):
            start = match.start("password")
            what = "a password in an address"
            yield Secret(what=what, value=match["password"], start=start, certain=True)
    yield from _assigned(line, unquoted=unquoted)


def before_secret(line: str) -> str:
    """The part of a line before its first secret; the whole line when it has none."""
    starts = [secret.start for secret in find_secrets(line, unquoted=True)]
    return line[: min(starts)] if starts else line


def masked(value: str) -> str:
    """Enough of a secret to know it again by, and too little to use."""
    return f"{value[:4]}****" if len(value) >= 16 else "****"


def _assigned(line: str, *, unquoted: bool) -> Iterator[Secret]:
    matches = list(_QUOTED.finditer(line))
    if unquoted and not matches and (match := _UNQUOTED.match(line)):
        matches = [match]
    for match in matches:
        name, value = match["name"], match["value"]
        if _NOT_SECRET_NAME.search(name) or _is_placeholder(value) or _SHAPE.search(value):
            continue
        start = match.start("value")
        if is_random(value):
            what = f"a random value assigned to {name}"
            yield Secret(what=what, value=value, start=start, certain=False)
        elif _PASSWORD_NAME.search(name) and _is_chosen_password(value):
            what = f"a password assigned to {name}"
            yield Secret(what=what, value=value, start=start, certain=False, weak=True)


def is_random(value: str) -> bool:
    """Whether a value reads like a generated key: long, mixed, and without words."""
    if len(value) < 16 or not re.search(r"\d", value) or not re.search(r"[A-Za-z]", value):
        return False
    if not re.fullmatch(r"[A-Za-z0-9+/=_.~!@#$%^&*:-]+", value):
        return False
    hexadecimal = re.fullmatch(r"[0-9a-fA-F]+", value) is not None
    return _entropy(value) >= (3.0 if hexadecimal else 3.5)


def _is_chosen_password(value: str) -> bool:
    mixed = re.search(r"[A-Za-z]", value) and re.search(r"[\d!@#$%^&*]", value)
    return bool(mixed) and 6 <= len(value) <= 64


def _is_placeholder(value: str) -> bool:
    return len(set(value)) < 5 or any(
        pattern.search(value) for pattern in (_FAKE, _WORDS, _CODE_LIKE, _UUID, _ADDRESS_LIKE)
    )


def _is_real_address(match: re.Match[str]) -> bool:
    user, password, host = match["user"], match["password"], match["host"]
    if _LOCAL_HOST.search(host) or password.lower() == user.lower():
        return False
    if _FAKE.search(password) or re.fullmatch(r"\d{1,5}", password):
        return False
    return password.lower() not in {"pass", "password", "passwd", "pwd", "secret", "pw", "token"}


def _entropy(value: str) -> float:
    """Bits per character by the value's own frequencies."""
    counts = Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
