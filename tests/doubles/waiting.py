"""Waiting for what another process does: nobody tells of it, so it has to be looked at."""

import time
from collections.abc import Callable

_GLANCE = 0.01


def until(true: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait until it is true.

    Raises:
        AssertionError: It is not, in that time.
    """
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(_GLANCE)
