"""When to send a value that changes often: at once, then at most once an interval, newest wins.

Pure: the clock is an argument, and the value is none of its business. Whoever is told to send
takes the value as it is then, so what is sent is always the newest.
"""

import heapq
from collections.abc import Hashable
from typing import Generic, TypeVar

INTERVAL = 0.150

KeyT = TypeVar("KeyT", bound=Hashable)


class Coalescer(Generic[KeyT]):
    """Decides for each key, independently, when its value is sent.

    For each key: the first offer is sent at once; then at most one an interval, flushes
    excepted; an offer that may not be sent yet is held and due within one interval; nothing is
    sent after the end. Times are seconds of one monotonic clock.
    """

    def __init__(self, interval: float = INTERVAL) -> None:
        self._interval = interval
        self._sent: dict[KeyT, float] = {}
        self._held: dict[KeyT, float] = {}
        self._queue: list[tuple[float, int, KeyT]] = []
        self._queued = 0
        self._ended: set[KeyT] = set()

    def offer(self, key: KeyT, now: float) -> bool:
        """Say that a key's value changed; True means: send it now."""
        if key in self._held or key in self._ended:
            return False
        sent = self._sent.get(key)
        if sent is None or now >= sent + self._interval:
            self._sent[key] = now
            return True
        due = sent + self._interval
        self._held[key] = due
        self._queued += 1
        heapq.heappush(self._queue, (due, self._queued, key))
        return False

    def due(self, now: float, most: int | None = None) -> list[KeyT]:
        """The keys whose held value is sent now; with `most`, the rest stays due."""
        keys: list[KeyT] = []
        while (due := self.next_due) is not None and due <= now and len(keys) != most:
            key = heapq.heappop(self._queue)[2]
            del self._held[key]
            self._sent[key] = now
            keys.append(key)
        return keys

    @property
    def next_due(self) -> float | None:
        """When `due` is to be asked next; None while nothing is held."""
        while self._queue:
            due, _, key = self._queue[0]
            if self._held.get(key) == due:
                return due
            heapq.heappop(self._queue)
        return None

    def flush(self, key: KeyT, now: float) -> bool:
        """Wait no longer; True means that something was held: send it now."""
        if self._held.pop(key, None) is None:
            return False
        self._sent[key] = now
        return True

    def end(self, key: KeyT, now: float) -> bool:
        """Flush for the last time; later offers of the key are refused."""
        flushed = self.flush(key, now)
        self._sent.pop(key, None)
        self._ended.add(key)
        return flushed
