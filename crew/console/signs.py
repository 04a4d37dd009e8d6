"""The signs and colours of states: one cell wide in every terminal, colour for state only."""

from crew.view import Mark, Priority

_SIGNS = {
    Mark.PENDING: "○",
    Mark.RUNNING: "●",
    Mark.WAITING: "?",
    Mark.PAUSED: "=",
    Mark.DONE: "✓",
    Mark.ATTENTION: "!",
    Mark.FAILED: "✗",
    Mark.STOPPED: "-",
}

_ASCII = {**_SIGNS, Mark.PENDING: ".", Mark.RUNNING: "*", Mark.DONE: "+", Mark.FAILED: "x"}

STYLES = {
    Mark.PENDING: "dim",
    Mark.RUNNING: "cyan",
    Mark.WAITING: "yellow",
    Mark.PAUSED: "yellow",
    Mark.DONE: "green",
    Mark.ATTENTION: "yellow",
    Mark.FAILED: "red",
    Mark.STOPPED: "dim",
}

PRIORITY_STYLES = {
    Priority.P0: "bold red",
    Priority.P1: "red",
    Priority.P2: "yellow",
    Priority.P3: "dim",
}


def sign(mark: Mark, encoding: str) -> str:
    """The sign of a state, in ASCII where the stream can carry no more."""
    return (_SIGNS if encoding.lower().startswith("utf") else _ASCII)[mark]
