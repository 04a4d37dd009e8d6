"""What a session does now, and the last lines of what it writes; its height never changes."""

from datetime import datetime

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from crew.tui.cells import cropped, filtered, fit, row, wrap
from crew.tui.palette import SIGNS, Palette
from crew.view import Mark, SessionView, Tone, duration, now_words

_TAIL = 4_000


class NowPane(Widget):
    """A caption with what happens, and below it the newest lines of output."""

    DEFAULT_CSS = "NowPane { height: 5; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._session: SessionView | None = None
        self._in_flight = ""
        self._now: datetime | None = None
        self._shown: tuple[object, ...] = ()

    def show(self, session: SessionView | None, in_flight: str, now: datetime) -> None:
        """Take the session as it is now, and the text that it writes."""
        self._session, self._in_flight, self._now = session, in_flight[-_TAIL:], now
        shown = (self._words(), self._since(), self._lines(self.size.width - 6))
        if shown != self._shown:
            self._shown = shown
            self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The caption and the lines."""
        width, height = self.size
        look = Palette.of(self)
        lines = self._lines(width - 6)
        painted = [self._caption(width, look)]
        quiet = look.tones[Tone.SECONDARY]
        painted += [row([("     ", look.base), (line, quiet)], width, look.base) for line in lines]
        painted += [Strip.blank(width, look.base)] * (height - len(painted))
        return cropped(filtered(painted, self), crop)

    def _caption(self, width: int, look: Palette) -> Strip:
        mark, words, _ = self._words()
        since = self._since()
        parts = [
            (f" {SIGNS[mark]} ", look.marks[mark]),
            (fit(words, max(0, width - 5 - len(since))), look.strong),
            (f" {since} ", look.quiet),
        ]
        return row(parts, width, look.base)

    def _words(self) -> tuple[Mark, str, str]:
        return now_words(self._session, writing=bool(self._in_flight.strip()))

    def _since(self) -> str:
        """How long nothing new was heard, where that is worth knowing."""
        session = self._session
        if session is None or session.over or session.progress is None or self._now is None:
            return ""
        silence = self._now - session.progress.updated
        return duration(silence) if silence.total_seconds() >= 2 else ""

    def _lines(self, width: int) -> list[str]:
        room = max(0, self.size.height - 1)
        session = self._session
        if session is None or room == 0:
            return []
        _, _, hint = self._words()
        if session.over:
            return [hint] if hint else []
        if self._in_flight.strip():
            return list(wrap(self._in_flight.rstrip(), max(10, width)))[-room:]
        # What was said before stands in the transcript; only a tool's output is news here.
        told = session.progress.lines if session.progress and session.progress.tool else ()
        return [fit(line, width).rstrip() for line in told[-room:]]
