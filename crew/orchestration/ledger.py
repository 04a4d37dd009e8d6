"""The spawn ledger: how many sessions may live, how deep and how wide."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from crew.definitions.types import SpawnLimits
from crew.errors import SpawnError


class SpawnLedger:
    """Takes a slot for each live session, and gives each back once."""

    def __init__(self, limits: SpawnLimits) -> None:
        self.limits = limits
        self._live = 0
        self._children: Counter[str] = Counter()

    @contextmanager
    def slot(self, *, parent: str | None, depth: int) -> Iterator[None]:
        """Hold a slot while a session lives.

        Raises:
            SpawnError: A limit is reached; none is taken.
        """
        self._check(parent, depth)
        self._live += 1
        if parent is not None:
            self._children[parent] += 1
        try:
            yield
        finally:
            self._live -= 1
            if parent is not None:
                self._children[parent] -= 1

    def _check(self, parent: str | None, depth: int) -> None:
        limits = self.limits
        if depth > limits.depth:
            raise SpawnError(f"sessions may be spawned {limits.depth} levels deep, not {depth}")
        if self._live >= limits.sessions:
            raise SpawnError(f"the run has {limits.sessions} live sessions, which is its limit")
        if parent is not None and self._children[parent] >= limits.fan_out:
            raise SpawnError(
                f"{parent} has {limits.fan_out} live children, which is its limit",
                hint="wait for one to end",
            )
