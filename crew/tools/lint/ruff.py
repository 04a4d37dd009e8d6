"""Ruff as a source of findings: chosen rules, never the repository's configuration."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ruff import find_ruff_bin

from crew.tools.changes import Change
from crew.tools.changes.process import run_bounded
from crew.tools.lint.finding import Finding, Priority, Profile
from crew.tools.lint.notebook import Rows
from crew.tools.lint.ruff_rules import CONFIDENCE, PRIORITIES, SAID_BETTER, TITLES, WHY

_OUTPUT_LIMIT = 32_000_000
_SECONDS = 120.0
_BATCH = 200
_COMPARED_FILES = 20
_OLD_PER_FILE = 3
_OLD_IN_ALL = 20
_OUTSIDE = "The line is outside the change."
_SYNTAX = "invalid-syntax"
_HARMLESS = re.compile(r"seems safe")
_WORLD_WRITABLE = re.compile(r"0o[0-7]*[2367]\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonFile:
    """A changed Python file as ruff's findings are judged against it.

    Attributes:
        foreign: The text of a file that is no UTF-8, which ruff reads only when it is told it.
        rows: Where the code of a notebook stands in it; None for another file.
    """

    change: Change
    path: str
    added: frozenset[int]
    is_test: bool
    foreign: str | None = None
    rows: Rows | None = None

    def line_of(self, record: Mapping[str, Any], place: Mapping[str, Any]) -> int:
        """The line of the file for a place that ruff names, which it counts in a cell."""
        row, cell = int(place["row"]), record.get("cell")
        if self.rows is None or not isinstance(cell, int):
            return row
        lines = self.rows.get(cell) or (1,)
        return lines[min(row, len(lines)) - 1]


async def run_ruff(
    root: Path, files: Sequence[PythonFile], profiles: Iterable[Profile]
) -> tuple[list[Finding], list[str]]:
    """Ruff's findings in changed Python files, and what it failed to check.

    A finding on an old line keeps its weight only when the change caused it; the others become
    remarks, and few of them.
    """
    if not files:
        return [], []
    try:
        program = find_ruff_bin()
    except FileNotFoundError:
        return [], ["ruff isn't installed: Python files got the diff rules only"]
    runner = _Runner(program, root, tuple(profiles))
    findings: list[Finding] = []
    for batch in _batches(root, [file for file in files if file.foreign is None]):
        findings += await runner.check(batch)
    for file in files:
        if file.foreign is not None:
            findings += await runner.check_text(file, file.foreign)
    return _few_old(findings), runner.failures


class _Runner:
    """One way of calling ruff; keeps what went wrong."""

    def __init__(self, program: str, root: Path, profiles: tuple[Profile, ...]) -> None:
        self._root = root
        self._priorities: Mapping[str, Priority] = {
            code: priority for profile in profiles for code, priority in PRIORITIES[profile].items()
        }
        self._command = [
            program,
            "check",
            "--isolated",
            "--no-cache",
            "--exit-zero",
            "--quiet",
            "--output-format=json-lines",
            "--target-version=py314",
            f"--select={','.join(code for code in self._priorities if code != _SYNTAX)}",
        ]
        self.failures: list[str] = []
        self._compared = 0

    async def check(self, batch: Mapping[str, PythonFile]) -> list[Finding]:
        """The findings in files, each under the name that ruff gives it."""
        paths = [os.fspath(self._root / file.change.path) for file in batch.values()]
        found: dict[str, list[Finding]] = {}
        for record in await self._run(["--", *paths]):
            file = batch.get(record.get("filename", ""))
            finding = self._finding(record, file) if file else None
            if file is not None and finding is not None:
                found.setdefault(file.path, []).append(finding)
        findings: list[Finding] = []
        for file in batch.values():
            findings += await self._judged(file, found.get(file.path, []))
        return findings

    async def check_text(self, file: PythonFile, text: str) -> list[Finding]:
        """The findings in a file whose text ruff can't read by itself."""
        return await self._judged(file, await self._found_in(file, text))

    async def _found_in(self, file: PythonFile, text: str) -> list[Finding]:
        records = await self._run([f"--stdin-filename={file.path}", "-"], text.encode() or b"\n")
        found = (self._finding(record, file) for record in records)
        return [finding for finding in found if finding is not None]

    async def _run(self, arguments: Sequence[str], stdin: bytes = b"") -> list[dict[str, Any]]:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("RUFF_")
        }
        try:
            done = await run_bounded(
                [*self._command, *arguments],
                cwd=self._root,
                env=environment,
                limit=_OUTPUT_LIMIT,
                seconds=_SECONDS,
                stdin=stdin,
            )
        except (OSError, TimeoutError) as error:
            self.failures.append(f"ruff did not finish: {error or 'it took too long'}")
            return []
        if done.code and not done.cut:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[0]
            self.failures.append(f"ruff failed: {reason[:200]}")
        if done.cut:
            self.failures.append("ruff found more than can be read")
        return list(_records(done.stdout))

    def _finding(self, record: dict[str, Any], file: PythonFile) -> Finding | None:
        code = str(record.get("code") or _SYNTAX)
        priority = self._priorities.get(code)
        message = str(record.get("message", ""))
        if priority is None or _HARMLESS.search(message):
            return None
        if code == "S103" and not _WORLD_WRITABLE.search(message):
            return None
        if code == "F401" and file.path.endswith("__init__.py"):
            return None
        if file.is_test and code.startswith("S"):
            priority = "P3"
        line = file.line_of(record, record["location"])
        end_line = file.line_of(record, record.get("end_location") or record["location"])
        return Finding(
            title=TITLES.get(code) or _first_sentence(message),
            body=_body(code, message, _where(record)),
            priority=priority,
            confidence=CONFIDENCE.get(code, 0.9),
            file=file.path,
            rule=code,
            line=line,
            end_line=end_line if end_line > line else None,
        )

    async def _judged(self, file: PythonFile, findings: list[Finding]) -> list[Finding]:
        """The findings of one file, those on old lines demoted unless the change caused them."""
        if file.change.status == "added":
            return findings
        old = [found for found in findings if found.line not in file.added]
        kept = [found for found in findings if found.line in file.added]
        if old:
            before = await self._before(file, old)
            for found in old:
                key = (found.rule, found.title)
                if before is None or key in before:
                    kept.append(_outside(found))
                else:
                    kept.append(replace(found, body=f"{found.body} The change caused it: the "
                                        "line itself is old."))  # fmt: skip
        return kept

    async def _before(
        self, file: PythonFile, old: Sequence[Finding]
    ) -> set[tuple[str, str]] | None:
        """What ruff found in the file before the change; None when it was not asked."""
        if all(found.priority > "P1" for found in old) or self._compared >= _COMPARED_FILES:
            return None
        self._compared += 1
        try:
            text = file.foreign or (self._root / file.change.path).read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            return None
        found = await self._found_in(file, old_text(text, file.change))
        return {(finding.rule, finding.title) for finding in found}


