"""Git's diff output as values: the list of files, and the hunks of each."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import cast

from crew.tools.changes.types import Change, ChangeStatus, FileKind, Hunk, Mark

_STATUS: dict[str, ChangeStatus] = {
    "A": "added",
    "C": "copied",
    "D": "deleted",
    "M": "modified",
    "R": "renamed",
    "T": "typechange",
}
_KINDS: dict[str, FileKind] = {"120000": "link", "160000": "submodule"}
_NUMSTAT = re.compile(r"(\d+|-)\t(\d+|-)\t(.*)", re.DOTALL)
_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPES = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, '"': 34, "\\": 92}
_ESCAPE = re.compile(r"\\([0-7]{3}|[abtnvfr\"\\])")


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a diff.

    Attributes:
        changes: Every file once, without hunks; those that were only touched are left out.
        doubtful: Binary files that may have been only touched: path to their old object id.
    """

    changes: tuple[Change, ...]
    doubtful: dict[str, str]


def parse_list(output: bytes) -> Listing:
    """Read `git diff --raw --no-abbrev --numstat -z`."""
    fields = iter(os.fsdecode(output).split("\0"))
    changes: dict[str, Change] = {}
    touched: dict[str, str] = {}
    for head in fields:
        if head.startswith(":"):
            _raw_record(head, fields, changes, touched)
        elif counted := _NUMSTAT.match(head):
            path = _count(changes, counted, fields)
            if path in touched and not changes[path].binary:
                del touched[path]
    doubtful = {path: old for path, old in touched.items() if changes[path].binary}
    kept = (change for path, change in changes.items() if path not in touched or path in doubtful)
    return Listing(tuple(kept), doubtful)


def _raw_record(
    head: str, fields: Iterator[str], changes: dict[str, Change], touched: dict[str, str]
) -> None:
    old_mode, new_mode, old_id, new_id, letter = head[1:].split(" ")
    path, old_path = next(fields), None
    if letter[0] in "RC":
        old_path, path = path, next(fields)
    status = _STATUS.get(letter[0])
    if status is None or path in changes:
        return
    kind = _KINDS.get(new_mode if status != "deleted" else old_mode, "file")
    note = _note(old_mode, new_mode, kind)
    changes[path] = Change(path=path, old_path=old_path, status=status, kind=kind, note=note)
    in_tree = not new_id.strip("0")
    if status == "modified" and in_tree and old_mode == new_mode and kind != "submodule":
        touched[path] = old_id


def _note(old_mode: str, new_mode: str, kind: FileKind) -> str:
    if kind == "submodule":
        return "another repository: not entered"
    modes = {old_mode, new_mode}
    if old_mode != new_mode and modes == {"100644", "100755"}:
        return "now executable" if new_mode == "100755" else "no longer executable"
    if kind == "link":
        return "symbolic link"
    return ""


def _count(changes: dict[str, Change], head: re.Match[str], fields: Iterator[str]) -> str:
    added, removed, path = head.groups()
    if not path:
        next(fields)
        path = next(fields)
    change = changes.get(path)
    if change is None:
        return path
    if added == "-":
        changes[path] = replace(change, binary=True)
    else:
        changes[path] = replace(
            change, added=change.added + int(added), removed=change.removed + int(removed)
        )
    return path


@dataclass(slots=True)
class _Block:
    """One file's part of a patch while it is read."""

    path: str = ""
    hunks: list[Hunk] = field(default_factory=list)


def parse_patch(output: bytes, *, cut: bool = False) -> dict[str, tuple[Hunk, ...]]:
    """Read `git diff -p`: the hunks by new path, or by old path for a deleted file.

    Of an output that is `cut` the last file is incomplete and left out.
    """
    blocks: list[_Block] = []
    lines = iter(output.split(b"\n"))
    for line in lines:
        if line.startswith(b"diff --git "):
            blocks.append(_Block())
        elif not blocks:
            continue
        elif line.startswith((b"--- ", b"+++ ")):
            blocks[-1].path = _header_path(line) or blocks[-1].path
        elif match := _HUNK.match(line):
            blocks[-1].hunks.append(_hunk(match, lines))
    found: dict[str, tuple[Hunk, ...]] = {}
    for block in blocks[:-1] if cut else blocks:
        if block.path and block.hunks:
            found[block.path] = (*found.get(block.path, ()), *block.hunks)
    return found


def _hunk(match: re.Match[bytes], lines: Iterator[bytes]) -> Hunk:
    old_start, old_left, new_start, new_left = (
        1 if number is None else int(number) for number in match.groups()
    )
    kept: list[tuple[Mark, str]] = []
    while old_left > 0 or new_left > 0:
        line = next(lines, None)
        if line is None:
            break
        mark = line[:1].decode("ascii", "replace") or " "
        if mark not in "+- \\":
            break
        kept.append((cast("Mark", mark), line[1:].decode("utf-8", "backslashreplace")))
        old_left -= mark in "- "
        new_left -= mark in "+ "
    return Hunk(old_start=old_start, new_start=new_start, lines=tuple(kept))


def _header_path(line: bytes) -> str:
    r"""The path of a `--- a/x` or `+++ "b/x\ty"` line; empty for `/dev/null`."""
    text = os.fsdecode(line[4:]).removesuffix("\t")
    if text == "/dev/null":
        return ""
    if text.startswith('"') and text.endswith('"'):
        text = _unquote(text[1:-1])
    return text[2:]


def _unquote(text: str) -> str:
    def byte(match: re.Match[str]) -> str:
        code = match[1]
        value = int(code, 8) if code.isdigit() else _ESCAPES[code]
        return bytes([value]).decode("latin-1")

    if "\\" not in text:
        return text
    raw = _ESCAPE.sub(byte, os.fsencode(text).decode("latin-1"))
    return os.fsdecode(raw.encode("latin-1"))
