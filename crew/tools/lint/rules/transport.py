"""Connections whose other end is no longer checked."""

import re
from collections.abc import Iterator

from crew.tools.lint.pattern import check_of, pattern
from crew.tools.lint.rule import Hit, Rule
from crew.tools.lint.source import SourceFile

_OFF = {
    "python": (
        r"(?<![\w.])verify\s*=\s*False\b|\bcheck_hostname\s*=\s*False\b"
        r"|\bverify_mode\s*=\s*(?:ssl\.)?CERT_NONE\b"
    ),
    "javascript": (
        r"(?<![\w])[\"']?rejectUnauthorized[\"']?\s*[:=]\s*false\b|(?<![.\w])strictSSL\s*:\s*false\b"
        r"|NODE_TLS_REJECT_UNAUTHORIZED[\"'\]]*\s*=\s*[\"'`]?0"
    ),
    "go": r"\bInsecureSkipVerify\s*:\s*true\b",
    "ruby": r"\bVERIFY_NONE\b|\bverify(?:_ssl)?:\s*false\b",
    "java": (
        r"\bNoopHostnameVerifier\.INSTANCE|\bALLOW_ALL_HOSTNAME_VERIFIER\b"
        r"|\bTrustAllStrategy\b|\bInsecureTrustManagerFactory\b"
    ),
    "c": r"\bCURLOPT_SSL_VERIFY(?:PEER|HOST)\s*,\s*(?:0L?|false)\b",
    "yaml": (
        r"\binsecure-?skip-?tls-?verify[\"']?\s*[:=]\s*[\"']?true\b|\binsecureSkipVerify:\s*true\b"
        r"|\bNODE_TLS_REJECT_UNAUTHORIZED[\"']?\s*[:=]\s*[\"']?0"
    ),
    "docker": r"\bNODE_TLS_REJECT_UNAUTHORIZED[ =][\"']?0|\bPYTHONHTTPSVERIFY[ =][\"']?0",
    "terraform": r"\b(?:insecure|skip_tls_verify|insecure_skip_verify)\s*=\s*true\b",
    "rust": r"\bdanger_accept_invalid_(?:certs|hostnames)\(\s*true\s*\)",
    "php": r"\bCURLOPT_SSL_VERIFY(?:PEER|HOST)\b\s*(?:,|=>)\s*(?:false|0)\b",
    "csharp": r"DangerousAcceptAnyServerCertificateValidator",
    "shell": (
        r"\bcurl\b[^|;&]{0,300}\s(?:-[a-zA-Z]*k[a-zA-Z]*|--insecure)(?=\s|$)"
        r"|\bwget\b[^|;&]{0,300}\s--no-check-certificate\b"
    ),
}
_PATTERNS = {language: re.compile(pattern) for language, pattern in _OFF.items()}
_LIKE = {"typescript": "javascript", "kotlin": "java", "scala": "java"}
_SHELL = _PATTERNS["shell"]
_SET_UP = re.compile(r"\b(?:check_hostname|verify_mode|rejectUnauthorized)\s*=")
_JWT = re.compile(r"\bjwt\b|verify_signature")


def _check(file: SourceFile) -> Iterator[Hit]:
    language = _LIKE.get(file.language, file.language)
    off = _PATTERNS.get(language)
    if off is None:
        return
    for number in sorted(file.added):
        line = file.bare[number - 1]
        in_shell = language in {"docker", "yaml"} and _SHELL.search(line) is not None
        if _JWT.search(line):
            continue
        if in_shell or off.search(line):
            weak = in_shell or language == "shell" or _SET_UP.search(line) is not None
            yield Hit(
                line=number,
                title="Certificates are no longer checked",
                body="The connection takes any certificate, so that whoever sits in between can "
                "read and change what passes. Trust the one authority that is needed instead.",
                priority="P3" if file.is_test else "P2" if weak else None,
                confidence=0.6 if weak else 0.85,
            )


_UNSIGNED = (
    pattern(
        "python",
        r"\bjwt\.decode\(.*\bverify\s*=\s*False\b|[\"']verify_signature[\"']\s*:\s*False\b"
        r"|\balgorithms?\s*=\s*\[?\s*[\"']none[\"']",
        "A token's signature is not checked",
        "Whoever makes up a token is taken for whom it names. Check it with the key and one fixed "
        "algorithm.",
        seen="bare",
    ),
    pattern(
        "javascript",
        r"\balgorithms?\s*:\s*\[?\s*[\"']none[\"']",
        "A token's signature is not checked",
        "Whoever makes up a token is taken for whom it names. Check it with the key and one fixed "
        "algorithm.",
        seen="bare",
    ),
)
_GUESSED = (
    pattern(
        "python",
        r"(?i)\b(?:\w*_)?(?:token|secret|password|passwd|nonce|otp|salt|api_?key|csrf)\w*\s*=[^=]"
        r".*(?<![\w.])random\.(?:choices?|randint|random|randrange|getrandbits|sample)\(",
        "A secret is made of numbers that can be guessed",
        "`random` repeats itself for whoever has seen enough of it. Use `secrets`.",
        confidence=0.8,
    ),
    pattern(
        "javascript",
        r"(?i)\b\w*(?:token|secret|password|passwd|nonce|otp|salt|apikey|csrf)\w*\s*[=:][^=].*\bMath\.random\(",
        "A secret is made of numbers that can be guessed",
        "`Math.random` repeats itself for whoever has seen enough of it. Use `crypto.randomBytes` "
        "or `crypto.getRandomValues`.",
        confidence=0.8,
    ),
    pattern(
        "python php javascript",
        r"(?i)\b(?:hashlib\.)?(?:md5|sha1)\(\s*[^)]*\b\w*passw(?:or)?d\b"
        r"|createHash\(.*\.update\(\s*\w*passw(?:or)?d\b",
        "A password is kept as a fast hash",
        "Billions of guesses a second undo it. Use a password hash: argon2, scrypt or bcrypt.",
        confidence=0.75,
    ),
)

RULES = (
    Rule(id="unsigned-token", profile="security", priority="P1", check=check_of(_UNSIGNED)),
    Rule(id="guessable-secret", profile="security", priority="P2", check=check_of(_GUESSED)),
    Rule(id="certificate-check-off", profile="security", priority="P1", check=_check),
)
