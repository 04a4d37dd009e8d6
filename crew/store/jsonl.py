"""Append-only JSON lines: each append is whole or not there, and a file always parses."""

import json
import os
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from crew.errors import StoreError
from crew.store.atomic import fsync
from crew.store.redact import Redactor

_BLOCK = 1 << 18
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


class DescriptorPool:
    """Open files, the least recently used of them closed when there are too many.

    A thousand sessions then write under the usual limit of 1,024 open files.
    """

    def __init__(self, limit: int = 128) -> None:
        self._limit = limit
        self._open: OrderedDict[Path, int] = OrderedDict()

    def descriptor(self, path: Path) -> int:
        """The file's descriptor, open for appending; valid until the next call.

        Raises:
            OSError: It can't be opened.
        """
        fd = self._open.get(path)
        if fd is None:
            fd = os.open(path, _FLAGS, 0o600)
            self._open[path] = fd
            if len(self._open) > self._limit:
                os.close(self._open.popitem(last=False)[1])
        else:
            self._open.move_to_end(path)
        return fd

    def close(self, path: Path | None = None) -> None:
        """Close one file, or all of them; what is used again is opened again."""
        for name in [path] if path is not None else list(self._open):
            fd = self._open.pop(name, None)
            if fd is not None:
                os.close(fd)


class AppendLog:
    """The one writer of a JSON lines file.

    A last line that was torn by a crash is mended on opening: it gets its newline when it is
    whole, and moves to `NAME.torn` when it is not.

    Raises:
        StoreError: The file can't be opened.
    """

    def __init__(self, path: Path, *, redact: Redactor, pool: DescriptorPool | None = None) -> None:
        self.path = path
        self._line = redact.line
        self._pool = pool or DescriptorPool(1)
        try:
            fd = self._pool.descriptor(path)
            self.size = os.fstat(fd).st_size
            if self.size:
                self._heal(fd)
        except OSError as error:
            raise StoreError.from_os(f"opening {path}", error) from error

    def append(self, lines: Iterable[bytes]) -> Sequence[bytes]:
        """Write lines, none of which holds a newline, with one system call.

        Returns:
            The lines as they are in the file; one without secrets is the very same object.

        Raises:
            StoreError: The disk refused; nothing of it stays in the file.
        """
        clean = [self._line(line) for line in lines]
        if not clean:
            return ()
        data = b"\n".join([*clean, b""])
        try:
            fd = self._pool.descriptor(self.path)
            written = os.write(fd, data)
            while written < len(data):
                written += os.write(fd, data[written:])
        except OSError as error:
            self._cut()
            raise StoreError.from_os(f"writing {self.path}", error) from error
        self.size += written
        return clean

    def clear(self) -> None:
        """Empty the file.

        Raises:
            StoreError: The disk refused.
        """
        try:
            os.ftruncate(self._pool.descriptor(self.path), 0)
        except OSError as error:
            raise StoreError.from_os(f"emptying {self.path}", error) from error
        self.size = 0

    def keep_lines(self, count: int) -> None:
        """Keep that many lines from the beginning; those behind them move to `NAME.torn`.

        Raises:
            StoreError: The disk refused.
        """
        try:
            fd = self._pool.descriptor(self.path)
            start = _start_of_line(fd, count)
            self._set_aside(fd, start, os.pread(fd, self.size - start, start))
        except OSError as error:
            raise StoreError.from_os(f"mending {self.path}", error) from error

    def count_lines(self) -> int:
        """How many lines the file has; reads all of it."""
        fd, lines, offset = self._pool.descriptor(self.path), 0, 0
        while block := os.pread(fd, _BLOCK, offset):
            lines += block.count(b"\n")
            offset += len(block)
        return lines

    def sync(self) -> None:
        """Have everything on the disk.

        Raises:
            StoreError: The disk refused.
        """
        try:
            fsync(self._pool.descriptor(self.path))
        except OSError as error:
            raise StoreError.from_os(f"syncing {self.path}", error) from error

    def close(self) -> None:
        """Let go of the file; a later append opens it again."""
        self._pool.close(self.path)

    def _cut(self) -> None:
        """Take back what a failed write left behind."""
        with suppress(OSError):
            os.ftruncate(self._pool.descriptor(self.path), self.size)

    def _heal(self, fd: int) -> None:
        if os.pread(fd, 1, self.size - 1) == b"\n":
            return
        start, torn = _last_line(fd, self.size)
        if _parses(torn):
            self.size += os.write(fd, b"\n")
            return
        self._set_aside(fd, start, torn + b"\n")

    def _set_aside(self, fd: int, start: int, cut: bytes) -> None:
        if not cut:
            return
        handle = os.open(self.path.with_name(self.path.name + ".torn"), _FLAGS, 0o600)
        try:
            os.write(handle, cut)
        finally:
            os.close(handle)
        os.ftruncate(fd, start)
        self.size = start


def _start_of_line(fd: int, number: int) -> int:
    """Where the line of that number, from 0, begins."""
    offset = 0
    while number and (block := os.pread(fd, _BLOCK, offset)):
        found = block.count(b"\n")
        if found < number:
            number, offset = number - found, offset + len(block)
            continue
        place = -1
        for _ in range(number):
            place = block.index(b"\n", place + 1)
        return offset + place + 1
    return offset


def _last_line(fd: int, end: int) -> tuple[int, bytes]:
    """Where the bytes behind the last newline start, and those bytes."""
    position, blocks = end, [b""]
    while position > 0:
        size = min(_BLOCK, position)
        position -= size
        block = os.pread(fd, size, position)
        newline = block.rfind(b"\n")
        if newline >= 0:
            blocks.append(block[newline + 1 :])
            return position + newline + 1, b"".join(reversed(blocks))
        blocks.append(block)
    return 0, b"".join(reversed(blocks))


def _parses(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
