"""What all screens of the observer share: crumbs above, a message and the keys below, a body."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from crew.tui.bars import Bar, Span
from crew.tui.footer import hints
from crew.tui.keys import BY_ID, Key
from crew.tui.run_model import Changes
from crew.view import Tone

if TYPE_CHECKING:
    from crew.tui.app import Observer

LEAST_WIDTH, LEAST_HEIGHT = 48, 14

_BLIND = frozenset({"leave", "interrupt", "help"})
"""Actions of which a person sees what they do where nothing of the run is seen."""


def observer_of(node: DOMNode) -> "Observer":
    """The app of a screen or a widget, none of which lives in another."""
    return cast("Observer", node.app)


class Framed(Screen[None]):
    """A screen whose keys come from the registry, and whose lines keep their places."""

    NAME: ClassVar[str]
    DEFAULT_CSS = """
    Framed { layers: default card small; }
    Framed #crumbs { background: $panel; }
    Framed #small { layer: small; display: none; width: 1fr; height: 1fr;
                    content-align: center middle; }
    Framed.-small #small { display: block; }
    Framed.-small #stage { display: none; }
    """
    BLANK = True

    def __init__(self) -> None:
        super().__init__()
        self._hints = Bar(id="hints")
        self._asked = ""
        self._confirmed = False
        self._said: Span | None = None
        self._said_after_end = False
        self._focused: Widget | None = None

    @property
    def observer(self) -> "Observer":
        """The app."""
        return observer_of(self)

    @property
    @abstractmethod
    def main(self) -> Widget:
        """The pane that has the keys."""

    @abstractmethod
    def head(self) -> tuple[Sequence[Span], Sequence[Span]]:
        """The first line: where one is, and how it stands."""

    @abstractmethod
    def body(self) -> Iterable[Widget]:
        """The lines and panes between the crumbs and the message."""

    def below(self) -> Iterable[Widget]:
        """Lines between the message and the keys."""
        return ()

    @property
    def parts(self) -> Sequence[Widget]:
        """All that is seen where the terminal is large enough."""
        return [self.query_one("#stage")]

    @abstractmethod
    def picture(self, changes: Changes) -> None:
        """Show what changed."""

    def compose(self) -> ComposeResult:
        """Crumbs, what the screen is for, a message, the keys."""
        with Vertical(id="stage"):
            yield Bar(id="crumbs")
            yield from self.body()
            yield Bar(id="message")
            yield from self.below()
            yield self._hints
        yield Static(id="small", markup=False)

    def on_mount(self) -> None:
        """Give the keys to the pane."""
        self.observer.keys.fit(self)
        self.main.focus()

    def on_screen_resume(self) -> None:
        """Show the run as it is now, after another screen was in front."""
        if self.main.size.height:  # one that is new has no size yet, and is shown when it gets it
            self.refresh_all()

    def on_resize(self, event: events.Resize) -> None:
        """Say so where the terminal is too small; what is not seen takes no keys there."""
        size = event.size
        small = size.width < LEAST_WIDTH or size.height < LEAST_HEIGHT
        if small is not self.small:
            (self._shrink if small else self._grow)()
        self.call_after_refresh(self.refresh_all)

    @property
    def small(self) -> bool:
        """Whether the terminal is too small for more than saying so."""
        return self.has_class("-small")

    def _shrink(self) -> None:
        self._settle()
        self._focused = self.focused
        self.add_class("-small")
        for part in self.parts:
            part.disabled = True

    def _grow(self) -> None:
        self._settle()
        self.remove_class("-small")
        for part in self.parts:
            part.disabled = False
        shown = self._focused is not None and all(
            node.display for node in self._focused.ancestors_with_self
        )
        (self._focused if self._focused is not None and shown else self.main).focus()

    def _show_small(self) -> None:
        leave = f"{self.observer.keys.shown('leave')}: {BY_ID['leave'].help}"
        need = f"{LEAST_WIDTH} columns and {LEAST_HEIGHT} lines"
        has = f"{self.size.width} and {self.size.height}"
        words = f"this terminal is too small: the observer needs {need}, it has {has}\n\n{leave}"
        asked = self._said.text.strip() if self._said is not None and self._asked else ""
        self.query_one("#small", Static).update(asked or words)

    @property
    def ready(self) -> bool:
        """Whether its parts are there: they come after it, and go before it."""
        return self.is_mounted and self.display and self._hints.is_attached

    def refresh_all(self) -> None:
        """Show everything anew."""
        self.show(Changes(events=True, moved=True))

    def show(self, changes: Changes) -> None:
        """Show what changed, and the lines around it."""
        if not self.ready:
            return
        self.query_one("#crumbs", Bar).say(*self.head())
        self.picture(changes)
        self.show_message()
        self.show_hints()

    # Message, question, keys.

    def say(self, text: str, tone: Tone = Tone.SECONDARY) -> None:
        """Put a word on the message line, until the next key or newer word."""
        self._said = Span(text=f" {text}", look=tone)
        self._said_after_end = self.ending() is not None
        self.pass_reply()
        self.show_message()

    def ending(self) -> Span | None:
        """What to say whenever nothing else is said."""
        return None

    def reply(self) -> Span | None:
        """The answer to the last command, while nothing newer was said."""
        return None

    def pass_reply(self) -> None:
        """Something newer than the answer is said: it does not come back."""

    def show_message(self) -> None:
        """The question, else what is newest: an answer, what was said, what it came to."""
        ending = self.ending()
        if ending is not None and not self._said_after_end:
            self._asked, self._said = "", None  # it was about a run that goes on
        question = self._said if self._asked else None
        said = question or self.reply() or self._said or ending
        self.query_one("#message", Bar).say([said] if said is not None else [])
        if self.small:
            self._show_small()

    def show_hints(self) -> None:
        """The keys that apply now."""
        listed = self.observer.keys.listed(self.NAME)
        keys = [(key, self.label(key)) for key in listed if key.label and self.applies(key)]
        told = [(key, label) for key, label in keys if label]
        self._hints.say(hints(told, self.size.width))

    def applies(self, key: Key) -> bool:
        """Whether a key would do something now."""
        del key
        return True

    def label(self, key: Key) -> str:
        """What a key is called in the footer now; empty keeps it out of there."""
        return key.label

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let keys that do not apply pass by, and such as act on what can't be seen."""
        if action != "do":
            return True
        name = str(parameters[0])
        return self.applies(BY_ID[name]) and (name in _BLIND or not self.small)

    def action_do(self, name: str) -> None:
        """Do what a key stands for; whatever it is, an open question is settled by it."""
        self.observer.touched = True
        asked, self._asked, self._said = self._asked, "", None
        self._confirmed = asked == name
        getattr(self, f"do_{name}")()
        if self.ready:
            self.show_message()
            self.show_hints()

    def on_key(self, event: events.Key) -> None:
        """Settle an open question by whatever else is pressed, and say why a key does nothing."""
        ring = self.observer.keys
        if self._asked and event.key not in ring.pressed(self._asked):
            self._settle()
        mine = [key for key in ring.listed(self.NAME) if event.key in ring.pressed(key.id)]
        if self.small or not mine or any(map(self.applies, mine)):
            return
        if why := self.why_not(mine[0]):
            self.say(why)

    def why_not(self, key: Key) -> str:
        """Why a key does nothing now; empty where that needs no word."""
        del key
        return ""

    def on_screen_suspend(self) -> None:
        """Another screen comes to the front: what was asked or said here is over."""
        self._settle()

    def _settle(self) -> None:
        self._asked, self._said = "", None
        if self.ready:
            self.show_message()

    def ask(self, name: str, question: str) -> bool:
        """Ask once before a key does its work; True when it was asked already.

        Args:
            name: The key's id.
            question: What to put on the message line.
        """
        if self._confirmed:
            return True
        self._asked = name
        self.say(question, Tone.BAD)
        return False

    def do_help(self) -> None:
        """Show the keys."""
        self.observer.show_help(self.NAME)

    def do_leave(self) -> None:
        """Leave the observer."""
        self.observer.leave()
