"""One picture of a run: a line for each task and session, each always in the same place.

A pure function of the view, the time and the size; columns leave in the order of what matters
least when the terminal is narrow, and rows that are over leave first when it is low.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len
from rich.text import Text

from crew.console.signs import STYLES, sign
from crew.view import (
    RULES_HINT,
    RULES_NOTE,
    Mark,
    Row,
    RunView,
    SessionView,
    counted,
    duration,
    money,
    one_line,
    rows,
    short_count,
    spent_of_limits,
)

_NAME_MIN, _NAME_MAX = 16, 24
_AROUND = 4  # header, headings, totals, note


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A right-aligned figure at the end of a row, shown in terminals of `least` columns or more."""

    heading: str
    width: int
    least: int


_TURNS = Column(heading="turns", width=5, least=72)
_TOOLS = Column(heading="tools", width=5, least=72)
_TOKENS = Column(heading="tokens", width=6, least=56)
_TIME = Column(heading="time", width=7, least=36)
_COLUMNS = (_TURNS, _TOOLS, _TOKENS, _TIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What to draw into.

    Attributes:
        width: Columns of the terminal.
        height: Lines that the picture may take; 0 for as many as it needs.
        encoding: Of the stream, which decides the signs.
    """

    width: int
    height: int = 0
    encoding: str = "utf-8"

    def draw(self, view: RunView, now: datetime, note: str = "") -> list[Text]:
        """The picture as lines, none wider than the frame.

        Args:
            view: The run.
            now: The time that running clocks are measured to.
            note: A word for the last line, which is there without one too.
        """
        listed = rows(view)
        shown = self._fitting(listed)
        name = self._name_width(listed)
        lines = [*self._header(view), *(self._row(view, row, name, now) for row in shown)]
        if left_out := _left_out(listed, shown):
            lines.append(self._line(Text(f"  {left_out}", "dim")))
        lines += [self._totals(view, now), self._line(self._note(view, note))]
        return lines

    def summary(self, view: RunView, now: datetime) -> list[Text]:
        """The picture of a run that has ended: every row, and no place for a word."""
        return Frame(width=self.width, encoding=self.encoding).draw(view, now)[:-1]

    @property
    def _columns(self) -> list[Column]:
        return [column for column in _COLUMNS if self.width >= column.least]

    @staticmethod
    def _note(view: RunView, note: str) -> Text:
        if not note and view.model == "rules" and not view.over:
            return Text(f"no language model; {RULES_HINT}", "dim")
        return Text(note, "yellow")

    def _header(self, view: RunView) -> list[Text]:
        goal = one_line(view.goal) or one_line(view.workspace)
        model = RULES_NOTE if view.model == "rules" else f"model {one_line(view.model)}"
        first = Text.assemble((view.team or view.run, "bold"), "  ", goal)
        second = Text(model if view.model else "", "dim")
        headings = [Text(column.heading, "dim") for column in self._columns]
        return [self._line(first), self._line(second, headings)]

    def _row(self, view: RunView, row: Row, name_width: int, now: datetime) -> Text:
        text = Text("  " * row.depth)
        text.append(sign(row.mark, self.encoding), STYLES[row.mark])
        text.append(f" {row.name}")
        _fit(text, name_width + 2)
        quiet = row.mark in {Mark.PENDING, Mark.DONE, Mark.STOPPED}
        text.append(f"  {row.doing}", "dim" if quiet else "")
        return self._line(text, self._figures(view, row.session, now))

    def _figures(self, view: RunView, session: SessionView | None, now: datetime) -> list[Text]:
        if session is None:
            return [Text() for _ in self._columns]
        figures = {
            _TURNS: str(session.turns),
            _TOOLS: str(session.tools),
            _TOKENS: short_count(session.usage.tokens),
            _TIME: _elapsed(view, session.started, session.ended, now),
        }
        return [Text(figures[column], "dim") for column in self._columns]

    def _totals(self, view: RunView, now: datetime) -> Text:
        totals = view.totals
        done = sum(task.status in {"completed", "skipped"} for task in view.tasks.values())
        facts = [f"{done} of {counted(len(view.tasks), 'task')} done"]
        limited = spent_of_limits(view)
        if totals.usage.cost != 0:
            limited.setdefault("cost", f"cost {money(totals.usage.cost)}")
        facts += limited.values()
        figures = {
            _TURNS: str(totals.turns),
            _TOOLS: str(totals.tools),
            _TOKENS: short_count(totals.usage.tokens),
            _TIME: _elapsed(view, view.started, view.ended, now) if view.started else "",
        }
        shown = [Text(figures[column], "dim") for column in self._columns]
        return self._line(Text(", ".join(facts), "dim"), shown)

    def _line(self, text: Text, figures: Sequence[Text] = ()) -> Text:
        right = Text()
        for column, figure in zip(self._columns, figures, strict=False):
            right.append(" " * (1 + column.width - cell_len(figure.plain)))
            right.append_text(figure)
        _fit(text, self.width - right.cell_len)
        return text.append_text(right)

    def _name_width(self, listed: Iterable[Row]) -> int:
        longest = max((2 * row.depth + cell_len(row.name) for row in listed), default=0)
        return min(max(_NAME_MIN, min(_NAME_MAX, longest)), max(4, self.width // 3))

    def _fitting(self, listed: Sequence[Row]) -> Sequence[Row]:
        room = self.height - _AROUND
        if not self.height or len(listed) <= room:
            return listed
        ranked = sorted(range(len(listed)), key=lambda place: _rank(listed[place].mark))
        kept = set(ranked[: max(1, room - 1)])
        return [row for place, row in enumerate(listed) if place in kept]


def _elapsed(view: RunView, started: datetime, ended: datetime | None, now: datetime) -> str:
    return duration(view.worked(started, ended or now), tenths=ended is not None)


def _rank(mark: Mark) -> int:
    if mark in {Mark.RUNNING, Mark.WAITING, Mark.PAUSED}:
        return 0
    if mark in {Mark.FAILED, Mark.ATTENTION}:
        return 1
    return 2 if mark is Mark.PENDING else 3


def _left_out(listed: Sequence[Row], shown: Sequence[Row]) -> str:
    if len(shown) == len(listed):
        return ""
    kept = {row.key for row in shown}
    marks = [row.mark for row in listed if row.key not in kept]
    counts = [f"{marks.count(mark)} {mark}" for mark in Mark if mark in marks]
    return f"and {len(marks)} more: {', '.join(counts)}"


def _fit(text: Text, width: int) -> None:
    text.truncate(max(0, width), overflow="ellipsis", pad=True)
