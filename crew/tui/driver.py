"""The terminal that the observer draws on, when standard output is not one: standard error's."""

import os
import sys

from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver

_STDERR = 2


class ErrorTerminal(LinuxDriver):
    """Takes its size from where it draws.

    Textual asks standard output, which is a pipe or a file in `crew run review > report.md`; what
    it then assumes and what the terminal tells would be at odds.
    """

    def _get_terminal_size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(_STDERR)
        except OSError:
            return super()._get_terminal_size()
        return size.columns, size.lines


def driver_class() -> type[Driver] | None:
    """The driver for this process's terminal; None for Textual's own choice."""
    error, output = sys.__stderr__, sys.__stdout__
    if error is None or not error.isatty() or (output is not None and output.isatty()):
        return None
    return ErrorTerminal
