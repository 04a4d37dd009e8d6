"""`runner.log`: what the process of a run without a terminal has to say; bounded, no secrets."""

import io
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from crew.errors import StoreError
from crew.service.redaction import machine_redactor
from crew.store.redact import Redactor

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

NAME = "runner.log"
LARGEST = 1 << 20
"""Bytes from which the log goes on in a new file; the one before is kept as `runner.log.1`."""

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_LONGEST_LINE = 64 << 10


class RunnerLog(io.RawIOBase):
    """The log as a binary stream, written line by line.

    Args:
        handles: Descriptors that point to the log as well, for what does not speak Python.

    Raises:
        StoreError: It can't be opened.
    """

    def __init__(
        self,
        folder: Path,
        *,
        redact: Redactor,
        largest: int = LARGEST,
        handles: tuple[int, ...] = (),
    ) -> None:
        self._path = folder / NAME
        self._redact = redact
        self._largest = largest
        self._handles = handles
        self._begun = b""
        self._handle = -1
        self.name = os.fspath(self._path)
        try:
            self._handle = os.open(self._path, _FLAGS, 0o600)
        except OSError as error:
            raise StoreError.from_os(f"opening {self._path}", error) from error

    def attach(self) -> None:
        """Let the descriptors point to the log."""
        for handle in self._handles:
            os.dup2(self._handle, handle)

    def writable(self) -> bool:
        """True."""
        return True

    def write(self, data: "ReadableBuffer") -> int:
        """Write the lines that are whole by now; a disk that refuses loses them."""
        taken = bytes(memoryview(data))
        self._begun += taken
        whole, newline, rest = self._begun.rpartition(b"\n")
        if len(rest) > _LONGEST_LINE:
            whole, newline, rest = self._begun, b"\n", b""
        self._begun = rest
        if newline:
            self._put(whole + newline)
        return len(taken)

    def close(self) -> None:
        """Write what has no newline yet, and let go of the file."""
        if not self.closed:
            rest, self._begun = self._begun, b""
            if rest:
                self._put(rest + b"\n")
            if self._handle >= 0:
                os.close(self._handle)
        super().close()

    def _put(self, lines: bytes) -> None:
        clean = self._redact.plain(lines.decode("utf-8", "backslashreplace")).encode()
        with suppress(OSError):
            if os.fstat(self._handle).st_size + len(clean) > self._largest:
                self._begin_anew()
            while clean:
                clean = clean[os.write(self._handle, clean) :]

    def _begin_anew(self) -> None:
        os.replace(self._path, self._path.with_name(f"{NAME}.1"))
        fresh = os.open(self._path, _FLAGS, 0o600)
        os.dup2(fresh, self._handle, inheritable=False)
        os.close(fresh)
        self.attach()


def speak_into(folder: Path, environ: Mapping[str, str]) -> None:
    """Let everything that this process has to say go into the log of a run.

    Raises:
        StoreError: The log can't be opened.
    """
    log = RunnerLog(folder, redact=machine_redactor(environ), handles=(1, 2))
    sys.stdout.flush()
    sys.stderr.flush()
    log.attach()
    spoken = io.TextIOWrapper(log, encoding="utf-8", errors="backslashreplace", write_through=True)
    sys.stdout = sys.stderr = spoken
