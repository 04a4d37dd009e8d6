"""Terminals and streams in memory, the same on every machine."""

import io
from typing import Literal

from rich.console import Console


class Terminal(io.StringIO):
    """A stream that says it is a terminal, in an encoding."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]  # StringIO declares an attribute
        return self._encoding

    def isatty(self) -> bool:
        return True


def console(
    stream: io.StringIO,
    *,
    width: int = 80,
    height: int = 24,
    colours: Literal["standard"] | None = None,
) -> Console:
    """A console on `stream` that knows nothing of this machine's terminal."""
    return Console(
        file=stream,
        width=width,
        height=height,
        force_terminal=stream.isatty(),
        color_system=colours,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
        _environ={},
    )
