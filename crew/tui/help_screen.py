"""The keys, for where one is."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from crew.tui.bars import Bar, Span
from crew.tui.key_ring import KeyRing
from crew.tui.keys import shared
from crew.view import Tone


class HelpScreen(ModalScreen[None]):
    """Lists every key of a screen; any of its own keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,backspace,ctrl+c", "dismiss", "close", show=False),
        shared("help", "dismiss"),
    ]
    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll {
        width: 76; max-width: 100%; height: auto; max-height: 100%;
        background: $panel; padding: 1 2;
    }
    """

    def __init__(self, screen: str, keys: KeyRing) -> None:
        super().__init__()
        self._keys = keys
        self._listed = tuple(keys.listed(screen))

    def compose(self) -> ComposeResult:
        """A line for each key."""
        with VerticalScroll():
            yield Bar(id="title")
            for key in self._listed:
                yield Bar(id=f"key-{key.id}")

    def on_mount(self) -> None:
        """Write the lines."""
        self._keys.fit(self)
        title = [Span(text="keys", strong=True)]
        self.query_one("#title", Bar).say(title, [Span(text="Esc closes", look=Tone.SECONDARY)])
        for key in self._listed:
            shown = Span(text=f"{key.shown:<9}", look=Tone.PERSON)
            self.query_one(f"#key-{key.id}", Bar).say([shown, Span(text=key.help)])
