"""What happened in the run, newest at the end."""

from bisect import bisect_left
from collections.abc import Hashable, Iterable

from textual.strip import Strip

from crew.tui.cells import fit, row
from crew.tui.line_view import LineView
from crew.view import StoryLine

KEPT = 2_000
_SLACK = 500


class StoryView(LineView):
    """Shows the newest lines of a run's story; follows its end unless the reader goes up."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(follow=True, id=id)
        self._story: list[StoryLine] = []

    @property
    def session(self) -> str | None:
        """The session that the selected line is about."""
        return self._story[self.cursor].session if self.cursor < len(self._story) else None

    @property
    def follows_at_end(self) -> bool:
        """To reach the end means to follow it."""
        return True

    def clear(self) -> None:
        """Forget all lines, and follow those to come."""
        self._story.clear()
        self.follow = True
        self.items_changed(self.standing())

    def tell(self, lines: Iterable[StoryLine]) -> None:
        """Take more lines."""
        before = self.standing()
        self._story.extend(lines)
        self._story.sort(key=_place)  # a finding is read after the events behind it have come
        if len(self._story) > KEPT + _SLACK:
            del self._story[:-KEPT]
        self.items_changed(before)

    # A list of lines.

    @property
    def count(self) -> int:
        """Lines kept."""
        return len(self._story)

    def key_at(self, index: int) -> Hashable:
        """The event's number, and which of its lines."""
        return _place(self._story[index])

    def index_of(self, key: Hashable) -> int:
        """Where an event's line is."""
        if not isinstance(key, tuple):
            return -1
        low = bisect_left(self._story, key, key=_place)
        there = low < len(self._story) and _place(self._story[low]) == key
        return low if there else -1

    def version_at(self, index: int) -> Hashable:
        """A line never changes."""
        return 0

    def line_at(self, index: int, width: int) -> Strip:
        """The time, who, and what."""
        line, look = self._story[index], self.palette
        parts = [
            (f"{line.at}  ", look.quiet),
            (fit(line.text, width - len(line.at) - 2), look.tones[line.tone]),
        ]
        return row(parts, width, look.base)


def _place(line: StoryLine) -> tuple[int, int]:
    return line.seq, line.part
