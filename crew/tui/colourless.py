"""Lines without any colour, for `NO_COLOR`: what is bold, dim or reversed stays so."""

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter


class Colourless(LineFilter):
    """Takes colours out of lines.

    Textual's own filter for `NO_COLOR` turns colours into greys, which are colours still: they
    are drawn over the ground that the person chose for the terminal.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments, in the terminal's own colours."""
        del background
        return [
            Segment(text, _without_colour(style) if style is not None else None, control)
            for text, style, control in segments
        ]


@lru_cache(maxsize=1_024)
def _without_colour(style: Style) -> Style:
    return style.without_color
