"""What states and tones look like: one table for all widgets, from the theme's colours."""

from dataclasses import dataclass
from functools import lru_cache

from rich.style import Style
from textual.widget import Widget

from crew.view import Mark, Tone

SIGNS = {
    Mark.PENDING: "○",
    Mark.RUNNING: "●",
    Mark.WAITING: "?",
    Mark.PAUSED: "=",
    Mark.DONE: "✓",
    Mark.ATTENTION: "!",
    Mark.FAILED: "✗",
    Mark.STOPPED: "-",
}
"""One cell wide in every terminal."""

_MARK_COLOURS = {
    Mark.PENDING: "quiet",
    Mark.RUNNING: "accent",
    Mark.WAITING: "warning",
    Mark.PAUSED: "warning",
    Mark.DONE: "success",
    Mark.ATTENTION: "warning",
    Mark.FAILED: "error",
    Mark.STOPPED: "quiet",
}

_COLOURS = ("quiet", "accent", "warning", "success", "error")

_TONE_COLOURS = {
    Tone.SECONDARY: "quiet",
    Tone.PLAIN: "",
    Tone.PERSON: "accent",
    Tone.BAD: "error",
    Tone.GOOD: "success",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Styles to put on top of a widget's own."""

    base: Style
    quiet: Style
    accent: Style
    good: Style
    bad: Style
    selected: Style
    strong: Style
    marks: dict[Mark, Style]
    tones: dict[Tone, Style]

    @classmethod
    def of(cls, widget: Widget, *, active: bool = True) -> "Palette":
        """The palette of a widget under the theme that is set.

        Args:
            active: Whether the selection in it is where the keys go.
        """
        variables = widget.app.theme_variables
        colours = tuple((name, variables[name][:7]) for name in _COLOURS)
        selection = variables["selection" if active else "selection-idle"][:7]
        return _palette(widget.rich_style, colours, selection)


@lru_cache(maxsize=64)
def _palette(base: Style, colours: tuple[tuple[str, str], ...], selection: str) -> Palette:
    styles = {name: Style(color=value) for name, value in colours} | {"": Style()}
    return Palette(
        base=base,
        quiet=styles["quiet"],
        accent=styles["accent"],
        good=styles["success"],
        bad=styles["error"],
        selected=Style(bgcolor=selection),
        strong=Style(bold=True),
        marks={mark: styles[name] for mark, name in _MARK_COLOURS.items()},
        tones={tone: styles[name] for tone, name in _TONE_COLOURS.items()},
    )
