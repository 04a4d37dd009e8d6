"""The one line where a person writes: a steer, a follow-up, a reason, a search."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

_WRITING = (("Enter", "send"), ("Esc", "keep for later"))
_SEARCHING = (("Enter", "search"), ("Esc", "back"))


class Composer(Horizontal):
    """Asks for one line. What was written and not sent is there again the next time."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "keep it for later", show=False)
    ]
    DEFAULT_CSS = """
    Composer { height: 1; display: none; }
    Composer > Static { width: auto; color: $accent; padding: 0 1; }
    Composer > Input { width: 1fr; height: 1; border: none; padding: 0; background: $panel; }
    Composer > Input:focus { border: none; background-tint: $foreground 0%; }
    """

    class Written(Message):
        """A line was written and sent."""

        def __init__(self, purpose: str, subject: str, text: str) -> None:
            super().__init__()
            self.purpose = purpose
            self.subject = subject
            self.text = text

    class Left(Message):
        """The person turned away without sending."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._purpose = ""
        self._subject = ""
        self._empty = False
        self._drafts: dict[tuple[str, str], str] = {}

    def compose(self) -> ComposeResult:
        """The prompt and the line."""
        yield Static(markup=False)
        yield Input(select_on_focus=False)

    def ask(self, prompt: str, *, purpose: str, subject: str, empty: bool = False) -> None:
        """Open for one line.

        Args:
            prompt: What is asked.
            purpose: Given back with the line.
            subject: What the line is about; given back as well.
            empty: Whether nothing is an answer too.
        """
        self._purpose, self._subject, self._empty = purpose, subject, empty
        self.query_one(Static).update(f"{prompt}:")
        line = self.query_one(Input)
        line.value = self._drafts.get((purpose, subject), "")
        line.cursor_position = len(line.value)
        self.display = True
        line.focus()

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """Its keys and what they do, for the footer."""
        return _SEARCHING if self._purpose == "search" else _WRITING

    def close(self) -> None:
        """Give the line back to what was there."""
        self.display = False

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Send the line."""
        event.stop()
        if not event.value.strip() and not self._empty:
            return
        self._drafts.pop((self._purpose, self._subject), None)
        self.close()
        self.post_message(self.Written(self._purpose, self._subject, event.value.strip()))

    def action_leave(self) -> None:
        """Keep what is written, and close."""
        text = self.query_one(Input).value
        if text:
            self._drafts[self._purpose, self._subject] = text
        self.close()
        self.post_message(self.Left())
