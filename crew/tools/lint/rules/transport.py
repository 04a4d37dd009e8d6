"""Connections whose other end is no longer checked. Python's own cases are ruff's."""

import re
from collections.abc import Iterator

from crew.tools.lint.rule import Hit, Rule
from crew.tools.lint.source import SourceFile

_OFF = {
    "javascript": (
        r"(?<![.\w])rejectUnauthorized\s*:\s*false\b"
        r"|NODE_TLS_REJECT_UNAUTHORIZED[\"'\]]*\s*=\s*[\"'`]?0"
    ),
    "go": r"\bInsecureSkipVerify\s*:\s*true\b",
    "ruby": r"\bVERIFY_NONE\b",
    "rust": r"\bdanger_accept_invalid_(?:certs|hostnames)\(\s*true\s*\)",
    "php": r"\bCURLOPT_SSL_VERIFY(?:PEER|HOST)\b\s*(?:,|=>)\s*(?:false|0)\b",
    "csharp": r"DangerousAcceptAnyServerCertificateValidator",
    "shell": (
        r"\bcurl\b[^|;&]{0,300}\s(?:-[a-zA-Z]*k[a-zA-Z]*|--insecure)(?=\s|$)"
        r"|\bwget\b[^|;&]{0,300}\s--no-check-certificate\b"
    ),
}
_PATTERNS = {language: re.compile(pattern) for language, pattern in _OFF.items()}
_LIKE = {"typescript": "javascript", "docker": "shell"}


def _check(file: SourceFile) -> Iterator[Hit]:
    language = _LIKE.get(file.language, file.language)
    pattern = _PATTERNS.get(language)
    if pattern is None:
        return
    for number in sorted(file.added):
        if pattern.search(file.bare[number - 1]):
            yield Hit(
                line=number,
                title="Certificates are no longer checked",
                body="The connection takes any certificate, so that whoever sits in between can "
                "read and change what passes. Trust the one authority that is needed instead.",
                priority="P3" if file.is_test else "P2" if language == "shell" else None,
                confidence=0.6 if language == "shell" else 0.85,
            )


RULES = (Rule(id="certificate-check-off", profile="security", priority="P1", check=_check),)
