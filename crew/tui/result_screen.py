"""What a run or a session came to: its verdict, and one line for each finding or other part."""

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import anyio.to_thread
from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.strip import Strip

from crew.errors import CrewError
from crew.records import ArtifactRef
from crew.tui.bars import Bar, Span
from crew.tui.cells import fit, row
from crew.tui.framed import observer_of
from crew.tui.keys import shared
from crew.tui.line_view import LineView
from crew.tui.lines import Lines
from crew.tui.typeset import typeset
from crew.view import (
    RUN,
    FilePlace,
    ResultItem,
    Tone,
    findings,
    one_line,
    result_items,
    summary,
    tally,
    verdict,
)

if TYPE_CHECKING:
    from crew.tui.app import Observer

ReadResult = Callable[[ArtifactRef], Any]
"""Reads a result; blocks while it does, and raises CrewError where it can't."""


def result_of(observer: "Observer", crumb: str) -> ArtifactRef | None:
    """Where the result of the run or of a session is; None while there is none to read."""
    if observer.read_result is None:
        return None
    known = observer.view if crumb == RUN else observer.view.sessions.get(crumb)
    return known.result if known is not None and known.over else None


async def open_result(observer: "Observer", crumb: str) -> None:
    """Read a result and show it over what is there."""
    ref, read = result_of(observer, crumb), observer.read_result
    if ref is None or read is None:
        return
    try:
        result = await anyio.to_thread.run_sync(read, ref, abandon_on_cancel=True)
    except CrewError as error:
        observer.say(error.message)
        return
    observer.push_screen(ResultScreen(observer.view.team if crumb == RUN else crumb, result))


class ItemsView(LineView):
    """A line for each finding or other part of a result, opened where it stands."""

    def __init__(self, items: Sequence[ResultItem]) -> None:
        super().__init__()
        self._items = items
        self._label_width = max((cell_len(item.label) for item in items), default=0)

    @property
    def count(self) -> int:
        """Items."""
        return len(self._items)

    @property
    def chosen(self) -> ResultItem | None:
        """The selected item; None where there is none."""
        return self._items[self.cursor] if self._items else None

    def key_at(self, index: int) -> Hashable:
        """An item's place: the list never changes."""
        return index

    def index_of(self, key: Hashable) -> int:
        """An item's place."""
        return key if isinstance(key, int) else -1

    def version_at(self, index: int) -> Hashable:
        """Nothing but the place."""
        return index

    def line_at(self, index: int, width: int) -> Strip:
        """Priority or name, place and title."""
        item, look = self._items[index], self.palette
        label = fit(item.label, min(self._label_width, width // 3))
        tone = look.bad if item.grave else look.accent
        place = f"{item.place}  " if item.place else ""
        parts = [(f"{label}  ", tone), (place, look.quiet), (item.title, look.base)]
        return row(parts, width, look.base)

    @property
    def places(self) -> list[FilePlace]:
        """Where the selected item is."""
        chosen = self.chosen
        return [chosen.where] if chosen is not None and chosen.where is not None else []

    def toggle(self) -> None:
        """Show all of the selected item, or hide it."""
        if not self.count:
            return
        key = self.cursor
        self.set_open(key, None if self.is_open(key) else self._typeset(key))

    def open_texts(self) -> None:
        """Open what is there to be read."""
        for key in (key for key, item in enumerate(self._items) if item.text):
            self.set_open(key, self._typeset(key))
        self.go(0)

    def resized(self) -> None:
        """Set open items anew for the width."""
        for key in [key for key in range(self.count) if self.is_open(key)]:
            self.set_open(key, self._typeset(key))

    def _typeset(self, index: int) -> list[Strip]:
        parts, width = self._items[index].parts, self.size.width - 2
        lines = typeset(parts, width=width, look=self.palette, console=self.app.console)
        return [self.line_at(index, width), *lines]


class ResultScreen(ModalScreen[None]):
    """Shows one result; `Esc` goes back to where one was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,backspace,ctrl+c", "dismiss", "close", show=False),
        shared("result", "dismiss"),
        shared("down", "by(1)"),
        shared("up", "by(-1)"),
        shared("page_down", "pages(1)"),
        shared("page_up", "pages(-1)"),
        shared("expand", "show_body"),
        shared("open_file", "open_file"),
    ]
    DEFAULT_CSS = """
    ResultScreen { align: center middle; }
    ResultScreen > Vertical { width: 96%; height: 90%; background: $panel; padding: 1 2; }
    ResultScreen ItemsView { margin: 1 0; background: $panel; }
    """

    def __init__(self, name: str, result: Any) -> None:
        super().__init__()
        self._name_of = one_line(name)
        self._result = result
        self._items = result_items(result)
        self._found = findings(result)

    @property
    def observer(self) -> "Observer":
        """The app."""
        return observer_of(self)

    def compose(self) -> ComposeResult:
        """The verdict, what was said with it, the findings or whatever else there is, the keys."""
        with Vertical():
            yield Bar(id="verdict")
            yield Bar(id="summary")
            yield ItemsView(self._items)
            yield Bar(id="result-keys")

    def on_mount(self) -> None:
        """Write the lines."""
        self.observer.keys.fit(self)
        said = verdict(self._result) or "result"
        title = Span(text=f"{self._name_of}: {said.replace('_', ' ')}", strong=True)
        listed = isinstance(self._result, dict) and "findings" in self._result
        counted = Span(text=tally(self._found) if listed else "", look=Tone.SECONDARY)
        self.query_one("#verdict", Bar).say([title], [counted])
        self.query_one("#summary", Bar).say([Span(text=one_line(summary(self._result), 1_000))])
        self.say("")
        items = self.query_one(ItemsView)
        items.focus()
        if not self._found:
            self.call_after_refresh(items.open_texts)  # a text is set for the width it has

    def say(self, note: str) -> None:
        """Put a word on the last line; an empty one gives it back to the keys."""
        keys = Span(text=self._keys(), look=Tone.SECONDARY)
        self.query_one("#result-keys", Bar).say([Span(text=note, look=Tone.BAD) if note else keys])

    def _keys(self) -> str:
        """The keys that apply to the selected item."""
        ring, items, words = self.observer.keys, self.query_one(ItemsView), ["Esc closes"]
        if items.places:
            words.insert(0, f"{ring.shown('open_file')} opens its file")
        if items.count:
            what = "a finding" if self._found else "all of it"
            words.insert(0, f"{ring.shown('expand')} shows {what}")
        return "   ".join(words)

    def on_lines_selected(self, event: Lines.Selected) -> None:
        """Another finding: what was said of the one before is over."""
        event.stop()
        self.say("")

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        """Open what was clicked."""
        event.stop()
        self.action_show_body()

    def action_by(self, step: int) -> None:
        """Select another finding."""
        self.query_one(ItemsView).go_by(step)

    def action_pages(self, pages: int) -> None:
        """Move by a page."""
        self.query_one(ItemsView).go_pages(pages)

    def action_show_body(self) -> None:
        """Show the body of the finding, or hide it."""
        self.query_one(ItemsView).toggle()

    def action_open_file(self) -> None:
        """Open the file of the finding in the person's editor."""
        self.say("")
        self.observer.edit(self.query_one(ItemsView).places)
