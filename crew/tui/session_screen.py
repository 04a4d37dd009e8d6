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
from crew.tui.transcript_pane import TranscriptPane
from crew.view import (
    Only,
    Tone,
    child_of,
    counted,
    empty_words,
    entry_places,
    entry_text,
    next_only,
    only_words,
    session_stats,
    session_title,
    waiting_messages,
)


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

    def look_at(self, session: str) -> None:
        """Show another session, at its end."""
        self._session = session
        self._needle, self._waiting, self._seen_end, self._said = "", "", 0, None
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
        known = self.observer.view.sessions.get(self._session)
        left = session_stats(known, self.observer.now()) if known else ""
        self.query_one("#stats", Bar).say(
            [Span(text=f" {left}", look=Tone.SECONDARY)],
            [*self._filter(), *self._news(), self._position()],
        )

    def _filter(self) -> Iterable[Span]:
        only = self.transcript.only
        if only is Only.ALL:
            return []
        return [Span(text=f"only {only_words(only)}  ", look=Tone.PERSON, strong=True)]

    def _news(self) -> Iterable[Span]:
        source = self.transcript.source
        if source is None:
            return []
        if self.transcript.follow:
            known = self.observer.view.sessions.get(self._session)
            live = known is not None and not known.over
            return [Span(text="following  ", look=Tone.SECONDARY)] if live else []
        new = source.total - self._seen_end
        below = f"{counted(new, 'new entry').replace('entrys', 'entries')} below  "
        return [Span(text=below, look=Tone.PERSON, strong=True)] if new > 0 else []

    def _position(self) -> Span:
        source, transcript = self.transcript.source, self.transcript
        if source is None:
            return Span(text="reading ", look=Tone.SECONDARY)
        first, end = transcript.seen()
        rows = source.rows.rows
        if not rows:
            none = f"[none of {source.total}] " if source.total else "[no entries yet] "
            return Span(text=none, look=Tone.SECONDARY)
        top = rows[min(first, len(rows) - 1)].line + 1
        last = rows[min(end, len(rows)) - 1]
        bottom = source.rows.end if end >= len(rows) else (last.result_line or last.line) + 1
        return Span(text=f"[{top}-{bottom}/{source.total}] ", look=Tone.SECONDARY)

    def on_transcript_pane_read(self, event: TranscriptPane.Read) -> None:
        """Show what goes with what was read."""
        event.stop()
        self.show(Changes(events=True))

    def on_lines_scrolled(self, event: Lines.Scrolled) -> None:
        """Tell the position; read on where the reader comes near an end."""
        event.stop()
        source = self.transcript.source
        if source is not None and self.transcript.follow:
            self._seen_end = source.total
        self.transcript.items_changed_near()
        self._show_stats()

    def on_lines_selected(self, event: Lines.Selected) -> None:
        """A selection alone changes nothing around it."""
        event.stop()

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
        row = self.transcript.row
        child = child_of(row, self.observer.view, self._session) if row is not None else None
        if child is not None and child in self.observer.view.sessions:
            self.observer.open(child)
        else:
            self.transcript.toggle()

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
