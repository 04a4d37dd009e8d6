"""What states and tones look like: one table for all widgets, from the theme's colours."""

from dataclasses import dataclass

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
        colours = widget.app.theme_variables

        def colour(name: str) -> Style:
            return Style(color=colours[name][:7]) if name else Style()

        selection = colours["selection" if active else "selection-idle"][:7]
        return cls(
            base=widget.rich_style,
            quiet=colour("quiet"),
            accent=colour("accent"),
            good=colour("success"),
            bad=colour("error"),
            selected=Style(bgcolor=selection),
            strong=Style(bold=True),
            marks={mark: colour(name) for mark, name in _MARK_COLOURS.items()},
            tones={tone: colour(name) for tone, name in _TONE_COLOURS.items()},
        )
