"""One session's transcript: a line for each entry, opened where it stands, followed at its end."""

from collections.abc import Hashable, Mapping, Sequence

from rich.cells import cell_len
from textual.message import Message
from textual.strip import Strip

from crew.tui.cells import fit, row
from crew.tui.line_view import LineView
from crew.tui.lines import Standing
from crew.tui.palette import Palette
from crew.tui.transcript_source import TranscriptSource
from crew.tui.typeset import typeset
from crew.view import (
    CommandView,
    EntryRow,
    EntryRows,
    Form,
    Head,
    Part,
    SessionView,
    entry_head,
    entry_parts,
    message_head,
)

LABEL = 10
_NEAR = 60
_LEAST_TEXT = 12


class TranscriptView(LineView):
    """Shows what a `TranscriptSource` holds, and behind it messages that still wait."""

    class NeedsMore(Message):
        """The reader is near an end of what is in memory."""

        def __init__(self, *, older: bool) -> None:
            super().__init__()
            self.older = older

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(follow=True, id=id)
        self.source: TranscriptSource | None = None
        self._messages: tuple[CommandView, ...] = ()
        self._sessions: Mapping[str, SessionView] = {}

    @property
    def rows(self) -> EntryRows:
        """The rows in memory."""
        return self.source.rows if self.source else _NOTHING

    @property
    def row(self) -> EntryRow | None:
        """The selected row; None for a message that waits."""
        return self.rows.rows[self.cursor] if self.cursor < len(self.rows) else None

    @property
    def message(self) -> CommandView | None:
        """The selected message that waits; None for a row."""
        place = self.cursor - len(self.rows)
        return self._messages[place] if 0 <= place < len(self._messages) else None

    @property
    def follows_at_end(self) -> bool:
        """To reach the end means to follow it, when it is the transcript's own."""
        return self.source is None or self.source.at_end

    def show(self, source: TranscriptSource | None, *, line: int | None = None) -> None:
        """Show another transcript, or another choice of its entries.

        Args:
            source: What to show.
            line: The line to select, or the nearest before it; without one the end is held in
                view.
        """
        kept_at = self.line_of(self.cursor) - self.top
        self.source = source
        self._messages = ()
        if source is None:
            self._open.clear()
            self._strips.clear()  # rows are named by their lines, as those of every transcript
        self.follow = line is None
        if line is not None:
            self.cursor = max(0, self.rows.showing(line))
        self.items_changed(Standing())
        if line is not None and self.count:
            self._scroll(self.line_of(self.cursor) - kept_at)
            self._reveal(self.cursor)

    def changed(self, lines: Sequence[int] = ()) -> None:
        """Take in what the source has read; `lines` are rows that look different."""
        for line in lines:
            if self.is_open(line):
                self._typeset(self.index_of(line))

    def annotate(
        self, messages: tuple[CommandView, ...], sessions: Mapping[str, SessionView]
    ) -> bool:
        """Take in messages that wait and what became of spawned sessions; True when they changed.

        The caller takes the standing before, and tells `items_changed` after.
        """
        changed = messages != self._messages
        self._messages, self._sessions = messages, sessions
        return changed

    def toggle(self) -> None:
        """Open the selected row, or close it."""
        key = self.key_at(self.cursor) if self.count else None
        if key is None:
            return
        if self.is_open(key):
            self.set_open(key, None)
        else:
            self._typeset(self.cursor)

    # A list of entries.

    @property
    def count(self) -> int:
        """Rows and messages that wait."""
        return len(self.rows) + len(self._messages)

    def key_at(self, index: int) -> Hashable:
        """A row's line, or a message's command id."""
        rows = self.rows.rows
        if index < len(rows):
            return rows[index].line
        return self._messages[index - len(rows)].command.id

    def index_of(self, key: Hashable) -> int:
        """Where a row or message is."""
        if isinstance(key, int):
            place = self.rows.index(key)
            return place if place >= 0 and self.rows.rows[place].line == key else -1
        for place, message in enumerate(self._messages):
            if message.command.id == key:
                return len(self.rows) + place
        return -1

    def version_at(self, index: int) -> Hashable:
        """What a row's line depends on beside its entry."""
        rows = self.rows.rows
        if index >= len(rows):
            return self._messages[index - len(rows)].state
        shown = rows[index]
        if shown.spawns and shown.result is not None:
            child = self._sessions.get(shown.result.session or "")
            return child and (child.status, child.preview)
        return shown.result is not None

    def line_at(self, index: int, width: int) -> Strip:
        """An entry in one line."""
        rows = self.rows.rows
        if index < len(rows):
            head = entry_head(rows[index], self._sessions)
        else:
            head = message_head(self._messages[index - len(rows)])
        return head_line(head, width, self.palette)

    def items_changed_near(self) -> None:
        """Ask for more where the reader is near an end of what is in memory."""
        source = self.source
        if source is None or not self.count:
            return
        first, end = self.seen()
        if first < _NEAR and not source.at_start:
            self.post_message(self.NeedsMore(older=True))
        elif end > self.count - _NEAR and not source.at_end:
            self.post_message(self.NeedsMore(older=False))

    def thumb_span(self) -> tuple[int, int, int]:
        """The scroll bar stands for the whole transcript, not for what is in memory."""
        source = self.source
        if source is None or (source.at_start and source.at_end):
            return super().thumb_span()
        if not self.rows.sparse:
            return self.rows.first + self.top, self.size.height, source.total
        first, end = self.seen()
        rows = self.rows.rows[first:end]
        above = rows[0].line if rows else 0
        return above, rows[-1].line + 1 - above if rows else 0, source.total

    def resized(self) -> None:
        """Set open rows anew for the width: those in view now, the others when there is time."""
        first, end = self.seen()
        later = []
        for key in [self.key_at(index) for index in range(self.count) if self._is_open_at(index)]:
            index = self.index_of(key)
            if first <= index < end:
                self._typeset(index)
            else:
                later.append(key)
        if later:
            self.call_later(self._typeset_later, later)

    def _is_open_at(self, index: int) -> bool:
        return bool(self._open) and self.is_open(self.key_at(index))

    def _typeset_later(self, keys: list[Hashable]) -> None:
        key = keys.pop()
        if self.is_open(key) and (index := self.index_of(key)) >= 0:
            self._typeset(index)
        if keys:
            self.call_later(self._typeset_later, keys)

    def _typeset(self, index: int) -> None:
        rows = self.rows.rows
        if index < len(rows):
            parts = entry_parts(rows[index])
        else:
            text = getattr(self._messages[index - len(rows)].command, "text", "")
            parts = (Part(form=Form.PLAIN, text=text),)
        if not parts:
            return
        width = self.size.width - 2
        lines = typeset(parts, width=width, look=self.palette, console=self.app.console)
        self.set_open(self.key_at(index), [self.line_at(index, width), *lines])


_NOTHING = EntryRows()


def head_line(head: Head, width: int, look: Palette) -> Strip:
    """A head in one line: sign, label, text as far as it fits, detail at the right edge."""
    tone = look.tones[head.tone]
    signal = look.tones[head.signal] if head.signal is not None else tone
    left = 2 + LABEL + 1
    detail = fit(head.detail, min(cell_len(head.detail), max(0, width - left - _LEAST_TEXT)))
    room = width - left - (cell_len(detail) + 2 if detail else 0)
    parts = [
        (f"{head.sign} ", signal),
        (fit(head.label, LABEL) + " ", look.quiet if head.signal is None else look.base),
        (fit(head.text, room), tone),
    ]
    if detail:
        quiet = tone if head.tone is not head.tone.PLAIN else look.quiet
        parts += [("  ", look.base), (detail, quiet)]
    return row(parts, width, look.base)
