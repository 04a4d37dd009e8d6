"""One session, live: its transcript, what it does now, what it came to."""

from collections.abc import Iterable

from textual.widget import Widget

from crew.feed import Sieve
from crew.tui.bars import Bar, Span
from crew.tui.keys import SESSION, Key, bindings
from crew.tui.lines import Lines
from crew.tui.now_pane import NowPane
from crew.tui.palette import SIGNS
from crew.tui.run_model import Changes
from crew.tui.stage import Stage
from crew.tui.stats_line import stats_line
from crew.tui.transcript_pane import TranscriptPane
from crew.tui.typeset import prepare
from crew.view import (
    Only,
    Tone,
    child_of,
    counted,
    empty_words,
    entry_places,
    entry_text,
    names_file,
    next_only,
    only_words,
    session_title,
    waiting_messages,
)

_SOON = 0.2
"""Seconds from the wish for a session until there is time for what its picture did not need."""


class SessionScreen(Stage):
    """Shows one session at a time; the keys lead from one to the next."""

    NAME = SESSION
    BINDINGS = bindings(SESSION)
    DEFAULT_CSS = """
    SessionScreen NowPane { background: $panel; }
    """

    def __init__(self, session: str, *, at: Sieve | None = None, waiting: str = "") -> None:
        super().__init__()
        self._session = session
        self._at = at
        self._waiting = waiting
        self._needle = ""
        self._seen_end = 0
        self._looked: tuple[tuple[int, int | None] | None, bool] = (None, False)

    @property
    def session(self) -> str:
        """The session that is shown."""
        return self._session

    @property
    def crumb(self) -> str:
        """The crumbs lead to the session."""
        return self._session

    @property
    def main(self) -> Widget:
        """The transcript."""
        return self.transcript

    @property
    def transcript(self) -> TranscriptPane:
        """The pane with the entries."""
        return self.query_one(TranscriptPane)

    def body(self) -> Iterable[Widget]:
        """Title, transcript, what happens now, figures."""
        yield Bar(id="title")
        yield TranscriptPane()
        yield NowPane()
        yield Bar(id="stats")

    def on_mount(self) -> None:
        """Open the transcript."""
        self.transcript.open(self.observer.feed.pages(self._session), at=self._at)
        self.refresh_all()
        self.set_timer(_SOON, self._prepare)

    def _prepare(self) -> None:
        self.run_worker(prepare, thread=True, group="prepare")

    def look_at(self, session: str) -> None:
        """Show another session, at its end."""
        self._session = session
        self._needle, self._waiting, self._seen_end, self._said = "", "", 0, None
        self._looked = (None, False)
        self.transcript.open(self.observer.feed.pages(session))
        self.refresh_all()

    # The picture.

    def picture(self, changes: Changes) -> None:
        """Show what changed."""
        if self._session in changes.grew:
            self.transcript.grow()
        view, now = self.observer.view, self.observer.now()
        mark, words = session_title(view, self._session, self.observer.order)
        sign = Span(text=f" {SIGNS[mark]} ", look=mark)
        self.query_one("#title", Bar).say([sign, Span(text=words)])
        if changes.events:
            transcript, before = self.transcript, self.transcript.standing()
            told = transcript.only in {Only.ALL, Only.NOTES}
            waiting = waiting_messages(view, self._session) if told else ()
            if transcript.annotate(waiting, view.sessions):
                transcript.items_changed(before)
            elif changes.events:
                transcript.refresh()
            self._go_to_waiting()
        known = view.sessions.get(self._session)
        source = self.transcript.source
        note = empty_words(known, read=source is not None, lines=source.total if source else 0)
        if note != self.transcript.note:
            self.transcript.note = note
            self.transcript.refresh()
        writing = source.in_flight if source else ""
        self.query_one(NowPane).show(known, writing, now)
        self._show_stats()

    def _go_to_waiting(self) -> None:
        """Select the message that was asked for, once the transcript before it is there."""
        transcript, wanted = self.transcript, self._waiting
        if wanted and transcript.source is not None:
            self._waiting = ""
            if (index := transcript.index_of(wanted)) >= 0:
                transcript.go(index)

    def _show_stats(self) -> None:
        view, now = self.observer.view, self.observer.now()
        known = view.sessions.get(self._session)
        stats = stats_line(view, known, self.transcript, now=now, seen=self._seen_end)
        self.query_one("#stats", Bar).say(*stats)

    def on_transcript_pane_read(self, event: TranscriptPane.Read) -> None:
        """Show what goes with what was read."""
        event.stop()
        self.show(Changes(events=True))

    def on_lines_scrolled(self, event: Lines.Scrolled) -> None:
        """Tell the position; read on where the reader comes near an end."""
        event.stop()
        if not self.ready:
            return
        source = self.transcript.source
        if source is not None and self.transcript.follow:
            self._seen_end = source.total
        self.transcript.items_changed_near()
        self._show_stats()

    def on_lines_selected(self, event: Lines.Selected) -> None:
        """Show the keys of the entry that is selected now."""
        event.stop()
        if self.ready:
            self.show_hints()

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        """Open what was clicked."""
        event.stop()
        self.do_expand()

    # What the keys do here.

    def applies(self, key: Key) -> bool:
        """Whether a key would do something now."""
        if key.id in {"next_match", "previous_match"}:
            return bool(self._needle)
        if key.id == "step" and self._needle:
            return False
        if key.id == "follow":
            return not self.transcript.follow
        if key.id in {"next_session", "previous_session"}:
            return len(self.observer.view.sessions) > 1
        return super().applies(key)

    def label(self, key: Key) -> str:
        """What a key is called in the footer now."""
        if key.id == "expand":
            return self._expand_label()
        if key.id == "back" and self._needle:
            return "end search"
        if key.id in {"tasks", "messages"} or (key.id == "open_file" and not self._names_file()):
            return ""
        known = self.observer.view.sessions.get(self._session)
        if key.id == "follow" and known is not None and known.over:
            return ""  # nothing comes; the key for the end says it better
        return super().label(key)

    def _expand_label(self) -> str:
        transcript = self.transcript
        if not transcript.count:
            return ""
        if self._child() is not None:
            return "open"
        return "close" if transcript.is_open(transcript.key_at(transcript.cursor)) else "expand"

    def _names_file(self) -> bool:
        """Whether the selected entry names a file; looked at once for each."""
        row = self.transcript.row
        if row is None:
            return False
        known = (row.line, row.result_line)
        if known != self._looked[0]:
            self._looked = (known, names_file(row))
        return self._looked[1]

    def do_down(self) -> None:
        """Select the next entry."""
        self.transcript.go_by(1)

    def do_up(self) -> None:
        """Select the entry before."""
        self.transcript.go_by(-1)

    def do_page_down(self) -> None:
        """Go a page on."""
        self.transcript.go_pages(1)

    def do_page_up(self) -> None:
        """Go a page back."""
        self.transcript.go_pages(-1)

    def do_first(self) -> None:
        """Go to the beginning."""
        self.transcript.to_start()

    def do_last(self) -> None:
        """Go to the end and follow it."""
        self.transcript.to_end()

    def do_follow(self) -> None:
        """Hold the end in view."""
        self.transcript.to_end()

    def do_expand(self) -> None:
        """Open the entry, or close it; on a spawned session go there."""
        child = self._child()
        if child is not None:
            self.observer.open(child)
        else:
            self.transcript.toggle()

    def _child(self) -> str | None:
        """The session that the selected entry spawned."""
        row = self.transcript.row
        child = child_of(row, self.observer.view, self._session) if row is not None else None
        return child if child is not None and child in self.observer.view.sessions else None

    def do_back(self) -> None:
        """End the search, else go up to the parent session or the run."""
        if self._needle:
            self._needle = ""
            return
        known = self.observer.view.sessions.get(self._session)
        if known is not None and known.parent in self.observer.view.sessions:
            self.observer.open(known.parent)
        else:
            self.observer.back()

    def do_next_session(self) -> None:
        """Go to the next session."""
        self._cycle(1)

    def do_previous_session(self) -> None:
        """Go to the session before."""
        self._cycle(-1)

    def _cycle(self, step: int) -> None:
        order = self.observer.order
        if self._session in order:
            place = order.index(self._session) + step
            self.observer.open(order[place % len(order)])

    def do_copy(self) -> None:
        """Copy the entry to the clipboard of the terminal."""
        row, message = self.transcript.row, self.transcript.message
        text = entry_text(row) if row else getattr(message and message.command, "text", "")
        if text:
            self.app.copy_to_clipboard(text)
            self.say(f"copied {counted(len(text), 'character')}")

    def do_filter(self) -> None:
        """Show the next kind of entries alone, and after the last everything."""
        self.transcript.sift(next_only(self.transcript.only))
        self._show_stats()

    def do_open_file(self) -> None:
        """Open the file that the entry names."""
        row = self.transcript.row
        self.observer.edit(entry_places(row) if row is not None else ())

    # Search.

    def do_search(self) -> None:
        """Write what to search for."""
        self._write("search", purpose="search", subject="")

    def written(self, purpose: str, subject: str, text: str) -> None:
        """Search, or send what was written."""
        if purpose != "search":
            super().written(purpose, subject, text)
            return
        self._needle = text
        self.transcript.begin_search()
        self._search(backwards=False)

    def do_next_match(self) -> None:
        """Go to the next match."""
        self._search(backwards=False)

    def do_previous_match(self) -> None:
        """Go to the match before."""
        self._search(backwards=True)

    def _search(self, *, backwards: bool) -> None:
        self.say(f"searching for {self._needle}")
        self.transcript.search(self._needle, backwards=backwards)

    def on_transcript_pane_searched(self, event: TranscriptPane.Searched) -> None:
        """Say how the search went."""
        event.stop()
        if event.found:
            ring = self.observer.keys
            following, before, end = map(ring.shown, ("next_match", "previous_match", "back"))
            self.say(f"{event.needle}: {following} next, {before} before, {end} ends the search")
        else:
            only = self.transcript.only
            among = f" among {only_words(only)}" if only is not Only.ALL else ""
            self.say(f"nothing here says {event.needle}{among}", Tone.BAD)
