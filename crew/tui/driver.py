"""The terminal that the observer draws on: standard error's, for as long as it is there."""

import os
import sys
from contextlib import suppress
from typing import Any, TextIO

from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver

_STDERR = 2


class Forgiving:
    """A stream that takes everything, also when its terminal has gone.

    Textual's writer would die of the first error, and the next who writes would wait for ever.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, as far as there is somebody to read."""
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, as far as there is somebody to read."""
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Terminal(LinuxDriver):
    """Takes its size from where it draws.

    Textual asks standard output, which is a pipe or a file in `crew run review > report.md`; what
    it then assumes and what the terminal tells would be at odds.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._file = Forgiving(self._file)  # type: ignore[arg-type, assignment]  # as much of a stream as is used

    def _get_terminal_size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(_STDERR)
        except OSError:
            return super()._get_terminal_size()
        return size.columns, size.lines


def driver_class() -> type[Driver] | None:
    """The driver for this process's terminal; None for Textual's own choice."""
    return Terminal if sys.stderr is not None and os.isatty(_STDERR) else None
