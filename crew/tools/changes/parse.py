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
_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPES = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, '"': 34, "\\": 92}
_ESCAPE = re.compile(r"\\([0-7]{3}|[abtnvfr\"\\])")


def parse_list(output: bytes) -> tuple[Change, ...]:
    """Read `git diff --raw --numstat -z`: every file once, without hunks."""
    fields = iter(os.fsdecode(output).split("\0"))
    changes: dict[str, Change] = {}
    for head in fields:
        if head.startswith(":"):
            change = _raw_record(head, fields)
            if change and change.path not in changes:
                changes[change.path] = change
        elif head.count("\t") == 2:
            _count(changes, head, fields)
    return tuple(changes.values())


def _raw_record(head: str, fields: Iterator[str]) -> Change | None:
    old_mode, new_mode, _, _, letter = head[1:].split(" ")
    path, old_path = next(fields), None
    if letter[0] in "RC":
        old_path, path = path, next(fields)
    status = _STATUS.get(letter[0])
    if status is None:
        return None
    kind = _KINDS.get(new_mode if status != "deleted" else old_mode, "file")
    return Change(
        path=path, old_path=old_path, status=status, kind=kind, note=_note(old_mode, new_mode, kind)
    )


def _note(old_mode: str, new_mode: str, kind: FileKind) -> str:
    if kind == "submodule":
        return "another repository: not entered"
    modes = {old_mode, new_mode}
    if old_mode != new_mode and modes == {"100644", "100755"}:
        return "now executable" if new_mode == "100755" else "no longer executable"
    if kind == "link":
        return "symbolic link"
    return ""


def _count(changes: dict[str, Change], head: str, fields: Iterator[str]) -> None:
    added, removed, path = head.split("\t")
    if not path:
        next(fields)
        path = next(fields)
    change = changes.get(path)
    if change is None:
        return
    if added == "-":
        changes[path] = replace(change, binary=True)
    else:
        changes[path] = replace(
            change, added=change.added + int(added), removed=change.removed + int(removed)
        )


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
