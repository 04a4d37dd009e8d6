"""The task board as a table: a row for each task, in board order."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len
from textual.strip import Strip

from crew.records import UNSTAMPED
from crew.tui.cells import fit, row
from crew.tui.line_view import LineView
from crew.tui.palette import SIGNS
from crew.view import Mark, Place, RunView, TaskRow, board_places, board_row

_NAME_MIN, _NAME_MAX = 16, 34
_LOUD = frozenset({Mark.FAILED, Mark.WAITING, Mark.ATTENTION})
_QUIET = frozenset({Mark.PENDING, Mark.DONE, Mark.STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of fixed width, shown in tables of `least` cells or more."""

    heading: str
    width: int
    least: int


ROLE = Column(heading="role", width=18, least=100)
NEEDS = Column(heading="needs", width=28, least=112)
TRIES = Column(heading="tries", width=5, least=52)
TIME = Column(heading="time", width=7, least=36)
_LEFT, _RIGHT = (ROLE, NEEDS), (TRIES, TIME)


class TaskTable(LineView):
    """Shows the tasks of a `RunView`; only rows that are seen are put into words."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view = RunView()
        self._now = UNSTAMPED
        self._places: tuple[Place, ...] = ()
        self._index: dict[str, int] = {}
        self._name_width = _NAME_MIN
        self._painted: dict[int, TaskRow] = {}

    @property
    def chosen(self) -> str:
        """The selected task; empty while there is none."""
        return (self._places[self.cursor].task or "") if self.cursor < self.count else ""

    @property
    def session(self) -> str | None:
        """The session of the selected task's latest attempt."""
        return self._places[self.cursor].session if self.cursor < self.count else None

    @property
    def headings(self) -> str:
        """What the columns mean, for the line above."""
        width = max(0, self.size.width - 2)
        left = "".join(f"  {c.heading:<{c.width}}" for c in _fitting(_LEFT, width))
        right = "".join(f" {c.heading:>{c.width}}" for c in _fitting(_RIGHT, width))
        name = min(self._name_width, width // 3)
        state = max(0, width - name - 2 - len(left) - len(right))
        return f"   {'task':<{name}}{left}{'  state':<{state}}{right}"

    def show(self, view: RunView, now: datetime) -> None:
        """Take the board as it is now."""
        before = self.standing()
        self._view, self._now = view, now
        places = board_places(view)
        if places != self._places:
            self._places = places
            self._painted.clear()
            self._index = {place.key: at for at, place in enumerate(places)}
            names = (board_row(view, place, now).name for place in places[:200])
            longest = max(map(cell_len, names), default=0)
            self._name_width = min(max(_NAME_MIN, longest), _NAME_MAX)
            self.items_changed(before)
            return
        first, end = self.seen()
        self.repaint([at for at in range(first, end) if self._painted.get(at) != self._row(at)])

    def select_session(self, session: str | None) -> None:
        """Select the task that a session works on."""
        known = self._view.sessions.get(session or "")
        if known is not None and (index := self._index.get(f"task:{known.task}")) is not None:
            self.select(index)

    # A list of tasks.

    @property
    def count(self) -> int:
        """Tasks on the board."""
        return len(self._places)

    def key_at(self, index: int) -> Hashable:
        """The row's key."""
        return self._places[index].key

    def index_of(self, key: Hashable) -> int:
        """Where a row is."""
        return self._index.get(key, -1) if isinstance(key, str) else -1

    def version_at(self, index: int) -> Hashable:
        """All that the row's line says."""
        shown = self._painted[index] = self._row(index)
        return shown, self._name_width

    def line_at(self, index: int, width: int) -> Strip:
        """A row: sign, name, role and needs where there is room, state, tries, time."""
        shown, look = self._row(index), self.palette
        name = min(self._name_width, width // 3)
        parts = [
            (f"{SIGNS[shown.mark]} ", look.marks[shown.mark]),
            (fit("  " * shown.depth + shown.name, name), look.base),
        ]
        texts = {ROLE: shown.role, NEEDS: shown.needs, TRIES: shown.tries, TIME: shown.took}
        left, right = _fitting(_LEFT, width), _fitting(_RIGHT, width)
        parts += [(f"  {fit(texts[column], column.width)}", look.quiet) for column in left]
        used = 2 + name + sum(c.width + 2 for c in left) + sum(c.width + 1 for c in right)
        style = look.marks[shown.mark] if shown.mark in _LOUD else look.base
        if shown.mark in _QUIET:
            style = look.quiet
        parts.append((f"  {fit(shown.state, max(0, width - used - 2))}", style))
        parts += [(f" {texts[column]:>{column.width}}", look.quiet) for column in right]
        return row(parts, width, look.base)

    def _row(self, index: int) -> TaskRow:
        return board_row(self._view, self._places[index], self._now)


def _fitting(columns: tuple[Column, ...], width: int) -> list[Column]:
    return [column for column in columns if width >= column.least]
