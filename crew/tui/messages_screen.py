"""What was said: by the person, by sessions to the person, by sessions to each other."""

from collections.abc import Iterable

from textual.widget import Widget

from crew.tui.bars import Bar, Span
from crew.tui.cells import wrap
from crew.tui.keys import MESSAGES, Key, bindings
from crew.tui.line_view import LineView
from crew.tui.lines import Lines
from crew.tui.list_stage import Listed
from crew.tui.message_table import MessageTable
from crew.tui.run_model import Changes
from crew.tui.stage import Stage
from crew.view import Tone, message_details, message_sieve, messages_words

_SAID = 2
"""Lines for what the selected message says."""


class MessagesScreen(Stage, Listed):
    """The messages over the run's screen, and lines about the selected one."""

    NAME = MESSAGES
    TRAIL = ("messages",)
    BINDINGS = bindings(MESSAGES)
    DEFAULT_CSS = """
    MessagesScreen #told { margin: 1 0 0 0; }
    """

    @property
    def session(self) -> str | None:
        """The session that the selected message is from or to."""
        chosen = self.table.chosen
        return chosen.session if chosen is not None else None

    @property
    def pane(self) -> LineView:
        """The table."""
        return self.table

    @property
    def table(self) -> MessageTable:
        """The pane with the messages."""
        return self.query_one(MessageTable)

    def body(self) -> Iterable[Widget]:
        """Totals, headings, the messages, the selected one."""
        yield Bar(id="totals")
        yield Bar(id="headings")
        yield MessageTable()
        yield Bar(id="told")
        for line in range(_SAID):
            yield Bar(id=f"said-{line}")
        yield Bar(id="why")

    def picture(self, changes: Changes) -> None:
        """Show the messages as they are."""
        del changes
        observed = self.observer.observed
        self.table.show(observed.view, observed.messages, tz=self.observer.tz, mine=observed.sent)
        headings = self.table.headings if self.table.count else ""
        self.query_one("#headings", Bar).say([Span(text=headings, look=Tone.SECONDARY)])
        self._show_totals()
        self._show_details()

    def _show_totals(self) -> None:
        observed, news = self.observer.observed, self.table.news
        words = messages_words(observed.view, observed.messages)
        below = [Span(text=f"{news} new below ", look=Tone.PERSON, strong=True)] if news else []
        self.query_one("#totals", Bar).say([Span(text=f" {words}", look=Tone.SECONDARY)], below)

    def _show_details(self) -> None:
        observed, chosen = self.observer.observed, self.table.chosen
        told, said, why = "", "", ""
        if chosen is not None:
            told, said, why = message_details(observed.view, chosen, mine=observed.sent)
        self.query_one("#told", Bar).say([Span(text=f" {told}", look=Tone.SECONDARY)])
        lines = list(wrap(said, max(10, self.size.width - 2)))
        if len(lines) > _SAID:
            lines[_SAID - 1 :] = [" ".join(lines[_SAID - 1 :])]  # the bar marks where it is cut
        for line in range(_SAID):
            text = f" {lines[line]}" if line < len(lines) else ""
            self.query_one(f"#said-{line}", Bar).say([Span(text=text)])

        self.query_one("#why", Bar).say([Span(text=f" {why}", look=Tone.BAD)])

    def show_hints(self) -> None:
        """The keys that apply, and what is known of the selected message."""
        super().show_hints()
        self._show_details()

    def on_lines_scrolled(self, event: Lines.Scrolled) -> None:
        """Whether the end is followed decides what is told of it, and which keys apply."""
        event.stop()
        if self.ready:
            self._show_totals()
            super().show_hints()

    def applies(self, key: Key) -> bool:
        """Whether a key would do something now."""
        if key.id == "follow":
            return not self.table.follow
        if key.id == "open":
            return self.session in self.observer.view.sessions
        return super().applies(key)

    def do_open(self) -> None:
        """Go to the entry that the selected message is, in its session."""
        chosen = self.table.chosen
        if chosen is not None and chosen.session in self.observer.view.sessions:
            self.observer.open(chosen.session, at=message_sieve(chosen), waiting=chosen.command)

    def do_follow(self) -> None:
        """Hold the newest in view."""
        self.table.set_follow(True)

    def do_tasks(self) -> None:
        """Show the task board instead."""
        session = self.session
        self.observer.back()
        self.observer.open_tasks(session)

    def do_messages(self) -> None:
        """Go back to the run."""
        self.observer.back()

    def do_back(self) -> None:
        """Go back to the run."""
        self.observer.back()
