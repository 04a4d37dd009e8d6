"""The spawn ledger: how many sessions may live, how deep and how wide."""

from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import anyio

from crew.definitions.types import SpawnLimits
from crew.errors import SpawnError


class SpawnLedger:
    """Takes a slot for each live session, and gives each back once.

    A task's session waits for a slot, in the order of asking. A child session never waits, since
    its parent would hold one meanwhile: it is refused, and its parent's model told why. What an
    earlier process of the run had let in has its place already, and nobody else is given it.

    Args:
        begun: Sessions of an earlier process that go on, with the parent of each.
    """

    def __init__(self, limits: SpawnLimits, begun: Mapping[str, str | None] | None = None) -> None:
        self.limits = limits
        self._kept = dict(begun or {})
        self._live = 0
        self._children: Counter[str] = Counter()
        self._line: deque[object] = deque()
        self._changed = anyio.Event()

    @property
    def live(self) -> int:
        """Slots that are taken."""
        return self._live

    @property
    def _taken(self) -> int:
        """Slots that are taken, or kept for one who is to come."""
        return self._live + len(self._kept)

    @asynccontextmanager
    async def slot(self, session: str, *, parent: str | None, depth: int) -> AsyncIterator[None]:
        """Hold a slot while a session lives.

        Raises:
            SpawnError: A limit is reached by a child session; no slot is taken.
        """
        if session in self._kept:
            del self._kept[session]
        elif parent is None:
            await self._room()
        else:
            self._check(parent, depth)
        if parent is not None:
            self._children[parent] += 1
        self._live += 1
        try:
            yield
        finally:
            self._live -= 1
            if parent is not None:
                self._children[parent] -= 1
                if not self._children[parent]:
                    del self._children[parent]
            for child in [name for name, owner in self._kept.items() if owner == session]:
                del self._kept[child]
            self._notify()

    async def _room(self) -> None:
        """Wait for a slot in line; it is taken before anything else is awaited."""
        me = object()
        self._line.append(me)
        try:
            while self._line[0] is not me or self._taken >= self.limits.sessions:
                await self._changed.wait()
        finally:
            self._line.remove(me)
            self._notify()

    def _notify(self) -> None:
        if self._line:
            self._changed.set()
            self._changed = anyio.Event()

    def _check(self, parent: str, depth: int) -> None:
        limits = self.limits
        if depth > limits.depth:
            raise SpawnError(
                f"sessions may be spawned {limits.depth} levels deep, not {depth}",
                hint="do it yourself",
            )
        if self._taken + len(self._line) >= limits.sessions:
            raise SpawnError(
                f"the run has {limits.sessions} live sessions, which is its limit",
                hint="do it yourself, or try again later",
            )
        if self._children[parent] >= limits.fan_out:
            raise SpawnError(
                f"{parent} has {limits.fan_out} live children, which is its limit",
                hint="wait for one to end",
            )
