"""What was said, as a table: a line for each message, newest at the end."""

from collections.abc import Collection, Hashable, Sequence
from datetime import UTC, tzinfo

from rich.cells import cell_len
from textual.strip import Strip

from crew.tui.cells import fit, row
from crew.tui.line_view import LineView
from crew.view import NO_MESSAGES, MessageRow, MessageView, RunView, message_row

_CLOCK, _KIND = 8, 10
_WAY_MIN, _WAY_MAX = 16, 44
_MEASURED = 200
"""The newest messages, which the width of a column goes by."""


class MessageTable(LineView):
    """Shows a run's messages; follows the newest unless the reader goes up."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(follow=True, id=id)
        self.note = NO_MESSAGES
        self._view = RunView()
        self._tz: tzinfo = UTC
        self._mine: Collection[str] = ()
        self._messages: Sequence[MessageView] = ()
        self._index: dict[str, int] = {}
        self._painted: dict[str, MessageRow] = {}
        self._way_width = _WAY_MIN
        self._seen_end = 0

    @property
    def chosen(self) -> MessageView | None:
        """The selected message; None while there is none."""
        return self._messages[self.cursor] if self.cursor < self.count else None

    @property
    def news(self) -> int:
        """Messages below that came since the end was left."""
        return 0 if self.follow else max(0, self.count - self._seen_end)

    @property
    def headings(self) -> str:
        """What the columns mean, for the line above."""
        width = max(0, self.size.width - 2)
        way = min(self._way_width, width // 3)
        left = f"{'time':<{_CLOCK}}  {'from -> to':<{way}}  {'kind':<{_KIND}}  text"
        state = "what became of it"
        return f" {left}{state:>{max(0, width - len(left))}}"

    @property
    def follows_at_end(self) -> bool:
        """To reach the end means to follow it."""
        return True

    def show(
        self,
        view: RunView,
        messages: Sequence[MessageView],
        *,
        tz: tzinfo,
        mine: Collection[str],
    ) -> None:
        """Take the messages as they are now.

        Args:
            view: The run.
            messages: What was said, oldest first.
            tz: The time zone of the times.
            mine: Commands that were sent from here.
        """
        before = self.standing()
        same = messages is self._messages or [each.key for each in messages] == list(self._index)
        self._view, self._messages, self._tz, self._mine = view, messages, tz, mine
        if not same:
            self._index = {message.key: at for at, message in enumerate(messages)}
            ways = (self._row(at).way for at in range(max(0, self.count - _MEASURED), self.count))
            longest = max(map(cell_len, ways), default=0)
            self._way_width = min(max(_WAY_MIN, longest), _WAY_MAX)
            self._painted.clear()
            self.items_changed(before)
        else:
            first, end = self.seen()
            changed = (at for at in range(first, end) if self._stale(at))
            self.repaint(list(changed))
        if self.follow:
            self._seen_end = self.count

    # A list of messages.

    @property
    def count(self) -> int:
        """Messages held."""
        return len(self._messages)

    def key_at(self, index: int) -> Hashable:
        """The message's key."""
        return self._messages[index].key

    def index_of(self, key: Hashable) -> int:
        """Where a message is."""
        return self._index.get(key, -1) if isinstance(key, str) else -1

    def version_at(self, index: int) -> Hashable:
        """All that the message's line says."""
        shown = self._painted[self._messages[index].key] = self._row(index)
        return shown, self._way_width

    def line_at(self, index: int, width: int) -> Strip:
        """A message: time, from whom to whom, kind, text as far as it fits, what became of it."""
        shown, look = self._row(index), self.palette
        way = min(self._way_width, width // 3)
        left = _CLOCK + 2 + way + 2 + _KIND + 2
        state = fit(shown.state, min(cell_len(shown.state), max(0, width - left)))
        tone = look.tones[shown.tone]
        parts = [
            (f"{shown.at}  ", look.quiet),
            (f"{fit(shown.way, way)}  ", look.base),
            (f"{fit(shown.kind, _KIND)}  ", look.quiet),
            (fit(shown.text, max(0, width - left - cell_len(state) - 2)), look.base),
            ("  ", look.base),
            (state, tone),
        ]
        return row(parts, width, look.base)

    def _stale(self, index: int) -> bool:
        return self._painted.get(self._messages[index].key) != self._row(index)

    def _row(self, index: int) -> MessageRow:
        return message_row(self._view, self._messages[index], tz=self._tz, mine=self._mine)
