"""Parts of an open entry as lines: Markdown set, patches coloured, everything else as it is."""

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.theme import Theme
from textual.strip import Strip

from crew.plaintext import cap
from crew.tui.cells import wrap
from crew.tui.palette import Palette
from crew.view import Form, Part

MARKDOWN_LIMIT = 64 << 10
"""Characters from which Markdown is shown as plain text: setting it would be felt."""

PLAIN_LIMIT = 512 << 10
"""Characters of one part that are shown; `y` copies all of them."""

_INDENT = "   │ "


def prepare() -> None:
    """Load what sets Markdown, so that the first entry that is opened does not wait for it."""
    import rich.markdown  # noqa: F401, PLC0415 - 80 ms that the first picture need not wait for


def typeset(parts: Iterable[Part], *, width: int, look: Palette, console: Console) -> list[Strip]:
    """The lines below an open entry's own, each `width` cells at most."""
    inner = max(10, width - len(_INDENT))
    bar = Segment(_INDENT, look.base + look.quiet)
    return [Strip([bar, *line]) for part in parts for line in _lines(part, inner, look, console)]


def _lines(part: Part, width: int, look: Palette, console: Console) -> Iterator[list[Segment]]:
    if part.form is Form.MARKDOWN and len(part.text) <= MARKDOWN_LIMIT:
        from rich.markdown import Markdown  # noqa: PLC0415 - see prepare

        options = console.options.update(width=width, height=None)
        theme = "ansi_dark" if _on_dark(look) else "ansi_light"
        markdown = Markdown(part.text, code_theme=theme, hyperlinks=False)
        with console.use_theme(_markdown(look)):
            lines = console.render_lines(markdown, options, style=look.base, pad=False)
        yield from lines
        return
    text, _ = cap(part.text, PLAIN_LIMIT)
    for line in text.split("\n"):
        style = look.base + _style(part.form, line, look)
        for piece in wrap(line, width):
            yield [Segment(piece, style)]


def _markdown(look: Palette) -> Theme:
    """Markdown in the observer's own colours; what stands out does so by weight."""
    strong, accent = look.strong, look.accent
    return Theme(
        {
            "markdown.code": accent,
            "markdown.code_block": Style(),
            "markdown.block_quote": look.quiet,
            "markdown.list": Style(),
            "markdown.item.bullet": look.quiet,
            "markdown.item.number": look.quiet,
            "markdown.hr": look.quiet,
            "markdown.h1": strong + Style(underline=True),
            "markdown.h2": strong + Style(underline=True),
            "markdown.h3": strong,
            "markdown.h4": strong + Style(italic=True),
            "markdown.h5": Style(italic=True),
            "markdown.h6": look.quiet,
            "markdown.link": accent,
            "markdown.link_url": look.quiet + Style(underline=True),
            "markdown.table.border": look.quiet,
            "markdown.table.header": strong,
            "markdown.kbd": strong,
        }
    )


def _on_dark(look: Palette) -> bool:
    """Whether text stands on a dark ground."""
    ground = look.base.bgcolor
    if ground is None or ground.triplet is None:
        return True
    return sum(ground.triplet) < 3 * 128


def _style(form: Form, line: str, look: Palette) -> Style:
    if form is Form.CAPTION:
        return look.quiet
    if form is Form.DIFF:
        if line.startswith(("+++", "---", "diff ", "index ")):
            return look.quiet
        if line.startswith("+"):
            return look.good
        if line.startswith("-"):
            return look.bad
        if line.startswith("@@"):
            return look.accent
    return Style()
