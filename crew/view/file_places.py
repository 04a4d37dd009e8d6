"""Which files and lines an entry or a finding speaks of, the likeliest first."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from crew.entries import ResultEntry, TextEntry, ThinkingEntry, ToolCallEntry, ToolResultEntry
from crew.plaintext import clean
from crew.view.entry_rows import EntryRow
from crew.view.findings import Finding
from crew.view.transcript import entry_block

MANY = 40
"""Places of one entry that are looked at."""

_GLANCE, _SHORT = 200_000, 20_000
_OWN_FILE = frozenset({"read", "write", "edit"})
_NAMED = re.compile(r"(?<![\w/.-])((?:[\w.@+-]+/)*[\w@+-][\w.@+-]*\.[A-Za-z]\w*):(\d+)")
_JSON = re.compile(r'"file":\s*("(?:[^"\\]|\\.)+")(?:,\s*"line":\s*(\d+))?')
_HUNK = re.compile(r"^\+\+\+ b/(.+)\n@@ -\S+ \+(\d+)", re.MULTILINE)
_TRACE = re.compile(r'File "([^"]+)", line (\d+)')


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlace:
    """A file as it was named, and a line of it from 1; None for the file as a whole."""

    file: str
    line: int | None = None


def finding_place(finding: Finding) -> FilePlace | None:
    """Where a finding is; None when it is about the whole change."""
    return FilePlace(file=finding.file, line=finding.line) if finding.file else None


def entry_places(row: EntryRow) -> tuple[FilePlace, ...]:
    """The files that an entry names, in the order in which one would want to see them."""
    return tuple(dict.fromkeys(islice(_places(row), MANY)))


def names_file(row: EntryRow) -> bool:
    """Whether an entry names any file, as far as its beginning tells."""
    return next(_places(row, _SHORT), None) is not None


def _places(row: EntryRow, glance: int = _GLANCE) -> Iterator[FilePlace]:
    entry = row.entry
    if not isinstance(entry, ToolCallEntry):
        yield from _in_text(_text(row)[:glance])
        return
    path = entry.args.get("path")
    own = FilePlace(file=path, line=_start(entry)) if isinstance(path, str) and path else None
    if own is not None and entry.tool in _OWN_FILE:
        yield own
    if row.result is not None:
        yield from _in_text(row.result.text[:glance])
    yield from _in_text(json.dumps(entry.args, ensure_ascii=False)[:glance])
    if own is not None:
        yield own


def _start(entry: ToolCallEntry) -> int | None:
    start = entry.args.get("start")
    return start if isinstance(start, int) and start > 0 else None


def _text(row: EntryRow) -> str:
    match row.entry:
        case TextEntry() | ThinkingEntry() | ToolResultEntry():
            return row.entry.text[:_GLANCE]
        case ResultEntry():
            return row.entry.preview[:_GLANCE]
        case other:
            block = entry_block(other)
            return f"{block.head}\n{block.body}"[:_GLANCE]


def _in_text(text: str) -> Iterator[FilePlace]:
    shown = clean(text)
    for pattern, part in ((_HUNK, "+++ b/"), (_TRACE, 'File "'), (_JSON, '"file":'), (_NAMED, ":")):
        if part not in shown:  # a search for what can't be there is dear
            continue
        for found in pattern.finditer(shown):
            file, line = found.groups()
            name = _unquoted(file) if pattern is _JSON else file.strip()
            if name:
                yield FilePlace(file=name, line=int(line) if line and len(line) < 10 else None)


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        return ""
