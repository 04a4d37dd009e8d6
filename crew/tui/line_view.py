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
        self.post_message(self.Scrolled(self))

    def go_by(self, step: int) -> None:
        """Move the selection by items."""
        self.go(self.cursor + step)

    def go_pages(self, pages: int) -> None:
        """Move by what is seen at once."""
        height = max(1, self.size.height - 1)
        top = max(0, min(self.top + pages * height, self.bottom))
        index = self.item_at(self.line_of(self.cursor) + pages * height)[0] if self.count else 0
        self._scroll(top)
        self.go(index)

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
        self.go(index)
        if again or event.chain > 1:
            self.post_message(self.Chosen(self))
