"""A list that is moved through by keys and mouse, with one item selected."""

from textual import events

from crew.tui.lines import Lines

_WHEEL = 3


class LineView(Lines, can_focus=True):
    """Lines with a selection.

    Scrolling up leaves the end; a list that `follows_at_end` follows again when it is reached.
    """

    def select(self, index: int, *, reveal: bool = True) -> None:
        """Move the selection."""
        if not self.count:
            return
        index = max(0, min(index, self.count - 1))
        old, self.cursor = self.cursor, index
        if reveal:
            self._reveal(index)
        self.repaint([old, index] if old < self.count else [index])
        if old != index:
            self.post_message(self.Selected(self))

    def scroll_lines(self, by: int) -> None:
        """Scroll without moving the selection; up leaves the end, reaching it follows again."""
        top = max(0, min(self.top + by, self.bottom))
        if by < 0 and self.lines > self.size.height:
            self.set_follow(False)
        elif top >= self.bottom and self.follows_at_end:
            self.set_follow(True)
        self._scroll(top)

    @property
    def follows_at_end(self) -> bool:
        """Whether to reach the end means to follow it."""
        return False

    def set_follow(self, follow: bool) -> None:
        """Hold the end in view from now on, or no longer."""
        if self.follow == follow:
            return
        self.follow = follow
        if follow:
            self.select(self.count - 1)
        self.post_message(self.Scrolled(self))

    def go(self, index: int) -> None:
        """Select an item by a key press: leaving the end stops following, reaching it starts it."""
        self.follow = self.follows_at_end and index >= self.count - 1
        self.select(index)
        if self.follow:
            self._scroll(self.bottom)
        self.post_message(self.Scrolled(self))

    def go_by(self, step: int) -> None:
        """Move the selection by items; an item that is taller than the view is read first."""
        if not self._read_by(step):
            self._reach(self.cursor + step)

    def go_pages(self, pages: int) -> None:
        """Move by the lines that are seen at once; no line is passed over."""
        height = max(1, self.size.height)
        by = pages * max(1, height - 1)
        line = max(self.top, min(self.line_of(self.cursor), self.top + height - 1))
        self._scroll(self.top + by)
        self._reach(self.item_at(min(line + by, self.lines - 1))[0])

    def _reach(self, index: int) -> None:
        """Select an item where it is seen, or where it is nearest."""
        self.select(index, reveal=False)
        self._reveal_nearest(self.cursor)
        last = self.cursor >= self.count - 1
        self.follow = self.follows_at_end and last and self.at_end
        self.post_message(self.Scrolled(self))

    def _read_by(self, step: int) -> bool:
        """Scroll in the selected item; False when it fits the view, or has no more that way."""
        height = self.size.height
        first, end = self.span(self.cursor)
        bottom = self.top + height
        unread = end - bottom if step > 0 else self.top - first
        if end - first <= height or unread <= 0 or first >= bottom or end <= self.top:
            return False
        self.scroll_lines(step)
        return True

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll down."""
        event.stop()
        self.scroll_lines(_WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll up."""
        event.stop()
        self.scroll_lines(-_WHEEL)

    def on_click(self, event: events.Click) -> None:
        """Select what is clicked; a click on the selection chooses it."""
        event.stop()
        index, _ = self.item_at(self.top + event.y)
        if index >= self.count:
            return
        again = index == self.cursor and self.has_focus
        self.focus()
        self._reach(index)
        if again or event.chain > 1:
            self.post_message(self.Chosen(self))
