"""What screens that are lists share: keys that move through the rows."""

from abc import abstractmethod

from textual.widget import Widget

from crew.records import Status
from crew.tui.framed import Framed
from crew.tui.keys import Key
from crew.tui.line_view import LineView
from crew.tui.lines import Lines
from crew.tui.stage import Stage
from crew.view import retryable


class Listed(Framed):
    """A screen of rows; one of them is selected, and Enter opens what it is about."""

    @property
    @abstractmethod
    def pane(self) -> LineView:
        """The list that has the keys."""

    @property
    def main(self) -> Widget:
        """The list."""
        return self.pane

    @abstractmethod
    def do_open(self) -> None:
        """Open what the selected row is about."""

    def on_lines_selected(self, event: Lines.Selected) -> None:
        """Show the keys of the row that is selected now."""
        event.stop()
        if self.ready:
            self.show_hints()

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        """Open what was clicked."""
        event.stop()
        self.do_open()

    def do_down(self) -> None:
        """Select the next row."""
        self.pane.go_by(1)

    def do_up(self) -> None:
        """Select the row before."""
        self.pane.go_by(-1)

    def do_page_down(self) -> None:
        """Go a page on."""
        self.pane.go_pages(1)

    def do_page_up(self) -> None:
        """Go a page back."""
        self.pane.go_pages(-1)

    def do_first(self) -> None:
        """Go to the beginning."""
        self.pane.go(0)

    def do_last(self) -> None:
        """Go to the end."""
        self.pane.go(self.pane.count - 1)


class ListStage(Stage, Listed):
    """A screen of rows about one run, some of them tasks."""

    @property
    @abstractmethod
    def chosen_task(self) -> str:
        """The selected task; empty where none is."""

    def applies(self, key: Key) -> bool:
        """Whether a key would do something now."""
        return self._may_retry() if key.id == "retry" else super().applies(key)

    def label(self, key: Key) -> str:
        """What a key is called in the footer now."""
        lost = self.observer.view.status is Status.INTERRUPTED
        return "go on" if key.id == "retry" and lost else super().label(key)

    def why_not(self, key: Key) -> str:
        """A word on a retry that is not possible here, and where it is."""
        view, subject = self.observer.view, self.observer.observed.subject
        if key.id != "retry":
            return super().why_not(key)
        if not view.over:
            return "retry: select a task that failed" if subject.control else ""
        if view.status is Status.COMPLETED:
            return "retry: nothing is left to do, the run completed"
        verb = "retry" if view.ended_by_itself else "resume"
        return f"this observer can't run it again: leave, then crew {verb} {view.run}"

    def _may_retry(self) -> bool:
        view, subject = self.observer.view, self.observer.observed.subject
        if not view.over:
            return subject.control is not None and retryable(view, self.chosen_task)
        return subject.again is not None and view.status is not Status.COMPLETED

    def do_retry(self) -> None:
        """Run a task again; where the run is over, that takes a word more."""
        view, task = self.observer.view, self.chosen_task
        if not view.over:
            self.observer.retry(task)
            return
        chosen = task if retryable(view, task) and view.ended_by_itself else ""
        what = f"run {chosen} again" if chosen else "run again what did not complete"
        if not view.ended_by_itself:
            what = "take the run up again where it was lost"
        if self.ask("retry", f"{what}? {self.observer.keys.shown('retry')} again does it"):
            self.say("starting a process for it")
            self.observer.again(chosen)
