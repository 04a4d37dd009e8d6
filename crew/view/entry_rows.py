"""A transcript as rows: one for each thing that happened, a tool call together with its result.

A part of a transcript is held, and grows at both ends; the same part gives the same rows,
however it was read.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from crew.entries import Entry, ToolCallEntry, ToolResultEntry, UsageEntry

SPAWN = "spawn_agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRow:
    """One row of a transcript.

    Attributes:
        line: Which line of the transcript its entry is, from 0; names the row for good.
        result: The result of a tool call, once it is known.
        result_line: The line of that result.
    """

    line: int
    entry: Entry
    result: ToolResultEntry | None = None
    result_line: int | None = None

    @property
    def spawns(self) -> bool:
        """Whether the row is a call that makes a child session."""
        return isinstance(self.entry, ToolCallEntry) and self.entry.tool == SPAWN


class EntryRows:
    """Rows of one stretch of a transcript.

    Attributes:
        rows: In the order of the transcript.
        first: Number of the first line held.
        end: Number of the line behind the last one held.

    Args:
        sparse: Whether lines between them are left out; then each entry names its own.
    """

    def __init__(self, entries: Sequence[Entry] = (), *, sparse: bool = False) -> None:
        self.rows: list[EntryRow] = []
        self.sparse = sparse
        if sparse:
            entries = [entry for entry in entries if entry.id >= 0]
        self.first = next((e.id - place for place, e in enumerate(entries) if e.id >= 0), 0)
        self.end = self.first
        self._calls: dict[str, int] = {}
        self._orphans: dict[str, int] = {}
        self.append(entries)

    def __len__(self) -> int:
        return len(self.rows)

    def append(self, entries: Iterable[Entry]) -> list[int]:
        """Take the lines behind the last one.

        Returns:
            Lines of the rows that were there before and have changed.
        """
        changed = []
        known = self.end
        for entry in entries:
            line = entry.id if self.sparse else self.end
            self.end = line + 1
            if isinstance(entry, UsageEntry):
                continue
            if isinstance(entry, ToolResultEntry) and entry.call_id in self._calls:
                call = self._calls.pop(entry.call_id)
                self._fold(call, entry, line)
                if call < known:
                    changed.append(call)
                continue
            if isinstance(entry, ToolCallEntry):
                self._calls[entry.call_id] = line
            elif isinstance(entry, ToolResultEntry):
                self._orphans[entry.call_id] = line
            self.rows.append(EntryRow(line=line, entry=entry))
        return changed

    def prepend(self, entries: Sequence[Entry]) -> None:
        """Take the lines before the first one; results whose calls they hold move there."""
        if self.sparse:
            older = EntryRows(entries, sparse=True)
            older.first = older.first if older.rows else self.first
        else:
            older = EntryRows()
            older.first = older.end = self.first - len(entries)
            older.append(entries)
        for call_id, call in list(older._calls.items()):
            orphan = self._orphans.pop(call_id, None)
            if orphan is not None:
                row = self.rows.pop(self.index(orphan))
                if isinstance(row.entry, ToolResultEntry):
                    older._fold(call, row.entry, orphan)
                    del older._calls[call_id]
        self.rows[:0] = older.rows
        self.first = older.first
        self._calls = older._calls | self._calls
        self._orphans = older._orphans | self._orphans

    def forget_before(self, line: int) -> None:
        """Let go of the rows before a line."""
        line = min(max(line, self.first), self.end)
        del self.rows[: self._place(line)]
        self._calls = {key: at for key, at in self._calls.items() if at >= line}
        self._orphans = {key: at for key, at in self._orphans.items() if at >= line}
        self.first = line

    def forget_from(self, line: int) -> None:
        """Let go of a line and all behind it."""
        line = min(max(line, self.first), self.end)
        del self.rows[self._place(line) :]
        for place, row in enumerate(self.rows):
            if row.result_line is not None and row.result_line >= line:
                self.rows[place] = replace(row, result=None, result_line=None)
        self._calls = {
            row.entry.call_id: row.line
            for row in self.rows
            if isinstance(row.entry, ToolCallEntry) and row.result is None
        }
        self._orphans = {key: at for key, at in self._orphans.items() if at < line}
        self.end = line

    def index(self, line: int) -> int:
        """Place of the row that shows a line, or of the last one before it; -1 without any."""
        return bisect_right(self.rows, line, key=_line) - 1

    def showing(self, line: int) -> int:
        """Place of the row that shows a line, a result in its call; -1 without any."""
        place = self.index(line)
        if place >= 0 and self.rows[place].line == line:
            return place
        for back in range(place, max(-1, place - 256), -1):
            if self.rows[back].result_line == line:
                return back
        return place

    def _place(self, line: int) -> int:
        place = self.index(line)
        return place if place >= 0 and self.rows[place].line == line else place + 1

    def _fold(self, call: int, result: ToolResultEntry, line: int) -> None:
        place = self.index(call)
        self.rows[place] = replace(self.rows[place], result=result, result_line=line)


def _line(row: EntryRow) -> int:
    return row.line
