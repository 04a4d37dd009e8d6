"""What screens that are lists share: keys that move through the rows."""

from abc import abstractmethod

from crew.tui.framed import Framed
from crew.tui.line_view import LineView
from crew.tui.lines import Lines
from crew.tui.stage import Stage


class Listed(Framed):
    """A screen of rows; one of them is selected, and Enter opens what it is about."""

    @property
    @abstractmethod
    def pane(self) -> LineView:
        """The list that has the keys."""

    @abstractmethod
    def do_open(self) -> None:
        """Open what the selected row is about."""

    def on_lines_selected(self, event: Lines.Selected) -> None:
        """Show the keys of the row that is selected now."""
        event.stop()
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
    """A screen of rows about one run."""
