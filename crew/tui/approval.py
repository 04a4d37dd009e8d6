"""The card that asks a person for a permission: what would be done, and the four answers."""

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from crew.tui.bars import Bar, Span
from crew.tui.cells import cropped, filtered, row
from crew.tui.key_ring import KeyRing
from crew.tui.palette import SIGNS, Palette
from crew.tui.typeset import typeset
from crew.view import Mark, PermissionView, Tone, ask_parts, one_line

Decision = Literal["allow", "allow_session", "deny"]

_ANSWERS: dict[str, tuple[str, Decision]] = {
    "o": ("allow once", "allow"),
    "s": ("allow for this session", "allow_session"),
    "d": ("deny", "deny"),
}


class _Subject(Widget):
    """What the permission is for, as far as it fits."""

    DEFAULT_CSS = "_Subject { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.ask: PermissionView | None = None

    def render_lines(self, crop: Region) -> list[Strip]:
        """The command, or the change in colour."""
        width, height = self.size
        look = Palette.of(self)
        lines: list[Strip] = []
        if self.ask is not None:
            parts = ask_parts(self.ask)
            lines = typeset(parts, width=width, look=look, console=self.app.console)
        if len(lines) > height:
            more = f"   … {len(lines) - height + 1} more lines"
            lines = [*lines[: height - 1], row([(more, look.quiet)], width, look.base)]
        lines = [line.adjust_cell_length(width, look.base) for line in lines]
        lines += [Strip.blank(width, look.base)] * (height - len(lines))
        return cropped(filtered(lines, self), crop)


class ApprovalCard(Vertical, can_focus=True):
    """Shows one request over the lower part of the screen; its keys work while it has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"answer('{key}')", words) for key, (words, _) in _ANSWERS.items()),
        Binding("escape", "leave", "later", show=False),
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
        who = f"{one_line(ask.session or 'the run')} asks to use {one_line(ask.tool)}"
        sign = Span(text=f" {SIGNS[Mark.WAITING]} ", look=Mark.WAITING)
        self.query_one("#asks", Bar).say([sign, Span(text=who, strong=True)])
        subject = self.query_one(_Subject)
        subject.ask = ask
        subject.refresh()
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
