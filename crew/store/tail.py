"""Incremental reading of a file that grows: every complete line once, never an exception.

The file may be cut, replaced, rewritten, absent or late; a reader that sees `resets` change
starts over. Lines are bytes without their newline; nothing is decoded here.
"""

import os
from array import array
from itertools import accumulate
from pathlib import Path

POLL_LIMIT = 4 << 20
LONGEST_LINE = 64 << 20

_BLOCK = 256 << 10
_INDEX_BLOCK = 1 << 20
_HEAD = 1024
_FOOT = 64
_SHOWN_OF_DROPPED = 200


class Tail:
    """Reads a file's new complete lines.

    No descriptor is kept, so that a thousand tails fit under the usual limit of open files.

    Args:
        path: The file; it may come later.
        offset: Start of the line to begin with.
        longest_line: Bytes from which a line is dropped.

    Attributes:
        offset: Bytes consumed; what is behind it was returned, or waits for its newline.
        resets: How often the file turned out to be another than before and was begun again.
        dropped: Lines longer than `LONGEST_LINE`; each is returned as its first bytes with a
            mark that makes it unparsable.
        more: Whether the last poll stopped at its limit, before the end of the file.
    """

    def __init__(self, path: Path, *, offset: int = 0, longest_line: int = LONGEST_LINE) -> None:
        self.path = path
        self.offset = offset
        self.resets = 0
        self.dropped = 0
        self.more = False
        self._longest_line = longest_line
        self._identity: tuple[int, int] | None = None
        self._head = b""
        self._foot = b""
        self._rest: list[bytes] = []
        self._rest_size = 0
        self._oversized = b""

    def poll(self, limit_bytes: int = POLL_LIMIT) -> list[bytes]:
        """Complete lines that are new, from at most `limit_bytes` of the file.

        What the system refuses now is tried again by the next poll.
        """
        self.more = False
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return []
        try:
            return self._read(fd, limit_bytes)
        except OSError:
            return []
        finally:
            os.close(fd)

    def _read(self, fd: int, limit: int) -> list[bytes]:
        status = os.fstat(fd)
        identity = (status.st_dev, status.st_ino)
        if self._identity is None:
            self._identity = identity
            self._head = os.pread(fd, min(_HEAD, self.offset), 0)
            self._foot = os.pread(fd, min(_FOOT, self.offset), max(0, self.offset - _FOOT))
        if identity != self._identity or not self._continues(fd, status.st_size):
            self._start_over(identity)
        data = os.pread(fd, max(0, min(limit, status.st_size - self.offset)), self.offset)
        lines = self._split(data) if data else []
        self.offset += len(data)
        self.more = self.offset < status.st_size
        self._head += data[: max(0, _HEAD - len(self._head))]
        self._foot = (self._foot + data[-_FOOT:])[-_FOOT:]
        return lines

    def _continues(self, fd: int, size: int) -> bool:
        """Whether what was consumed is still there, as far as its first and last bytes tell."""
        if size < self.offset:
            return False
        if os.pread(fd, len(self._head), 0) != self._head:
            return False
        return os.pread(fd, len(self._foot), self.offset - len(self._foot)) == self._foot

    def _start_over(self, identity: tuple[int, int]) -> None:
        self._identity = identity
        self.offset = 0
        self.resets += 1
        self._head = self._foot = self._oversized = b""
        self._rest, self._rest_size = [], 0

    def _split(self, data: bytes) -> list[bytes]:
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = self._completed(lines[0])
        if rest:
            self._hold(rest)
        return lines

    def _completed(self, end: bytes) -> bytes:
        """The first line of a block, with what earlier polls held of it."""
        if self._rest:
            self._hold(end)
            if self._rest:
                end = b"".join(self._rest)
                self._rest, self._rest_size = [], 0
        if self._oversized:
            self.dropped += 1
            end, self._oversized = self._oversized + "\u2026 (line too long)".encode(), b""
        return end

    def _hold(self, part: bytes) -> None:
        if self._oversized:
            return
        self._rest.append(part)
        self._rest_size += len(part)
        if self._rest_size > self._longest_line:
            self._oversized = b"".join(self._rest)[:_SHOWN_OF_DROPPED]
            self._rest, self._rest_size = [], 0


def read_back(path: Path, before: int | None, want: int) -> tuple[int, list[bytes]]:
    """The last complete lines before an offset, read from the end backwards.

    Args:
        path: The file.
        before: Start of a line, or None for the end of the file.
        want: How many lines at most.

    Returns:
        Where the first of the lines starts, which is the next call's `before`; and the lines in
        file order. A file that can't be read has none.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return 0, []
    try:
        size = os.fstat(fd).st_size
        return _read_back(fd, size if before is None else min(before, size), max(0, want))
    except OSError:
        return 0, []
    finally:
        os.close(fd)


def _read_back(fd: int, end: int, want: int) -> tuple[int, list[bytes]]:
    position, blocks, newlines = end, [], 0
    while position > 0 and newlines <= want:
        size = min(_BLOCK, position)
        position -= size
        block = os.pread(fd, size, position)
        newlines += block.count(b"\n")
        blocks.append(block)
    data = b"".join(reversed(blocks))
    lines = data.split(b"\n")[:-1]
    if position > 0:
        position += len(lines.pop(0)) + 1 if lines else 0
    surplus = max(0, len(lines) - want)
    position += sum(len(line) + 1 for line in lines[:surplus])
    return position, lines[surplus:]


class LineIndex:
    """Where every complete line of a growing file starts; eight bytes a line.

    Attributes:
        starts: Offsets of the lines, in order.
        end: Where the last complete line ends.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.starts = array("Q")
        self.end = 0

    def __len__(self) -> int:
        return len(self.starts)

    def grow(self, limit_bytes: int = 64 << 20) -> int:
        """Index what is new, reading at most about `limit_bytes`; long calls suit a thread.

        Returns:
            How many lines were added. A file that shrank is indexed anew; one that can't be read
            adds none.
        """
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return 0
        try:
            if os.fstat(fd).st_size < self.end:
                self.starts, self.end = array("Q"), 0
            return self._grow(fd, limit_bytes)
        except OSError:
            return 0
        finally:
            os.close(fd)

    def _grow(self, fd: int, limit: int) -> int:
        before, position, stop = len(self.starts), self.end, self.end + limit
        while position < stop and (block := os.pread(fd, _INDEX_BLOCK, position)):
            parts = block.split(b"\n")
            if len(parts) > 1:
                first, *others = accumulate(
                    (len(part) + 1 for part in parts[:-1]), initial=position
                )
                self.starts.append(self.end)
                self.starts.extend(others[:-1])
                self.end = others[-1]
                del first
            position += len(block)
        return len(self.starts) - before

    def line(self, index: int) -> bytes:
        """One line by its number, from 0.

        Raises:
            IndexError: There is no such line yet.
        """
        start = self.starts[index]
        following = self.starts[index + 1] if index + 1 < len(self.starts) else self.end
        try:
            with self.path.open("rb", buffering=0) as file:
                return os.pread(file.fileno(), following - start - 1, start)
        except OSError:
            return b""
