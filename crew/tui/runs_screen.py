"""The list of runs: each with how it stands and what it came to; Enter opens one."""

from collections.abc import Iterable, Sequence
from contextlib import aclosing

from textual.widget import Widget

from crew.errors import CrewError
from crew.tui.bars import Bar, Span
from crew.tui.keys import RUNS, Key, bindings
from crew.tui.line_view import LineView
from crew.tui.list_stage import Listed
from crew.tui.run_model import Changes
from crew.tui.runs_table import RunsTable
from crew.view import Tone, counted, one_line, short_count


class RunsScreen(Listed):
    """Shows the runs of one home, the live ones first, and two lines about the selected one."""

    NAME = RUNS
    BINDINGS = bindings(RUNS)
    DEFAULT_CSS = """
    RunsScreen #run-id { margin: 1 0 0 0; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._live = self._all = 0
        self._read = False

    @property
    def pane(self) -> LineView:
        """The table."""
        return self.table

    @property
    def table(self) -> RunsTable:
        """The pane with the runs."""
        return self.query_one(RunsTable)

    def body(self) -> Iterable[Widget]:
        """Headings, the table, the selected run."""
        yield Bar(id="headings")
        yield RunsTable()
        yield Bar(id="run-id")
        yield Bar(id="run-goal")

    def on_mount(self) -> None:
        """Follow the runs."""
        super().on_mount()
        self.observer.run_worker(self._follow(), group="runs")
        self.set_interval(1.0, self._tick)

    async def _follow(self) -> None:
        runs = self.observer.runs
        if runs is None:
            return
        try:
            async with aclosing(runs.follow()) as lists:
                async for listed in lists:
                    self._all, self._read = len(listed), True
                    self._live = sum(each.summary.live for each in listed)
                    self.table.show(listed, self.observer.now())
                    self.observer.wake()
        except CrewError as error:
            self.say(error.message, Tone.BAD)

    def _tick(self) -> None:
        if self.is_current:
            self.table.tick(self.observer.now())

    def head(self) -> tuple[Sequence[Span], Sequence[Span]]:
        """Where one is, and how many there are."""
        words = f"{counted(self._all, 'run')}, {self._live} live" if self._read else "reading"
        return [Span(text=" runs", strong=True)], [Span(text=f"{words} ", look=Tone.SECONDARY)]

    def picture(self, changes: Changes) -> None:
        """Show the headings and the selected run."""
        del changes
        headings = self.table.headings if self.table.count else ""
        if self._read and not self.table.count:
            headings = " no runs here yet; start one: crew run review"
        self.query_one("#headings", Bar).say([Span(text=headings, look=Tone.SECONDARY)])
        self._show_details()

    def _show_details(self) -> None:
        chosen = self.table.chosen
        facts = goal = ""
        if chosen is not None:
            told = chosen.summary
            tokens = f"{short_count(told.usage.tokens)} tokens"
            sessions = counted(chosen.sessions, "session")
            facts = " · ".join([told.id, one_line(told.model), sessions, tokens])
            goal = " · ".join(filter(None, [one_line(told.goal), one_line(chosen.outcome)]))
        self.query_one("#run-id", Bar).say([Span(text=f" {facts}", look=Tone.SECONDARY)])
        self.query_one("#run-goal", Bar).say([Span(text=f" {goal}")])

    def show_hints(self) -> None:
        """The keys that apply, and what is known of the selected run."""
        super().show_hints()
        self._show_details()

    def applies(self, key: Key) -> bool:
        """Whether a key would do something now."""
        return key.id != "open_run" or self.table.chosen is not None

    def do_open(self) -> None:
        """Open the selected run."""
        if (chosen := self.table.chosen) is not None:
            self.observer.open_run(chosen.summary.id)

    do_open_run = do_open

    def do_interrupt(self) -> None:
        """Leave: here is no run to cancel."""
        self.observer.leave()
