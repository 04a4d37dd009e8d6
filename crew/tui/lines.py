"""A list of any length on the line API: one line for a closed item, more for an open one.

It scrolls by itself and paints only what is seen, so that the number of items does not matter.
"""

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.cache import LRUCache
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from crew.tui.cells import cropped, filtered, row
from crew.tui.folds import Folds
from crew.tui.palette import Palette

_STRIPS = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a list stands, told by keys.

    Attributes:
        cursor: The selected item.
        top: The item in the top line.
        part: Which of its lines that is.
    """

    cursor: Hashable = None
    top: Hashable = None
    part: int = 0


class Lines(Widget):
    """Shows items by their keys, one of them marked as selected.

    `follow` is a flag of its own: while it is set the end stays in view.

    Attributes:
        note: What to show where there is no item.
    """

    DEFAULT_CSS = "Lines { height: 1fr; }"

    class Selected(Message):
        """Another item is selected."""

        def __init__(self, view: "Lines") -> None:
            super().__init__()
            self.view = view

        @property
        def control(self) -> "Lines":
            """The list."""
            return self.view

    class Chosen(Selected):
        """The selected item was chosen, by Enter or a click on it."""

    class Scrolled(Selected):
        """Other lines than before are seen, or more are there."""

    def __init__(self, *, follow: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self.follow = follow
        self.top = 0
        self.cursor = 0
        self.note = ""
        self._strips: LRUCache[Hashable, Strip] = LRUCache(_STRIPS)
        self._open: dict[Hashable, list[Strip]] = {}
        self._folds = Folds()
        self._palette: Palette | None = None

    # What a list of its own kind says.

    @property
    @abstractmethod
    def count(self) -> int:
        """Number of items."""

    @abstractmethod
    def key_at(self, index: int) -> Hashable:
        """What names an item for good."""

    @abstractmethod
    def index_of(self, key: Hashable) -> int:
        """Where an item is now; -1 when it is gone."""

    @abstractmethod
    def version_at(self, index: int) -> Hashable:
        """Changes when the item's line would look different."""

    @abstractmethod
    def line_at(self, index: int, width: int) -> Strip:
        """An item's one line, in exactly `width` cells, without the selection."""

    # Geometry.

    @property
    def palette(self) -> Palette:
        """The styles of this widget now."""
        if self._palette is None:
            self._palette = Palette.of(self, active=self.has_focus)
        return self._palette

    @property
    def lines(self) -> int:
        """Lines in all."""
        return self.count + self._folds.extra

    @property
    def bottom(self) -> int:
        """The top line when the end is in view."""
        return max(0, self.lines - self.size.height)

    @property
    def at_end(self) -> bool:
        """Whether the last line is in view."""
        return self.top >= self.bottom

    def line_of(self, index: int) -> int:
        """The first line of an item."""
        return self._folds.line_of(index)

    def span(self, index: int) -> tuple[int, int]:
        """The first line of an item, and the one behind its last."""
        return self.line_of(index), self.line_of(index + 1)

    def item_at(self, line: int) -> tuple[int, int]:
        """The item that a line belongs to, and which of its lines it is."""
        return self._folds.item_at(line)

    def seen(self) -> tuple[int, int]:
        """The first item seen, and the one behind the last."""
        if not self.count:
            return 0, 0
        last = min(self.top + self.size.height, self.lines) - 1
        return self.item_at(self.top)[0], self.item_at(max(self.top, last))[0] + 1

    # Changes.

    def standing(self) -> Standing:
        """What is selected and what is on top; taken before items come or go."""
        if not self.count:
            return Standing()
        index, part = self.item_at(self.top)
        cursor = self.key_at(min(self.cursor, self.count - 1))
        return Standing(cursor=cursor, top=self.key_at(min(index, self.count - 1)), part=part)

    def items_changed(self, before: Standing) -> None:
        """Take in that items came or went; what was seen keeps its place."""
        self._measure()
        if self.follow:
            self.cursor = self.count - 1
            self.top = self.bottom
        else:
            if (index := self.index_of(before.cursor)) >= 0:
                self.cursor = index
            if (index := self.index_of(before.top)) >= 0:
                self.top = self.line_of(index) + before.part
        self.cursor = max(0, min(self.cursor, self.count - 1))
        self.top = max(0, min(self.top, self.bottom))
        self.refresh()
        self.post_message(self.Scrolled(self))

    def repaint(self, indices: Sequence[int]) -> None:
        """Paint items anew whose lines look different, as far as they are seen."""
        if len(indices) > self.size.height:
            self.refresh()
            return
        width, height = self.size
        places = (self.line_of(index) - self.top for index in indices)
        if regions := [Region(0, y, width, 1) for y in places if 0 <= y < height]:
            self.refresh(*regions)

    # Open items.

    def is_open(self, key: Hashable) -> bool:
        """Whether an item shows more than its one line."""
        return key in self._open

    def set_open(self, key: Hashable, strips: list[Strip] | None) -> None:
        """Open an item with all its lines, or close it; its first line keeps its place."""
        index = self.index_of(key)
        kept_at = self.line_of(index) - self.top
        if strips is None:
            kept_at = max(0, kept_at)  # the line that is left, where only others were seen
            self._open.pop(key, None)
            self._folds.close(key)
        else:
            self._open[key] = strips
            self._folds.open(key, len(strips))
        self.follow = self.follow and strips is None
        self._measure()
        self.top = max(0, min(self.line_of(index) - kept_at, self.bottom))
        if strips is not None:
            end = self.line_of(index) + len(strips)
            over = end - (self.top + self.size.height)
            if over > 0:
                self.top = min(self.top + over, self.line_of(index))
        self.refresh()
        self.post_message(self.Scrolled(self))

    def forget_paint(self) -> None:
        """Paint everything anew: a size, a theme or the focus changed."""
        self._strips.clear()
        self._palette = None
        self.refresh()

    def _measure(self) -> None:
        for key in self._folds.measure(self.index_of):
            self._open.pop(key, None)

    def _reveal(self, index: int) -> None:
        line = self.line_of(index)
        height = max(1, self.size.height)
        if line < self.top:
            self._scroll(line)
        elif line >= self.top + height:
            self._scroll(line - height + 1)

    def _reveal_nearest(self, index: int) -> None:
        """Show all of an item; of one that is taller than the view, what is nearest."""
        height = max(1, self.size.height)
        first, end = self.span(index)
        near, far = sorted((first, end - height))
        if end - first <= height:
            self._scroll(max(near, min(self.top, far)))
        elif not first - height < self.top < end:
            self._scroll(first - height + 1 if self.top < first else end - 1)

    def _scroll(self, top: int) -> None:
        top = max(0, min(top, self.bottom))
        if top != self.top:
            self.top = top
            self.refresh()
            self.post_message(self.Scrolled(self))

    # Painting.

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of a region, from the cache where they have not changed."""
        width, height = self.size
        first, size = self._thumb(height)
        painted = []
        index, part = self.item_at(self.top + crop.y) if self.count else (0, 0)
        for y in range(crop.y, crop.bottom):
            thumb = first <= y < first + size
            said = self.note if y == 0 and not self.count else ""
            painted.append(
                self._noted(said, width) if said else self._paint(index, part, width, thumb=thumb)
            )
            part += 1
            block = self._open.get(self.key_at(index)) if index < self.count else None
            if block is None or part >= len(block):
                index, part = index + 1, 0
        return cropped(painted, crop)

    def thumb_span(self) -> tuple[int, int, int]:
        """What the scroll bar shows: lines above, lines seen, lines in all."""
        return self.top, self.size.height, self.lines

    def _thumb(self, height: int) -> tuple[int, int]:
        above, seen, total = self.thumb_span()
        if total <= seen or height <= 0:
            return 0, 0
        size = max(1, height * seen // total)
        return (height - size) * above // max(1, total - seen), size

    def _paint(self, index: int, part: int, width: int, *, thumb: bool) -> Strip:
        if index >= self.count:
            return self._blank(width)
        selected = index == self.cursor
        key = self.key_at(index)
        name = (key, self.version_at(index), part, width, selected, thumb, key in self._open)
        strip = self._strips.get(name)
        if strip is None:
            strip = self._strips[name] = self._draw(index, part, width, selected, thumb)
        return strip

    def _draw(self, index: int, part: int, width: int, selected: bool, thumb: bool) -> Strip:
        look = self.palette
        block = self._open.get(self.key_at(index))
        inner = width - 2
        strip = block[part] if block is not None and part else self.line_at(index, inner)
        strip = strip.adjust_cell_length(inner, look.base)
        ground = look.selected if selected and part == 0 else Style()
        drawn = Strip(
            [
                Segment("▌" if selected else " ", look.base + look.accent + ground),
                *(Segment(text, (style or look.base) + ground) for text, style, _ in strip),
                Segment("▐" if thumb else " ", look.base + look.quiet),
            ],
            width,
        )
        return filtered([drawn], self)[0]

    def _noted(self, words: str, width: int) -> Strip:
        look = self.palette
        return filtered([row([("  ", look.base), (words, look.quiet)], width, look.base)], self)[0]

    def _blank(self, width: int) -> Strip:
        return filtered([Strip.blank(width, self.palette.base)], self)[0]

    # What the terminal does.

    def on_resize(self, _event: events.Resize) -> None:
        """Take the new size; the selection or the end stays in view."""
        self._strips.clear()
        self.top = self.bottom if self.follow else max(0, min(self.top, self.bottom))
        if self.count:
            self._reveal_nearest(self.cursor)
        self.resized()
        self.post_message(self.Scrolled(self))

    def resized(self) -> None:
        """Set anew what depends on the width."""

    def on_focus(self) -> None:
        """Show that keys go here."""
        self.forget_paint()

    def on_blur(self) -> None:
        """Show that keys go elsewhere."""
        self.forget_paint()

    def notify_style_update(self) -> None:
        """Take the colours of another theme, also in open items."""
        super().notify_style_update()
        self._strips.clear()
        before, self._palette = self._palette, None
        if before is not None and self._open and before.base != self.palette.base:
            self.resized()
