"""Which lines the items of a list take, when all but a few take one; no widget, no text."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable


class Folds:
    """Open items and where they stand; everything else is one line high.

    Attributes:
        extra: Lines beyond one for each item.
    """

    def __init__(self) -> None:
        self.extra = 0
        self._sizes: dict[Hashable, int] = {}
        self._at: list[int] = []
        self._start: list[int] = []
        self._size: list[int] = []

    def __contains__(self, key: Hashable) -> bool:
        return key in self._sizes

    def open(self, key: Hashable, size: int) -> None:
        """Give an item `size` lines, from the next `measure` on."""
        self._sizes[key] = size

    def close(self, key: Hashable) -> None:
        """Give an item one line, from the next `measure` on."""
        self._sizes.pop(key, None)

    def measure(self, index_of: Callable[[Hashable], int]) -> list[Hashable]:
        """Find where the open items stand now.

        Args:
            index_of: An item's place, negative when it is gone.

        Returns:
            The keys that are gone, and forgotten.
        """
        placed = sorted((index_of(key), size, key) for key, size in self._sizes.items())
        gone = [key for index, _, key in placed if index < 0]
        for key in gone:
            del self._sizes[key]
        self._at, self._start, self._size, self.extra = [], [], [], 0
        for index, size, _ in placed:
            if index >= 0:
                self._at.append(index)
                self._start.append(index + self.extra)
                self._size.append(size)
                self.extra += size - 1
        return gone

    def line_of(self, index: int) -> int:
        """The first line of an item."""
        place = bisect_left(self._at, index) - 1
        if place < 0:
            return index
        return self._start[place] + self._size[place] + index - self._at[place] - 1

    def item_at(self, line: int) -> tuple[int, int]:
        """The item that a line belongs to, and which of its lines it is."""
        place = bisect_right(self._start, line) - 1
        if place < 0:
            return line, 0
        within = line - self._start[place]
        if within < self._size[place]:
            return self._at[place], within
        return self._at[place] + 1 + within - self._size[place], 0
