"""Files that set machines up: containers, clouds, workflows, databases."""

import re
from collections.abc import Iterator

from crew.tools.lint.pattern import check_of, pattern
from crew.tools.lint.rule import Hit, Rule
from crew.tools.lint.source import SourceFile

_OPEN = (
    pattern(
        "docker",
        r"(?i)^\s*ADD\s+(?!.*--checksum)(?:--\S+\s+)*https?://",
        "A download is built in without a check",
        "The image takes whatever the server sends at build time. Give `--checksum=sha256:...`, or "
        "download in a `RUN` that compares the checksum.",
        seen="bare",
        confidence=0.7,
    ),
    pattern(
        "terraform",
        r"\bacl\s*=\s*\"public-read(?:-write)?\"",
        "A bucket is open to everybody",
        "Anyone on the internet can read what is stored there. Keep it private and hand out what "
        "must be public.",
        seen="bare",
        confidence=0.7,
    ),
    pattern(
        "terraform",
        r"\bpublicly_accessible\s*=\s*true\b",
        "A database can be reached from the internet",
        "Anyone can try its passwords. Keep it in the private network.",
        confidence=0.8,
    ),
    pattern(
        "yaml",
        r"^\s*(?:-\s+)?privileged:\s*true\b",
        "A container has all rights of its host",
        "Whoever takes over the container has the machine. Add only the capabilities it needs.",
        seen="bare",
        confidence=0.6,
    ),
    pattern(
        "yaml",
        r"[\"'\s-]/(?:var/)?run/docker\.sock:",
        "A container rules its host through the Docker socket",
        "Whoever takes over the container starts others with all rights. Leave the socket out, or "
        "put a proxy before it that allows only what is needed.",
        seen="bare",
        confidence=0.6,
    ),
    pattern(
        "sql",
        r"(?i)\bGRANT\s+ALL\b.*\bON\s+\*\.\*",
        "An account gets all rights on everything",
        "Whoever takes over the account has every database. Grant what the program needs.",
        confidence=0.7,
    ),
)
_BLOCK = re.compile(r"^\s*(?:resource\s+\"[\w-]+\"\s+\"[\w-]+\"|ingress|egress)\s*=?\s*\[?\{?")
_ANYWHERE = re.compile(
    r"\bcidr_blocks\s*=\s*\[[^\]]*\"0\.0\.0\.0/0\"|source_ranges\s*=.*0\.0\.0\.0/0"
)
_PORT = re.compile(r"\b(?:from_port|to_port|ports)\s*=\s*\[?\"?(?P<port>\d+)")
_WEB = frozenset({"80", "443", "8080", "8443"})
_NEAR = 8

_TARGET = re.compile(r"^\s*(?:on:.*|-\s*)?\bpull_request_target\b", re.MULTILINE)
_HEAD = re.compile(
    r"\bref:\s*[\"']?\$\{\{\s*github\.(?:event\.pull_request\.head\.(?:sha|ref)|head_ref)\b"
)

_STATEMENT = re.compile(r"[^;]+")
_UNBOUNDED = re.compile(
    r"\s*(?:DELETE\s+FROM\s+(?P<deleted>[\w.\"`\[\]]+)|UPDATE\s+(?P<updated>[\w.\"`\[\]]+)\s+SET\b)",
    re.IGNORECASE,
)
_BOUND = re.compile(r"\b(?:WHERE|LIMIT|USING|JOIN|FROM\s+\w+\s*\()\b", re.IGNORECASE)
_SMALL = re.compile(r"te?mp|staging|cache|queue|session", re.IGNORECASE)


def _ingress(file: SourceFile) -> Iterator[Hit]:
    if file.language != "terraform":
        return
    for number in sorted(file.added):
        if not _ANYWHERE.search(file.bare[number - 1]):
            continue
        around = file.bare[max(0, number - _NEAR) : number + _NEAR]
        above = [line for line in file.bare[:number] if _BLOCK.match(line)]
        if above and "egress" in above[-1]:
            continue
        ports = {match["port"] for line in around if (match := _PORT.search(line))}
        if ports and not ports & _WEB:
            yield Hit(
                line=number,
                title=f"Port {min(ports, key=int)} is open to the whole internet",
                body="Any address may connect. Allow the networks that need it.",
                confidence=0.75,
            )


def _foreign_code(file: SourceFile) -> Iterator[Hit]:
    if ".github/" not in file.path or not _TARGET.search(file.text):
        return
    for number in sorted(file.added):
        if _HEAD.search(file.bare[number - 1]):
            yield Hit(
                line=number,
                title="A stranger's code runs with this repository's rights",
                body="`pull_request_target` runs with secrets and a token that may write, and this "
                "checks out what the pull request brings. Use `pull_request`, or do not build it.",
                confidence=0.85,
            )


def _whole_table(file: SourceFile) -> Iterator[Hit]:
    if file.language != "sql" or file.is_test:
        return
    for match in _STATEMENT.finditer(file.code_text):
        found = _UNBOUNDED.match(match[0])
        if found is None or _BOUND.search(match[0][found.end() :]):
            continue
        table = found["deleted"] or found["updated"]
        if _SMALL.search(table):
            continue
        start = match.start() + len(match[0]) - len(match[0].lstrip())
        first, last = file.line_at(start), file.line_at(match.end() - 1)
        what = "deletes every row of" if found["deleted"] else "changes every row of"
        yield Hit(
            line=first,
            end_line=last if last > first else None,
            title=f"The statement {what} {table}",
            body="It has no `WHERE`. If every row is meant, say so in a comment next to it.",
            priority="P3" if file.comment_on(max(1, first - 1), last) else None,
            confidence=0.75,
        )


RULES = (
    Rule(id="open-infrastructure", profile="security", priority="P2", check=check_of(_OPEN)),
    Rule(id="open-port", profile="security", priority="P2", check=_ingress),
    Rule(id="workflow-foreign-code", profile="security", priority="P1", check=_foreign_code),
    Rule(id="whole-table", profile="quality", priority="P2", check=_whole_table),
)
