"""The runs of one home as a table: a row for each, which keeps its place while one looks."""

from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from textual.strip import Strip

from crew.records import UNSTAMPED
from crew.tui.cells import fit, row
from crew.tui.line_view import LineView
from crew.tui.observed import Subject
from crew.tui.palette import SIGNS
from crew.view import Mark, age, mark, one_line, status_words

if TYPE_CHECKING:
    from crew.service import RunListing

_STATUS, _SESSIONS, _AGE = 17, 8, 5
_WIDE_TEAM, _TEAM = 22, 15
_OUTCOME, _BOTH = 44, 120
_SESSIONS_FROM = 70


@dataclass(frozen=True, slots=True, kw_only=True)
class RunList:
    """Where the runs to choose from come from.

    Attributes:
        follow: The runs, newest first, again whenever one changed.
        open: Opens one of them by its id; blocks while it does, and raises CrewError.
    """

    follow: Callable[[], AsyncGenerator[Sequence["RunListing"], None]]
    open: Callable[[str], Subject]


class RunsTable(LineView):
    """Shows runs; at first the live ones before the others, later new ones on top."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._known: dict[str, RunListing] = {}
        self._order: list[str] = []
        self._index: dict[str, int] = {}
        self._now = UNSTAMPED

    @property
    def chosen(self) -> "RunListing | None":
        """The selected run; None while there is none."""
        return self._known[self._order[self.cursor]] if self.cursor < self.count else None

    @property
    def headings(self) -> str:
        """What the columns mean, for the line above."""
        return f" {_columns(_HEADINGS, max(0, self.size.width - 2))}"

    def show(self, runs: Sequence["RunListing"], now: datetime) -> None:
        """Take the runs as they are now, newest first."""
        before = self.standing()
        self._now = now
        self._known = {each.summary.id: each for each in runs}
        if self._order:
            there = set(self._order)
            new = [name for name in self._known if name not in there]
            self._order = [*new, *(name for name in self._order if name in self._known)]
        else:
            self._order = sorted(self._known, key=lambda name: not self._known[name].summary.live)
        self._index = {name: at for at, name in enumerate(self._order)}
        self.items_changed(before)

    def tick(self, now: datetime) -> None:
        """Take the time: ages that are seen go on."""
        self._now = now
        self.repaint(list(range(*self.seen())))

    # A list of runs.

    @property
    def count(self) -> int:
        """Runs."""
        return len(self._order)

    def key_at(self, index: int) -> Hashable:
        """The run's id."""
        return self._order[index]

    def index_of(self, key: Hashable) -> int:
        """Where a run is."""
        return self._index.get(key, -1) if isinstance(key, str) else -1

    def version_at(self, index: int) -> Hashable:
        """All that the row's line says."""
        shown = self._known[self._order[index]]
        return shown, age(shown.summary.created, self._now)

    def line_at(self, index: int, width: int) -> Strip:
        """A row: how it stands, team, goal, what it came to, sessions, age."""
        shown, look = self._known[self._order[index]], self.palette
        summary = shown.summary
        sign = mark(summary.status)
        cells = _Cells(
            status=f"{SIGNS[sign]} {status_words(summary.status)}",
            team=one_line(summary.team),
            goal=one_line(summary.goal),
            outcome=one_line(shown.outcome),
            sessions=str(shown.sessions),
            age=age(summary.created, self._now),
        )
        words = _columns(cells, width)
        quiet = sign in {Mark.DONE, Mark.STOPPED}
        rest = look.quiet if quiet and not summary.live else look.base
        status = words[:_STATUS]
        return row([(status, look.marks[sign]), (words[len(status) :], rest)], width, look.base)


class _Cells(NamedTuple):
    status: str
    team: str
    goal: str
    outcome: str
    sessions: str
    age: str


_HEADINGS = _Cells("  status", "team", "goal", "outcome", "sessions", "age")


def _columns(cells: _Cells, width: int) -> str:
    both = width >= _BOTH
    team = _WIDE_TEAM if both else _TEAM
    right = f" {cells.sessions:>{_SESSIONS}}" if width >= _SESSIONS_FROM else ""
    right += f" {cells.age:>{_AGE}}"
    room = width - _STATUS - team - 4 - len(right)
    middle = fit(cells.outcome or cells.goal, room)
    if both:
        middle = f"{fit(cells.goal, room - _OUTCOME - 2)}  {fit(cells.outcome, _OUTCOME)}"
    return f"{fit(cells.status, _STATUS)}  {fit(cells.team, team)}  {middle}{right}"
