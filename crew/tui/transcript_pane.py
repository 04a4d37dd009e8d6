"""A transcript that reads as it is needed: its end first, more where the reader goes."""

from textual.message import Message

from crew.feed import Sieve, TranscriptPages
from crew.tui.transcript import TranscriptView
from crew.tui.transcript_source import Reading, TranscriptSource
from crew.view import Only, sieve_of


class Flag:
    """Tells a thread that nobody waits for it any more."""

    def __init__(self) -> None:
        self._set = False

    def __call__(self) -> bool:
        """Whether it was raised."""
        return self._set

    def set(self) -> None:
        """Raise it."""
        self._set = True


class TranscriptPane(TranscriptView):
    """Owns the reading of one transcript at a time; every reading is taken between two pictures."""

    class Read(Message):
        """Something new was read, or the position changed."""

    class Searched(Message):
        """A search came to its end."""

        def __init__(self, needle: str, *, found: bool) -> None:
            super().__init__()
            self.needle = needle
            self.found = found

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._pages: TranscriptPages | None = None
        self.only = Only.ALL
        self._anchor = (-1, -1)
        self._found = -1
        self._growing = False
        self._grow_again = False
        self._reading_on = False

    def open(self, pages: TranscriptPages, *, at: Sieve | None = None) -> None:
        """Show a transcript at the entry that is wanted, or else at its end."""
        self._pages, self._found = pages, -1
        self.show(None)
        self.run_worker(self._read_first(pages, at), group="open", exclusive=True)

    def sift(self, only: Only) -> None:
        """Show the entries of that kind alone; the selected one, or the nearest, stays selected.

        What was selected comes back with a kind that has it, unless another was selected since.
        """
        self.only = only
        if self._pages is not None:
            self.run_worker(self._sift(self._pages), group="open", exclusive=True)

    def grow(self) -> None:
        """Read what was written since."""
        self._grow_again = True
        if self.source is not None and not self._growing:
            self._growing = True
            self.run_worker(self._grow(self.source), group="grow")

    def to_start(self) -> None:
        """Go to the beginning."""
        self.run_worker(self._to_start(), group="jump", exclusive=True)

    def to_end(self) -> None:
        """Go to the end and follow it."""
        self.run_worker(self._to_end(), group="jump", exclusive=True)

    def begin_search(self) -> None:
        """Have the next search begin at the selection."""
        self._found = self.row.line - 1 if self.row is not None else -1

    def search(self, needle: str, *, backwards: bool) -> None:
        """Go to the nearest entry that says something."""
        self.run_worker(self._find(needle, backwards=backwards), group="jump", exclusive=True)

    def on_transcript_view_needs_more(self, event: TranscriptView.NeedsMore) -> None:
        """Read on where the reader is."""
        event.stop()
        if self.source is not None and not self._reading_on:
            self._reading_on = True
            self.run_worker(self._read_on(self.source, older=event.older), group="page")

    async def _read_first(self, pages: TranscriptPages, at: Sieve | None) -> None:
        source = TranscriptSource(pages, sieve=sieve_of(self.only))
        reading = await self._read_entry(source, at) if at is not None else None
        line = reading.line if reading is not None else None
        source.take(reading or await source.read_end())
        self.show(source, line=line)
        self.post_message(self.Read())
        self.grow()

    async def _read_entry(self, source: TranscriptSource, at: Sieve) -> Reading | None:
        left = Flag()
        try:
            return await source.read_entry(at, stop=left)
        finally:
            left.set()

    async def _sift(self, pages: TranscriptPages) -> None:
        source, row, before = (
            TranscriptSource(pages, sieve=sieve_of(self.only)),
            self.row,
            self.source,
        )
        if self.follow or row is None or before is None:
            source.take(await source.read_end())
            self.show(source)
        else:
            wanted, placed = self._anchor
            line = wanted if row.line == placed else row.line
            source.take(await source.read_line(line, before.place_before(line)))
            self.show(source, line=line)
            self._anchor = (line, self.row.line if self.row is not None else -1)
        self.post_message(self.Read())
        self.grow()

    async def _grow(self, source: TranscriptSource) -> None:
        try:
            while self._grow_again and source is self.source:
                self._grow_again = False
                reading = await source.read_growth()
                self._grow_again |= bool(reading.page.entries)
                self._take(source, reading)
        finally:
            self._growing = False
            if source is not self.source:
                self.grow()

    async def _read_on(self, source: TranscriptSource, *, older: bool) -> None:
        try:
            reading = await (source.read_older() if older else source.read_newer())
        finally:
            self._reading_on = False
        if reading is not None:
            self._take(source, reading)

    async def _to_start(self) -> None:
        source = self.source
        if source is None:
            return
        reading = await source.read_start()
        if reading is None or self._jump(source, reading):
            self.go(0)

    async def _to_end(self) -> None:
        source = self.source
        if source is None:
            return
        if source.at_end or self._jump(source, await source.read_end()):
            self.set_follow(True)
            self.go(self.count - 1)

    async def _find(self, needle: str, *, backwards: bool) -> None:
        source = self.source
        if source is None:
            return
        left = Flag()
        try:
            reading = await source.find(needle, self._found, backwards=backwards, stop=left)
        finally:
            left.set()
        found = reading is not None and reading.line is not None
        if reading is not None and reading.line is not None and self._jump(source, reading):
            self._found = reading.line
            self.go(source.rows.showing(reading.line))
        self.post_message(self.Searched(needle, found=found))

    def _jump(self, source: TranscriptSource, reading: Reading) -> bool:
        self.follow = False
        return self._take(source, reading)

    def _take(self, source: TranscriptSource, reading: Reading) -> bool:
        """Change the rows and what is seen of them in one go; False when the reading is stale."""
        if source is not self.source:
            return False
        before = self.standing()
        changed = source.take(reading)
        if changed is None:
            self._grow_again = True
            return False
        if reading.page.entries:
            if self.follow:
                source.trim()
            self.changed(changed)
            self.items_changed(before)
        self.post_message(self.Read())
        return True
