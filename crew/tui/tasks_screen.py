"""The task board: what each task waits for, who works on it, how it ended."""

from collections.abc import Iterable

from textual.widget import Widget

from crew.tui.bars import Bar, Span
from crew.tui.keys import TASKS, bindings
from crew.tui.line_view import LineView
from crew.tui.list_stage import ListStage
from crew.tui.run_model import Changes
from crew.tui.task_table import TaskTable
from crew.view import Tone, task_details, total_words


class TasksScreen(ListStage):
    """The board over the run's screen, and two lines about the selected task."""

    NAME = TASKS
    TRAIL = ("tasks",)
    BINDINGS = bindings(TASKS)
    DEFAULT_CSS = """
    TasksScreen #needs { margin: 1 0 0 0; }
    """

    def __init__(self, session: str | None) -> None:
        super().__init__()
        self._first = session

    @property
    def session(self) -> str | None:
        """The session of the selected task."""
        return self.table.session

    @property
    def chosen_task(self) -> str:
        """The selected task."""
        return self.table.chosen

    @property
    def pane(self) -> LineView:
        """The board."""
        return self.table

    @property
    def table(self) -> TaskTable:
        """The pane with the tasks."""
        return self.query_one(TaskTable)

    def body(self) -> Iterable[Widget]:
        """Totals, headings, the board, the selected task."""
        yield Bar(id="totals")
        yield Bar(id="headings")
        yield TaskTable()
        yield Bar(id="needs")
        yield Bar(id="trouble")

    def picture(self, changes: Changes) -> None:
        """Show the board as it is."""
        del changes
        view = self.observer.view
        self.table.show(view, self.observer.now())
        if self._first is not None and self.table.count:
            self.table.select_session(self._first)
            self._first = None
        words = total_words(view, width=self.size.width - 1)
        words = words if view.tasks else "no task is on the board yet"
        self.query_one("#totals", Bar).say([Span(text=f" {words}", look=Tone.SECONDARY)])
        self.query_one("#headings", Bar).say([Span(text=self.table.headings, look=Tone.SECONDARY)])
        self._show_details()

    def _show_details(self) -> None:
        task = self.observer.view.tasks.get(self.table.chosen)
        needs, told = task_details(self.observer.view, self.table.chosen)
        tone = Tone.BAD if task is not None and task.error is not None else Tone.SECONDARY
        self.query_one("#needs", Bar).say([Span(text=f" {needs}", look=Tone.SECONDARY)])
        self.query_one("#trouble", Bar).say([Span(text=f" {told}", look=tone)])

    def show_hints(self) -> None:
        """The keys that apply, and what is known of the selected task."""
        super().show_hints()
        self._show_details()

    def do_open(self) -> None:
        """Open the session of the selected task."""
        if self.session and self.session in self.observer.view.sessions:
            self.observer.open(self.session)
        elif self.table.chosen:
            self.say(f"{self.table.chosen} has no session yet")

    def do_tasks(self) -> None:
        """Go back to the run."""
        self.observer.back()

    def do_messages(self) -> None:
        """Show the messages instead."""
        self.observer.back()
        self.observer.open_messages()

    def do_back(self) -> None:
        """Go back to the run."""
        self.observer.back()
