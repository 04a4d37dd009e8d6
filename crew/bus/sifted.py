"""A transcript of which only some entries are wanted, read like a whole one."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from crew.entries import Entry, parse_entry
from crew.feed import Page, Sieve


class Blocks(Protocol):
    """A transcript's lines, a stretch at a time, and what else is asked of it as a whole."""

    @property
    def resets(self) -> int:
        """How often it turned out to be another one."""
        ...

    def block(self, place: int | None, *, backwards: bool) -> tuple[int, list[bytes]]:
        """Lines from a place on, or before it (None is the end), and where they start."""
        ...

    def in_flight(self, line: int) -> str:
        """The text of the part that streams now."""
        ...

    def find(
        self,
        says: Callable[[Entry], bool],
        place: int,
        *,
        backwards: bool,
        hint: str = "",
        stop: Callable[[], bool] = ...,
    ) -> Page | None:
        """The nearest line whose entry is accepted."""
        ...


class SiftedPages:
    """Implements `TranscriptPages` with the wanted entries alone.

    An entry's `id` is its line in the whole transcript, also that of a line that can't be read.
    """

    def __init__(self, whole: Blocks, sieve: Sieve) -> None:
        self._whole = whole
        self._sieve = sieve
        hints = (re.escape(hint.encode()) for hint in sieve.hints)
        self._hinted = re.compile(b"|".join(hints)).search

    @property
    def resets(self) -> int:
        """How often the transcript turned out to be another one."""
        return self._whole.resets

    def sifted(self, sieve: Sieve) -> "SiftedPages":
        """The whole transcript by another sieve."""
        return SiftedPages(self._whole, sieve)

    def last(self, want: int) -> Page:
        """The last wanted entries, at least that many where there are."""
        return self._back(None, want)

    def before(self, place: int, want: int) -> Page:
        """The wanted entries before a place, at least that many where there are."""
        return self._back(place, want)

    def after(self, place: int, want: int) -> Page:
        """The wanted entries from a place on, at most that many."""
        found: list[Entry] = []
        end = place
        while len(found) < want:
            start, lines = self._whole.block(end, backwards=False)
            if not lines:
                break
            taken = list(self._sift(start, lines))[: want - len(found)]
            found += [entry for _, entry in taken]
            seen = taken[-1][0] + 1 if len(found) == want else len(lines)
            end = start + sum(len(line) + 1 for line in lines[:seen])
        return Page(start=place, end=end, entries=tuple(found))

    def in_flight(self, line: int) -> str:
        """The text of the part that streams now."""
        return self._whole.in_flight(line)

    def find(
        self,
        says: Callable[[Entry], bool],
        place: int,
        *,
        backwards: bool,
        hint: str = "",
        stop: Callable[[], bool] = lambda: False,
    ) -> Page | None:
        """The nearest wanted entry that says what is looked for."""

        def both(entry: Entry) -> bool:
            return self._sieve.wants(entry) and says(entry)

        return self._whole.find(both, place, backwards=backwards, hint=hint, stop=stop)

    def _back(self, place: int | None, want: int) -> Page:
        found: list[Entry] = []
        start, end = place, place
        while len(found) < want and start != 0:
            start, lines = self._whole.block(start, backwards=True)
            end = start + sum(len(line) + 1 for line in lines) if end is None else end
            if not lines:
                break
            found[:0] = [entry for _, entry in self._sift(start, lines)]
        return Page(start=start or 0, end=end or 0, entries=tuple(found))

    def _sift(self, start: int, lines: Sequence[bytes]) -> Iterator[tuple[int, Entry]]:
        """The wanted entries among lines, each with its place there."""
        numbered: tuple[int, int] | None = None
        for at, line in enumerate(lines):
            if not self._worth(line):
                continue
            entry = parse_entry(line)
            if entry.id < 0:
                number = self._number(start, lines, at, numbered)
                entry = entry.model_copy(update={"id": number})
            numbered = (at, entry.id)
            if self._sieve.wants(entry):
                yield at, entry

    def _number(
        self, start: int, lines: Sequence[bytes], at: int, known: tuple[int, int] | None
    ) -> int:
        """The number of a line that does not tell it: counted from one before it that does."""
        if known is not None and known[0] == at - 1:
            return known[1] + 1
        passed, before = 0, lines[:at]
        while True:
            for line in reversed(before):
                passed += 1
                number: int = parse_entry(line).id
                if number >= 0:
                    return number + passed
            if start == 0 or (not before and passed):
                return passed
            start, before = self._whole.block(start, backwards=True)

    def _worth(self, line: bytes) -> bool:
        """Whether a line may be wanted, or may be damaged."""
        if self._hinted(line):
            return True
        if not (line.startswith(b"{") and line.endswith(b"}") and b'"kind"' in line):
            return True
        return not line.isascii() and not _is_utf8(line)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
