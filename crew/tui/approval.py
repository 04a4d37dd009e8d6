"""The card that asks a person for a permission: what would be done, and the four answers."""

from typing import ClassVar, Literal

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from crew.tui.bars import Bar, Span
from crew.tui.cells import cropped, filtered, row
from crew.tui.framed import observer_of
from crew.tui.key_ring import KeyRing
from crew.tui.keys import shared
from crew.tui.palette import SIGNS, Palette
from crew.tui.typeset import typeset
from crew.view import Form, Mark, Part, PermissionView, Tone, ask_parts, ask_words, counted

Decision = Literal["allow", "allow_session", "deny"]

_ANSWERS: dict[str, tuple[str, Decision]] = {
    "o": ("allow once", "allow"),
    "s": ("allow for this session", "allow_session"),
    "d": ("deny", "deny"),
}


_SCROLL = ("down", "up", "page_down", "page_up", "first", "last")

_EDGES = 6
"""Cells of the line that says who asks which are neither that nor what becomes of a file."""

_MARKED = 3
"""Lines that a card keeps for what it says of the rest, and for the end."""


class _Subject(Widget):
    """What the permission is for: its beginning and its end, or a stretch that was scrolled to."""

    DEFAULT_CSS = "_Subject { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self._parts: tuple[Part, ...] = ()
        self._lines: list[Strip] = []
        self._set_for = -1
        self._top = 0
        self.keys = ""

    def tell(self, parts: tuple[Part, ...]) -> None:
        """Show other parts from their beginning."""
        self._parts, self._set_for, self._top = parts, -1, 0
        self.refresh()

    @property
    def lasts(self) -> int:
        """The first line, counted from 0, of the last stretch."""
        over = len(self._typeset()) - self.size.height
        return over + 1 if over > 0 else 0

    def scroll_to_line(self, top: int) -> None:
        """Show the stretch that begins with a line."""
        self._top = max(0, min(top, self.lasts))
        self.refresh()

    def scroll_by(self, lines: int) -> None:
        """Go on, or back."""
        self.scroll_to_line(self._top + lines)

    def scroll_pages(self, pages: int) -> None:
        """Go on by what is shown, or back; the first picture shows less of the beginning."""
        marked = _MARKED if self._top == 0 and pages > 0 else 1
        self.scroll_by(pages * max(1, self.size.height - marked))

    def notify_style_update(self) -> None:
        """Other colours: set it anew."""
        self._set_for = -1
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The command, or the change in colour."""
        width, height = self.size
        look = Palette.of(self)
        lines = self._typeset()
        if len(lines) > height:
            lines = self._stretch(lines, height, look)
        lines = [line.adjust_cell_length(width, look.base) for line in lines]
        lines += [Strip.blank(width, look.base)] * (height - len(lines))
        return cropped(filtered(lines, self), crop)

    def _typeset(self) -> list[Strip]:
        width = self.size.width
        if self._set_for != width:
            look = Palette.of(self)
            self._lines = typeset(self._parts, width=width, look=look, console=self.app.console)
            self._set_for = width
        return self._lines

    def _stretch(self, lines: list[Strip], height: int, look: Palette) -> list[Strip]:
        top = min(self._top, self.lasts)
        if top == 0 and height > _MARKED:
            hidden = len(lines) - height + 1
            said = f"   … {counted(hidden, 'more line')}: {self.keys}"
            head, tail = lines[: height - _MARKED], lines[-_MARKED + 1 :]
            return [*head, row([(said, look.accent)], self.size.width, look.base), *tail]
        end = min(len(lines), top + height - 1)
        said = f"   lines {top + 1} to {end} of {len(lines)}: {self.keys}"
        return [*lines[top:end], row([(said, look.accent)], self.size.width, look.base)]


class ApprovalCard(Vertical, can_focus=True):
    """Shows one request over the lower part of the screen; its keys work while it has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"answer('{key}')", words) for key, (words, _) in _ANSWERS.items()),
        Binding("escape", "leave", "later", show=False),
        shared("down", "by(1)"),
        shared("up", "by(-1)"),
        shared("page_down", "pages(1)"),
        shared("page_up", "pages(-1)"),
        shared("first", "edge(False)"),
        shared("last", "edge(True)"),
    ]
    DEFAULT_CSS = """
    ApprovalCard {
        layer: card; dock: bottom; height: 11; margin: 0 0 2 0; display: none;
        background: $panel; border-top: solid $warning;
    }
    """

    class Answered(Message):
        """The person gave a word."""

        def __init__(self, ask: PermissionView, decision: Decision) -> None:
            super().__init__()
            self.ask = ask
            self.decision = decision

    class Left(Message):
        """The person turned away without a word."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._ask: PermissionView | None = None

    @property
    def request(self) -> str:
        """The request that is shown; empty while none is."""
        return self._ask.request if self._ask is not None and self.display else ""

    def compose(self) -> ComposeResult:
        """Who asks, what for, and the keys."""
        yield Bar(id="asks")
        yield _Subject()
        yield Bar(id="answers")

    def show(self, ask: PermissionView) -> None:
        """Ask for one permission."""
        self._ask = ask
        who, fate = ask_words(ask)
        sign = Span(text=f" {SIGNS[Mark.WAITING]} ", look=Mark.WAITING)
        told = [Span(text=f"{fate} ", look=Mark.WAITING)] if fate else []
        self.query_one("#asks", Bar).say([sign, Span(text=who, strong=True)], told)
        parts = ask_parts(ask)
        if cell_len(who) + cell_len(fate) + _EDGES > self.app.size.width:
            parts = (Part(form=Form.CAPTION, text=who), *parts)
        subject, ring = self.query_one(_Subject), observer_of(self.screen).keys
        ring.fit(self)
        down, up, on, back, first, last = map(ring.shown, _SCROLL)
        subject.keys = f"{down}/{up} {on}/{back} {first}/{last} scroll"
        subject.tell(parts)
        spans = [Span(text=" ")]
        for key, (words, _) in _ANSWERS.items():
            spans += [
                Span(text=key, look=Tone.PERSON, target=key),
                Span(text=f" {words}   ", look=Tone.PLAIN, target=key),
            ]
        spans += [Span(text="Esc", look=Tone.PERSON), Span(text=" later", look=Tone.SECONDARY)]
        self.query_one("#answers", Bar).say(spans)
        self.display = True
        self.focus()

    def action_by(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one(_Subject).scroll_by(lines)

    def action_pages(self, pages: int) -> None:
        """Scroll by stretches."""
        self.query_one(_Subject).scroll_pages(pages)

    def action_edge(self, end: bool) -> None:
        """Go to the beginning, or to the end."""
        subject = self.query_one(_Subject)
        subject.scroll_to_line(subject.lasts if end else 0)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll on."""
        event.stop()
        self.action_by(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll back."""
        event.stop()
        self.action_by(-1)

    def takes(self, ring: KeyRing, name: str) -> bool:
        """Whether the key of an action of the screen means an answer here now."""
        mine = {*_ANSWERS, "escape"}
        return self.has_focus and self.display and not mine.isdisjoint(ring.pressed(name))

    def close(self) -> None:
        """Take the card away."""
        self.display = False

    def on_bar_clicked(self, event: Bar.Clicked) -> None:
        """Answer by a click."""
        event.stop()
        self.action_answer(event.target)

    def action_answer(self, key: str) -> None:
        """Give the word that a key stands for."""
        if self._ask is None:
            return
        self.close()
        self.post_message(self.Answered(self._ask, _ANSWERS[key][1]))

    def action_leave(self) -> None:
        """Leave the request open."""
        self.close()
        self.post_message(self.Left())
