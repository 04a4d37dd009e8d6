"""The run as a tree of tasks and sessions: each row keeps its place and says what happens there."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from crew.records import UNSTAMPED
from crew.tui.cells import fit, row
from crew.tui.line_view import LineView
from crew.tui.palette import SIGNS
from crew.view import (
    Mark,
    Place,
    Row,
    RunView,
    SessionView,
    duration,
    money,
    outline,
    row_at,
    session_name,
    short_count,
)

_NAME_MIN, _NAME_MAX = 18, 34


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A right-aligned figure, shown in lists of `least` cells or more."""

    heading: str
    width: int
    least: int


TURNS = Column(heading="turns", width=5, least=88)
TOOLS = Column(heading="tools", width=5, least=88)
TOKENS = Column(heading="tokens", width=6, least=52)
COST = Column(heading="cost", width=7, least=110)
TIME = Column(heading="time", width=7, least=36)
COLUMNS = (TURNS, TOOLS, TOKENS, COST, TIME)


class SessionTree(LineView):
    """Shows the rows of a `RunView`; only rows that are seen are ever put into words."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view = RunView()
        self._now = UNSTAMPED
        self._places: tuple[Place, ...] = ()
        self._index: dict[str, int] = {}
        self._by_session: dict[str, int] = {}
        self._name_width = _NAME_MIN
        self._painted: dict[int, Row] = {}

    @property
    def session(self) -> str | None:
        """The session of the selected row."""
        return self._places[self.cursor].session if self.cursor < len(self._places) else None

    @property
    def chosen(self) -> str:
        """The task of the selected row; empty for a spawned session."""
        return (self._places[self.cursor].task or "") if self.cursor < len(self._places) else ""

    @property
    def headings(self) -> str:
        """What the columns mean, for the line above."""
        width = max(0, self.size.width - 2)
        columns = "".join(f" {c.heading:>{c.width}}" for c in self._columns(width))
        return " " + " " * self._left(width) + columns

    def show(self, view: RunView, now: datetime, *, outlined: bool) -> None:
        """Take the run as it is now.

        Args:
            view: The run.
            now: The time that running clocks are measured to.
            outlined: Whether rows may have come since the last time.
        """
        before = self.standing()
        self._view, self._now = view, now
        if outlined:
            places = outline(view)
            if places != self._places:
                self._take(places)
                self.items_changed(before)
                return
        first, end = self.seen()
        self.repaint([at for at in range(first, end) if self._painted.get(at) != self._row(at)])

    def tick(self, now: datetime) -> None:
        """Take the time: running clocks that are seen go on."""
        self._now = now
        first, end = self.seen()
        running = (at for at in range(first, end) if self._ticks(self._places[at]))
        self.repaint(list(running))

    def select_session(self, session: str) -> None:
        """Select a session's row."""
        if (index := self._by_session.get(session)) is not None:
            self.select(index)

    # A list of rows.

    @property
    def count(self) -> int:
        """Rows of the run."""
        return len(self._places)

    def key_at(self, index: int) -> Hashable:
        """The row's key."""
        return self._places[index].key

    def index_of(self, key: Hashable) -> int:
        """Where a row is."""
        return self._index.get(key, -1) if isinstance(key, str) else -1

    def version_at(self, index: int) -> Hashable:
        """All that the row's line depends on."""
        shown = self._row(index)
        self._painted[index] = shown
        figures = self._figures(shown.session)
        return shown.mark, shown.doing, shown.name, self._name_width, tuple(figures.values())

    def line_at(self, index: int, width: int) -> Strip:
        """A row: sign, name, what happens, figures."""
        shown, look = self._row(index), self.palette
        quiet = shown.mark in {Mark.PENDING, Mark.DONE, Mark.STOPPED}
        name = min(self._name_width, width // 3)
        left = self._left(width)
        figures = self._figures(shown.session)
        parts = [
            ("  " * shown.depth, look.base),
            (f"{SIGNS[shown.mark]} ", look.marks[shown.mark]),
            (fit(shown.name, name - 2 * shown.depth), look.base),
            ("  ", look.base),
            (fit(shown.doing, max(0, left - name - 4)), self._words_style(shown, quiet=quiet)),
        ]
        parts += [
            (f" {figures[column]:>{column.width}}", look.quiet) for column in self._columns(width)
        ]
        return row(parts, width, look.base)

    def _words_style(self, shown: Row, *, quiet: bool) -> Style:
        if shown.mark in {Mark.FAILED, Mark.WAITING, Mark.ATTENTION}:
            return self.palette.marks[shown.mark]
        return self.palette.quiet if quiet else self.palette.base

    def _take(self, places: tuple[Place, ...]) -> None:
        self._places = places
        self._painted.clear()
        self._index = {place.key: at for at, place in enumerate(places)}
        self._by_session = {
            place.session: at for at, place in enumerate(places) if place.session is not None
        }
        self._name_width = _fitting_width(self._row(at) for at in range(min(200, len(places))))

    def _row(self, index: int) -> Row:
        place = self._places[index]
        shown = row_at(self._view, place)
        if place.task is None and shown.session is not None:
            return replace(shown, name=session_name(shown.session))
        return shown

    def _ticks(self, place: Place) -> bool:
        session = self._view.sessions.get(place.session or "")
        return session is not None and session.ended is None

    def _columns(self, width: int) -> list[Column]:
        return [column for column in COLUMNS if width >= column.least]

    def _left(self, width: int) -> int:
        return width - sum(column.width + 1 for column in self._columns(width))

    def _figures(self, session: SessionView | None) -> dict[Column, str]:
        if session is None:
            return dict.fromkeys(COLUMNS, "")
        took = self._view.worked(session.started, session.ended or self._now)
        cost = session.usage.cost
        return {
            TURNS: str(session.turns),
            TOOLS: str(session.tools),
            TOKENS: short_count(session.usage.tokens),
            COST: "" if cost == 0 else money(cost),
            TIME: duration(took, tenths=session.ended is not None),
        }


def _fitting_width(rows: Iterable[Row]) -> int:
    longest = max((2 * shown.depth + cell_len(shown.name) for shown in rows), default=0)
    return min(max(_NAME_MIN, longest), _NAME_MAX)
