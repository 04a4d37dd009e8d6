"""The one transition table of a session's status."""

from crew.records import TERMINAL, Status

_ALLOWED = {
    Status.PENDING: TERMINAL | {Status.RUNNING},
    Status.RUNNING: TERMINAL | {Status.PAUSED, Status.WAITING},
    Status.PAUSED: TERMINAL | {Status.RUNNING},
    Status.WAITING: TERMINAL | {Status.RUNNING},
}


def check_transition(old: Status, new: Status) -> None:
    """Refuse a move that the table does not have.

    Raises:
        ValueError: The move is not allowed; a bug, never an input's fault.
    """
    if new not in _ALLOWED.get(old, frozenset()):
        raise ValueError(f"a session can't go from {old} to {new}")
