"""The part of a transcript that is in memory: its end at first, the rest as it is asked for."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TypeVar

import anyio.to_thread

from crew.entries import Entry
from crew.feed import Page, Sieve, TranscriptPages
from crew.view import EntryRows, entry_matches

T = TypeVar("T")

PAGE = 500
"""Lines that are read at once."""

KEPT = 4_000
"""Lines that stay in memory; more are read again where they are needed."""


class Side(Enum):
    """What a reading does to the rows."""

    WHOLE = auto()
    OLDER = auto()
    NEWER = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read of a transcript, to be taken between two pictures.

    Attributes:
        line: The line that was looked for, in a reading that found one.
    """

    side: Side
    page: Page
    basis: int
    at_end: bool = False
    total: int = 0
    in_flight: str = ""
    line: int | None = None


@dataclass(slots=True)
class _Mark:
    line: int
    place: int


class TranscriptSource:
    """Rows of one session's transcript around where the reader is.

    Reading happens in a thread and changes nothing; `take` changes the rows, at once. With a
    sieve the rows are the wanted entries alone, and read as if there were no others.

    Attributes:
        rows: What is in memory.
        total: Lines of the whole transcript, as far as is known.
        in_flight: The text of the part that streams now.
        at_start: Whether nothing is before the rows.
        at_end: Whether nothing is behind them.
    """

    def __init__(
        self,
        pages: TranscriptPages,
        *,
        sieve: Sieve | None = None,
        page: int = PAGE,
        kept: int = KEPT,
    ) -> None:
        self.rows = EntryRows(sparse=sieve is not None)
        self.total = 0
        self.in_flight = ""
        self.at_start = True
        self.at_end = True
        self._whole = pages
        self._pages = pages.sifted(sieve) if sieve is not None else pages
        self._page = page
        self._kept = kept
        self._marks: list[_Mark] = []
        self._end = 0
        self._resets = 0
        self._basis = 0

    # Reading.

    async def read_end(self) -> Reading:
        """Read the end."""
        basis = self._basis
        page = await _away(lambda: self._pages.last(self._page))
        return await self._with_flight(
            Reading(side=Side.WHOLE, page=page, basis=basis, at_end=True)
        )

    async def read_growth(self) -> Reading:
        """Read what was written since; where the end is not in memory, how much there is now."""
        basis, end = self._basis, self._end
        if not self.at_end:
            last = await _away(lambda: self._pages.last(1))
            total = _number(last, self.total - 1) + 1
            grown = Reading(side=Side.NEWER, page=Page(start=end, end=end), basis=basis)
            return await self._with_flight(replace(grown, total=total))
        page = await _away(lambda: self._pages.after(end, self._page))
        if self._pages.resets != self._resets:
            return await self.read_end()
        return await self._with_flight(
            Reading(side=Side.NEWER, page=page, basis=basis, at_end=True)
        )

    async def read_older(self) -> Reading | None:
        """Read one page before the rows."""
        if self.at_start or not self._marks:
            return None
        basis, place = self._basis, self._marks[0].place
        page = await _away(lambda: self._pages.before(place, self._page))
        return Reading(side=Side.OLDER, page=page, basis=basis)

    async def read_newer(self) -> Reading | None:
        """Read one page behind the rows, where the end is not in memory."""
        if self.at_end:
            return None
        basis, end = self._basis, self._end
        page = await _away(lambda: self._pages.after(end, self._page))
        return Reading(
            side=Side.NEWER, page=page, basis=basis, at_end=len(page.entries) < self._page
        )

    async def read_start(self) -> Reading | None:
        """Read the beginning, where it is not in memory."""
        if self.at_start:
            return None
        basis = self._basis
        page = await _away(lambda: self._pages.after(0, self._page))
        at_end = len(page.entries) < self._page
        return Reading(side=Side.WHOLE, page=page, basis=basis, at_end=at_end)

    async def read_line(self, line: int, near: int) -> Reading:
        """Read around a line, or around where it would be; the end where there is none such.

        Args:
            line: The line.
            near: A place before it.
        """
        basis = self._basis
        found = await _away(
            lambda: self._whole.find(
                lambda entry: entry.id == line, near, backwards=False, hint=f'"id":{line}'
            )
        )
        if found is None:
            return await self.read_end()
        return await self._with_flight(await self._read_around(found, basis))

    async def read_entry(self, wanted: Sieve, *, stop: Callable[[], bool]) -> Reading | None:
        """Read around the first entry that is wanted; None where there is none such."""
        basis = self._basis
        found = await _away(
            lambda: self._whole.find(
                wanted.wants, 0, backwards=False, hint=wanted.hints[0], stop=stop
            )
        )
        if found is None or stop():
            return None
        reading = await self._with_flight(await self._read_around(found, basis))
        return replace(reading, line=_number(found, 0))

    def place_before(self, line: int) -> int:
        """A place of the transcript before a line that is in memory."""
        return self._place_around(line, backwards=False)

    async def find(
        self, needle: str, line: int, *, backwards: bool, stop: Callable[[], bool] = lambda: False
    ) -> Reading | None:
        """Look for the nearest line that says something, behind `line` or before it.

        Looks on at the other end when there is none; None when there is none at all.
        """

        def beyond(entry: Entry) -> bool:
            further = entry.id < line if backwards else entry.id > line
            return (further or entry.id < 0) and entry_matches(entry, needle)

        def look(place: int, says: Callable[[Entry], bool]) -> Page | None:
            return self._pages.find(says, place, backwards=backwards, hint=needle, stop=stop)

        basis, near = self._basis, self._place_around(line, backwards=backwards)
        found = await _away(lambda: look(near, beyond))
        if found is None:
            last = await _away(lambda: self._pages.last(1))
            far = last.end if backwards else 0
            found = await _away(lambda: look(far, lambda entry: entry_matches(entry, needle)))
        if found is None or stop():
            return None
        number = _number(found, -1)
        if self.rows.first <= number < self.rows.end:
            nothing = Page(start=self._end, end=self._end)
            return Reading(
                side=Side.NEWER, page=nothing, basis=basis, at_end=self.at_end, line=number
            )
        return replace(await self._read_around(found, basis), line=number)

    async def _read_around(self, found: Page, basis: int) -> Reading:
        half = self._page // 2
        before = await _away(lambda: self._pages.before(found.start, half))
        behind = await _away(lambda: self._pages.after(found.start, half))
        entries = (*before.entries, *behind.entries)
        page = Page(start=before.start, end=behind.end, entries=entries)
        return Reading(side=Side.WHOLE, page=page, basis=basis, at_end=len(behind.entries) < half)

    def _place_around(self, line: int, *, backwards: bool) -> int:
        place = bisect_right(self._marks, line, key=lambda mark: mark.line)
        if not backwards:
            return self._marks[place - 1].place if place else 0
        return self._marks[place].place if place < len(self._marks) else self._end

    async def _with_flight(self, reading: Reading) -> Reading:
        line = max(self.total, reading.total)
        if self.rows.sparse:
            last = await _away(lambda: self._whole.last(1))
            line = _number(last, max(line, 1) - 1) + 1 if last.entries else 0
            reading = replace(reading, total=line)
        elif reading.side is Side.WHOLE:
            line = _number(reading.page, 0) + len(reading.page.entries)
        else:
            line += len(reading.page.entries)
        text = await _away(lambda: self._pages.in_flight(line))
        return replace(reading, in_flight=text)

    # Taking.

    def take(self, reading: Reading) -> list[int] | None:
        """Change the rows by what was read.

        Returns:
            Lines of rows that look different now; None when the rows have changed since it was
            read, and it was dropped.
        """
        if reading.basis != self._basis:
            return None
        self._basis += 1
        changed: list[int] = []
        match reading.side:
            case Side.WHOLE:
                self._start_over(reading)
            case Side.OLDER:
                self._take_before(reading.page)
                return []
            case Side.NEWER:
                changed = self._take_behind(reading)
        self.total = max(self.total, self.rows.end, reading.total)
        self.in_flight = reading.in_flight
        return changed

    def trim(self) -> None:
        """Let go of the oldest rows when there are too many."""
        surplus = self._held - self._kept
        if surplus >= self._page:
            self._basis += 1
            self._forget_before(self._line_at(surplus))

    @property
    def _held(self) -> int:
        rows = self.rows
        return len(rows) if rows.sparse else rows.end - rows.first

    def _line_at(self, place: int) -> int:
        """The line of that place among those in memory."""
        rows = self.rows
        return rows.rows[place].line if rows.sparse else rows.first + place

    def _start_over(self, reading: Reading) -> None:
        page = reading.page
        replaced = self._pages.resets != self._resets
        self.rows = EntryRows(page.entries, sparse=self.rows.sparse)
        self._marks = [_Mark(self.rows.first, page.start)]
        self._end = page.end
        self._resets = self._pages.resets
        self.at_start = page.start == 0
        self.at_end = reading.at_end
        if replaced or reading.at_end:
            self.total = max(self.rows.end, reading.total)

    def _take_before(self, page: Page) -> None:
        self.rows.prepend(page.entries)
        self._marks.insert(0, _Mark(self.rows.first, page.start))
        self.at_start = page.start == 0
        if self._held > self._kept:
            self._forget_from(self._line_at(self._kept))

    def _take_behind(self, reading: Reading) -> list[int]:
        page, reading_on = reading.page, not self.at_end
        self.at_end = reading.at_end
        if reading.page.end > self._end:
            self._end = page.end
        if not page.entries:
            return []
        self._marks.append(_Mark(self.rows.end, page.start))
        changed = self.rows.append(page.entries)
        surplus = self._held - self._kept
        if reading_on and surplus > 0:
            self._forget_before(self._line_at(surplus))
        return changed

    def _forget_before(self, line: int) -> None:
        place = bisect_right(self._marks, line, key=lambda mark: mark.line) - 1
        if place > 0:
            self.rows.forget_before(self._marks[place].line)
            del self._marks[:place]
            self.at_start = False

    def _forget_from(self, line: int) -> None:
        place = bisect_left(self._marks, line, key=lambda mark: mark.line)
        if 0 < place < len(self._marks):
            cut = self._marks[place]
            self.rows.forget_from(cut.line)
            self._end = cut.place
            del self._marks[place:]
            self.at_end = False


def _number(page: Page, unknown: int) -> int:
    return page.entries[0].id if page.entries and page.entries[0].id >= 0 else unknown


async def _away(read: Callable[[], T]) -> T:
    return await anyio.to_thread.run_sync(read, abandon_on_cancel=True)
