"""Text in terminal cells: cut, filled and wrapped to an exact width."""

from collections.abc import Iterator

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

_ELLIPSIS = "…"


def fit(text: str, width: int) -> str:
    """A text in exactly `width` cells: filled, or cut with an ellipsis."""
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(set_cell_size(text, width - 1).rstrip() + _ELLIPSIS, width)


def wrap(text: str, width: int) -> Iterator[str]:
    """The lines of a text, each at most `width` cells; broken at a space where one is near."""
    for line in text.expandtabs(4).split("\n"):
        if line.isascii():
            yield from _wrap_ascii(line, width)
        else:
            yield from chop_cells(line, width) or [""]


def _wrap_ascii(line: str, width: int) -> Iterator[str]:
    while len(line) > width:
        at = line.rfind(" ", width // 2, width + 1)
        cut = at if at > 0 else width
        yield line[:cut]
        line = line[cut + 1 :] if at > 0 else line[cut:]
    yield line


def row(parts: list[tuple[str, Style]], width: int, base: Style) -> Strip:
    """A line of parts in exactly `width` cells; what does not fit is cut, the rest is filled."""
    segments, left = [], width
    for text, style in parts:
        shown = text if cell_len(text) <= left else fit(text, left)
        if shown:
            segments.append(Segment(shown, base + style))
        left -= cell_len(shown)
        if left <= 0:
            break
    if left > 0:
        segments.append(Segment(" " * left, base))
    return Strip(segments, width)


def filtered(strips: list[Strip], widget: Widget) -> list[Strip]:
    """Lines as the terminal can show them: without colour, or in fewer colours."""
    background = widget.background_colors[1]
    for line_filter in widget.get_line_filters():
        strips = [strip.apply_filter(line_filter, background) for strip in strips]
    return strips


def cropped(strips: list[Strip], crop: Region) -> list[Strip]:
    """The part of lines that a region shows; they start at its top, or at the widget's."""
    if len(strips) > crop.height:
        strips = strips[crop.y : crop.bottom]
    start, end = crop.column_span
    if start == 0 and all(strip.cell_length == end for strip in strips):
        return strips
    return [strip.crop(start, end) for strip in strips]