def _batches(root: Path, files: Iterable[PythonFile]) -> Iterator[dict[str, PythonFile]]:
    """Files by the name that ruff gives them, which tells those of one batch apart.

    Ruff replaces bytes that are not UTF-8, so that two files may come out with one name.
    """
    batch: dict[str, PythonFile] = {}
    for file in files:
        name = os.fsencode(root / file.change.path).decode("utf-8", "replace")
        if name in batch or len(batch) == _BATCH:
            yield batch
            batch = {}
        batch[name] = file
    if batch:
        yield batch


def old_text(text: str, change: Change) -> str:
    """The file before the change: its new text with the hunks taken back."""
    lines = text.replace("\r\n", "\n").split("\n")
    before: list[str] = []
    at = 0
    for hunk in change.hunks:
        start = (
            max(0, hunk.new_start - 1) if any(m in "+ " for m, _ in hunk.lines) else hunk.new_start
        )
        before += lines[at:start]
        before += [body.removesuffix("\r") for mark, body in hunk.lines if mark in "- "]
        at = start + sum(1 for mark, _ in hunk.lines if mark in "+ ")
    return "\n".join([*before, *lines[at:]])


def _outside(found: Finding) -> Finding:
    return replace(found.demoted(), body=f"{_OUTSIDE} {found.body}".rstrip())


def _few_old(findings: list[Finding]) -> list[Finding]:
    kept: list[Finding] = []
    per_file: dict[str, int] = {}
    for found in findings:
        if not found.changed:
            count = per_file.get(found.file, 0)
            if count >= _OLD_PER_FILE or sum(per_file.values()) >= _OLD_IN_ALL:
                continue
            per_file[found.file] = count + 1
        kept.append(found)
    return kept


def _records(output: bytes) -> Iterator[dict[str, Any]]:
    for line in output.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("location"), dict):
            yield record


def _first_sentence(message: str) -> str:
    first = re.split(r"(?<=[^.]{8})\.\s|;\s|\n", message, maxsplit=1)[0]
    return first.rstrip(".")[:160]


def _body(code: str, message: str, where: str) -> str:
    """What the title leaves out: the rest of ruff's message, and what the mistake leads to."""
    why = WHY.get(code, "")
    said = message.strip()
    if code in SAID_BETTER:
        said = ""
    elif code not in TITLES and why:
        said = said.removeprefix(_first_sentence(message)).lstrip(".;: \n")
    sentence = f"{said[:1].upper()}{said[1:].rstrip('.')}." if said else ""
    return " ".join(part for part in (sentence, why, where) if part)


def _where(record: dict[str, Any]) -> str:
    code = record.get("code") or _SYNTAX
    said = [f"ruff {code}"] if code != _SYNTAX else []
    if record.get("cell") is not None:
        said.append(f"cell {record['cell']}, line {record['location']['row']}")
    return f"({', '.join(said)})" if said else ""
