"""What a run or a session came to: its verdict, and one line for each finding."""

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, ClassVar

import anyio.to_thread
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.strip import Strip

from crew.errors import CrewError
from crew.records import ArtifactRef
from crew.tui.bars import Bar, Span
from crew.tui.cells import row
from crew.tui.framed import observer_of
from crew.tui.keys import shared
from crew.tui.line_view import LineView
from crew.tui.lines import Lines
from crew.tui.typeset import typeset
from crew.view import (
    RUN,
    FilePlace,
    Finding,
    Form,
    Part,
    Tone,
    finding_place,
    findings,
    one_line,
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


class FindingsView(LineView):
    """A line for each finding, opened where it stands."""

    def __init__(self, found: list[Finding]) -> None:
        super().__init__()
        self._found = found

    @property
    def count(self) -> int:
        """Findings."""
        return len(self._found)

    def key_at(self, index: int) -> Hashable:
        """A finding's place: the list never changes."""
        return index

    def index_of(self, key: Hashable) -> int:
        """A finding's place."""
        return key if isinstance(key, int) else -1

    def version_at(self, index: int) -> Hashable:
        """Nothing but the place."""
        return index

    def line_at(self, index: int, width: int) -> Strip:
        """Priority, place and title."""
        finding, look = self._found[index], self.palette
        tone = look.bad if finding.priority in {"P0", "P1"} else look.accent
        place = f"{finding.place}  " if finding.place else ""
        parts = [(f"{finding.priority}  ", tone), (place, look.quiet), (finding.title, look.base)]
        return row(parts, width, look.base)

    @property
    def places(self) -> list[FilePlace]:
        """Where the selected finding is."""
        place = finding_place(self._found[self.cursor]) if self.count else None
        return [place] if place is not None else []

    def toggle(self) -> None:
        """Show the body of the selected finding, or hide it."""
        if not self.count:
            return
        key = self.cursor
        self.set_open(key, None if self.is_open(key) else self._typeset(key))

    def resized(self) -> None:
        """Set open findings anew for the width."""
        for key in [key for key in range(self.count) if self.is_open(key)]:
            self.set_open(key, self._typeset(key))

    def _typeset(self, index: int) -> list[Strip]:
        finding, width = self._found[index], self.size.width - 2
        parts = [Part(form=Form.MARKDOWN, text=finding.body or "(nothing more is said)")]
        if finding.quote:
            parts.append(Part(form=Form.PLAIN, text=finding.quote))
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
    ResultScreen FindingsView { margin: 1 0; background: $panel; }
    """

    def __init__(self, name: str, result: Any) -> None:
        super().__init__()
        self._name_of = one_line(name)
        self._result = result

    @property
    def observer(self) -> "Observer":
        """The app."""
        return observer_of(self)

    def compose(self) -> ComposeResult:
        """The verdict, what was said with it, the findings, the keys."""
        with Vertical():
            yield Bar(id="verdict")
            yield Bar(id="summary")
            yield FindingsView(findings(self._result))
            yield Bar(id="result-keys")

    def on_mount(self) -> None:
        """Write the lines."""
        self.observer.keys.fit(self)
        said = verdict(self._result) or "result"
        title = Span(text=f"{self._name_of}: {said.replace('_', ' ')}", strong=True)
        counted = Span(text=tally(findings(self._result)), look=Tone.SECONDARY)
        self.query_one("#verdict", Bar).say([title], [counted])
        self.query_one("#summary", Bar).say([Span(text=one_line(summary(self._result), 1_000))])
        self.say("")
        self.query_one(FindingsView).focus()

    def say(self, note: str) -> None:
        """Put a word on the last line; an empty one gives it back to the keys."""
        ring = self.observer.keys
        shows, opens = ring.shown("expand"), ring.shown("open_file")
        words = f"{shows} shows a finding   {opens} opens its file   Esc closes"
        keys = Span(text=words, look=Tone.SECONDARY)
        self.query_one("#result-keys", Bar).say([Span(text=note, look=Tone.BAD) if note else keys])

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
        self.query_one(FindingsView).go_by(step)

    def action_pages(self, pages: int) -> None:
        """Move by a page."""
        self.query_one(FindingsView).go_pages(pages)

    def action_show_body(self) -> None:
        """Show the body of the finding, or hide it."""
        self.query_one(FindingsView).toggle()

    def action_open_file(self) -> None:
        """Open the file of the finding in the person's editor."""
        self.say("")
        self.observer.edit(self.query_one(FindingsView).places)
