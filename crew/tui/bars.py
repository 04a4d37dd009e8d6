"""The lines around the panes: one line each, never wrapped, with parts that can be clicked."""

from collections.abc import Iterable
from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from crew.tui.cells import fit, row
from crew.tui.palette import Palette
from crew.view import Mark, Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of a line.

    Attributes:
        look: Its colour, by what it means.
        target: What a click on it asks for; empty for nothing.
    """

    text: str
    look: Mark | Tone = Tone.PLAIN
    strong: bool = False
    target: str = ""


class Bar(Widget):
    """One line: parts from the left, parts at the right edge."""

    DEFAULT_CSS = "Bar { height: 1; width: 1fr; }"

    class Clicked(Message):
        """A part with a target was clicked."""

        def __init__(self, bar: "Bar", target: str) -> None:
            super().__init__()
            self.bar = bar
            self.target = target

        @property
        def control(self) -> "Bar":
            """The line."""
            return self.bar

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._left: tuple[Span, ...] = ()
        self._right: tuple[Span, ...] = ()

    @property
    def text(self) -> str:
        """What it says, for tests and logs."""
        return "".join(span.text for span in (*self._left, *self._right))

    def say(self, left: Iterable[Span], right: Iterable[Span] = ()) -> None:
        """Say something else; painted only when it differs."""
        said = (tuple(left), tuple(right))
        if said != (self._left, self._right):
            self._left, self._right = said
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line."""
        del y
        look = Palette.of(self)
        width = self.size.width
        edge = sum(cell_len(span.text) for span in self._right)
        room = width - edge - (2 if edge else 0)
        parts, used = [], 0
        for span in self._left:
            text = fit(span.text, min(cell_len(span.text), room - used))
            parts.append((text, _style(span, look)))
            used += cell_len(text)
        parts.append((" " * max(0, width - edge - used), Style()))
        parts += [(span.text, _style(span, look)) for span in self._right]
        return row(parts, width, look.base)

    def on_click(self, event: events.Click) -> None:
        """Ask for what the clicked part stands for."""
        at = 0
        for span in self._left:
            at += cell_len(span.text)
            if event.x < at:
                if span.target:
                    self.post_message(self.Clicked(self, span.target))
                return


def _style(span: Span, look: Palette) -> Style:
    style = look.marks[span.look] if isinstance(span.look, Mark) else look.tones[span.look]
    return style + look.strong if span.strong else style


def labels(keys: Iterable[tuple[str, str]]) -> list[Span]:
    """The footer where keys are not the screen's own: nothing to click, only words."""
    spans = [Span(text=" ")]
    for shown, label in keys:
        spans.append(Span(text=shown, look=Tone.PERSON))
        spans.append(Span(text=f" {label}   ", look=Tone.SECONDARY))
    return spans
