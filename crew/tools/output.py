"""What an endless output leaves: its head, its tail, a count, and its lines for who watches."""

import codecs
from collections.abc import Callable

ENDS = 20_000
"""Bytes that are kept of each end."""

SPOOLED = 10 * 1024 * 1024
"""Bytes that are kept in all, for the artifact."""

LINE_SHOWN = 500
LINES_AT_ONCE = 100
"""Of a flood that arrives in one piece only the last lines are handed on."""


class Output:
    """Takes bytes as they come, in bounded memory.

    Args:
        on_line: Takes each line, cut to 500 characters.
    """

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line = ""
        self._head = bytearray()
        self._tail = bytearray()
        self._newlines = 0
        self.size = 0

    def add(self, data: bytes) -> None:
        """Take the next piece."""
        self.size += len(data)
        self._newlines += data.count(b"\n")
        self._head += data[: SPOOLED - len(self._head)]
        self._tail += data[-ENDS:]
        if len(self._tail) > 8 * ENDS:
            del self._tail[:-ENDS]
        self._show(self._decoder.decode(data))

    def close(self) -> None:
        """Hand on the last line, which has no end."""
        self._show(self._decoder.decode(b"", final=True) + ("\n" if self._line else ""))

    @property
    def lines(self) -> int:
        """Lines so far; a last one without an end counts."""
        return self._newlines + (bool(self._tail) and self._tail[-1:] != b"\n")

    @property
    def cut(self) -> bool:
        """Whether `text` leaves something out."""
        return self.size > 2 * ENDS

    @property
    def spooled(self) -> bytes:
        """The whole output, or as much of its beginning as is kept."""
        return bytes(self._head)

    def text(self) -> str:
        """The output, or its head and tail with a count of what is between them."""
        if not self.cut:
            return bytes(self._head).decode("utf-8", "backslashreplace")
        head = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode(self._head[:ENDS])
        tail = self._tail[-ENDS:].lstrip(_CONTINUATION).decode("utf-8", "backslashreplace")
        left_out = self.size - 2 * ENDS
        return f"{head}\n[... {left_out:,} bytes left out ...]\n{tail}"

    def _show(self, text: str) -> None:
        *lines, self._line = (self._line + text).split("\n")
        self._line = self._line[-LINE_SHOWN:]
        for line in lines[-LINES_AT_ONCE:]:
            # What a terminal would show of a progress bar is what follows its last return.
            shown = line.rstrip("\r").rpartition("\r")[2]
            self._on_line(shown[:LINE_SHOWN])


_CONTINUATION = bytes(range(0x80, 0xC0))
