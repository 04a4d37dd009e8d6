"""Secrets that a change adds: never repeated, only pointed at."""

import re
from collections.abc import Iterator

from crew.tools.lint.finding import Priority
from crew.tools.lint.language import CONFIG
from crew.tools.lint.rule import Hit, Rule
from crew.tools.lint.secrets import Secret, find_secrets, masked
from crew.tools.lint.source import SourceFile

_KEY_HEAD = re.compile(r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?P<rest>.*)")
_KEY_BODY = re.compile(r"[A-Za-z0-9+/=]{40,}|Proc-Type:|Version:")
_EXAMPLE_FILE = re.compile(
    r"(example|sample|template|\.dist$|\.tpl$|(^|/)docs?/|\.(md|markdown|rst|adoc)$)", re.IGNORECASE
)
_UNQUOTED = CONFIG | {"shell"}
_MEND = "Remove it, revoke it where it was issued, and read it from the environment."


def _assigned(file: SourceFile) -> Iterator[Hit]:
    example = file.is_test or _EXAMPLE_FILE.search(file.path) is not None
    for number in sorted(file.added):
        line = file.lines[number - 1]
        found = find_secrets(line, unquoted=file.language in _UNQUOTED)
        told = [secret for secret in found if secret.certain or not example]
        if told:
            surest = min(told, key=lambda secret: (not secret.certain, secret.weak))
            yield _hit(surest, number, example=example)


def _hit(secret: Secret, number: int, *, example: bool) -> Hit:
    priority: Priority = "P0" if secret.certain and not secret.shared else "P1"
    confidence = 0.95 if secret.certain else 0.7
    if secret.weak:
        priority, confidence = "P2", 0.6
    if example:
        priority, confidence = "P2", 0.4
    return Hit(
        line=number,
        title=f"{secret.what[0].upper()}{secret.what[1:]} is in the code",
        body=f"The line holds {secret.what} ({masked(secret.value)}). Whoever can read the "
        f"repository, or its history, can use it. {_MEND}",
        priority=priority,
        confidence=confidence,
    )


def _private_key(file: SourceFile) -> Iterator[Hit]:
    """Keys of which the change added any line, be it one in the middle."""
    for first, last in _keys(file):
        added = next((n for n in range(first, last + 1) if n in file.added), None)
        if added is None:
            continue
        begins = "A whole private key begins here." if added == first else "Part of a private key."
        yield Hit(
            line=added,
            title="A private key is in the code",
            body=f"{begins} Whoever can read the repository, or its history, can use it. {_MEND}",
            priority="P2" if file.is_test else None,
            confidence=0.5 if file.is_test else 0.97,
        )


def _keys(file: SourceFile) -> Iterator[tuple[int, int]]:
    """The first and last line of each private key."""
    for number, line in enumerate(file.lines, 1):
        match = _KEY_HEAD.search(line)
        if match is None:
            continue
        following = file.lines[number : number + 3]
        if any(_KEY_BODY.search(text) for text in (match["rest"], *following)):
            tail = (at for at in range(number, len(file.lines) + 1) if _ends(file, at))
            yield number, next(tail, number)


def _ends(file: SourceFile, number: int) -> bool:
    return "-----END " in file.lines[number - 1]


RULES = (
    Rule(id="secret", profile="security", priority="P0", check=_assigned),
    Rule(id="private-key", profile="security", priority="P0", check=_private_key),
)
