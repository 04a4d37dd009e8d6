"""Any part of a session's transcript, read from its files without reading the rest."""

import json
import os
from collections.abc import Callable, Sequence

from crew.bus.sifted import SiftedPages
from crew.bus.transcript import DiskTranscript
from crew.entries import Entry, parse_entry
from crew.feed import Page, Sieve
from crew.store.folder import RunFolder
from crew.store.tail import Tail, read_back

_BLOCK = 1 << 20
# A line is never cut: where the next one starts is told by its length.
_ANY_LENGTH = 1 << 62


class DiskPages:
    """Implements `TranscriptPages` over the files of a session; an absent file is empty.

    A place is a byte offset in the file. Nothing is kept open, and only a page is in memory.
    """

    def __init__(self, folder: RunFolder, session: str) -> None:
        self._path = folder.transcript(session)
        self._live = DiskTranscript(folder, session)
        self._identity: tuple[int, int] | None = None
        self._seen = 0
        self._resets = 0

    @property
    def resets(self) -> int:
        """How often the transcript turned out to be another file; a change means: start over."""
        return self._resets

    def last(self, want: int) -> Page:
        """The last complete lines."""
        self._look()
        start, lines = read_back(self._path, None, want)
        return self._page(start, lines)

    def before(self, place: int, want: int) -> Page:
        """The lines that end where another page starts."""
        start, lines = read_back(self._path, place, want)
        return self._page(start, lines)

    def after(self, place: int, want: int) -> Page:
        """The lines from a place on; empty when there are none yet."""
        self._look()
        tail = Tail(self._path, offset=place, longest_line=_ANY_LENGTH)
        lines: list[bytes] = []
        while len(lines) < want:
            lines.extend(tail.poll(_BLOCK))
            if not tail.more:
                break
        return self._page(place, lines[:want])

    def in_flight(self, line: int) -> str:
        """The text of the part that streams now and will be line `line` or one behind it."""
        return self._live.in_flight_from(line)

    def find(
        self,
        says: Callable[[Entry], bool],
        place: int,
        *,
        backwards: bool,
        hint: str = "",
        stop: Callable[[], bool] = lambda: False,
    ) -> Page | None:
        """The nearest line from a place on, or before it, that says what is looked for.

        Args:
            says: Judges an entry.
            place: Where to begin.
            backwards: Look before `place`, nearest first.
            hint: Text that such a line has, in whatever case; spares judging the others.
            stop: Asked now and then; True ends the search.
        """
        needle = _as_written(hint)
        while not stop():
            start, lines = self.block(place, backwards=backwards)
            if not lines:
                return None
            numbered = list(enumerate(lines))
            for number, line in reversed(numbered) if backwards else numbered:
                if needle and needle not in line.lower():
                    continue
                if says(parse_entry(line)):
                    at = start + _size(lines[:number])
                    return self._page(at, [line])
            place = start if backwards else start + _size(lines)
        return None

    def sifted(self, sieve: Sieve) -> SiftedPages:
        """The same transcript with the wanted entries alone."""
        return SiftedPages(self, sieve)

    def block(self, place: int | None, *, backwards: bool) -> tuple[int, list[bytes]]:
        """Lines from a place on, or before it (None is the end), and where they start."""
        if place is None:
            self._look()
        if backwards:
            return read_back(self._path, place, 1_000)
        place = place or 0
        self._look()
        tail = Tail(self._path, offset=place, longest_line=_ANY_LENGTH)
        lines = tail.poll(_BLOCK)
        while not lines and tail.more:
            lines = tail.poll(_BLOCK)
        self._seen = max(self._seen, place + _size(lines))
        return place, lines

    def _page(self, start: int, lines: Sequence[bytes]) -> Page:
        end = start + _size(lines)
        self._seen = max(self._seen, end)
        return Page(start=start, end=end, entries=tuple(map(parse_entry, lines)))

    def _look(self) -> None:
        """Notice that the file was cut or replaced."""
        try:
            status = os.stat(self._path)
        except OSError:
            return
        identity = (status.st_dev, status.st_ino)
        if self._identity not in (None, identity) or status.st_size < self._seen:
            self._resets += 1
            self._seen = 0
        self._identity = identity


def _size(lines: Sequence[bytes]) -> int:
    return sum(len(line) + 1 for line in lines)


def _as_written(text: str) -> bytes:
    """A text as the lines of a transcript have it, in small letters; empty when they may differ."""
    if not text.isascii():
        return b""
    return json.dumps(text)[1:-1].lower().encode()
