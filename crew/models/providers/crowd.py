"""Many streams in one event loop: neither they nor anything else there waits long for the rest."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from anyio.lowlevel import RunVar

FEW = 8
"""Streams that need no pause between their reads."""

AT_ONCE = 2
"""Streams whose bytes are worked on at the same time: that is one round of the event loop."""

PAUSE = 0.001
"""Seconds between two reads of a stream, for each stream that there is."""

LONGEST = 0.1
"""Seconds that a pause lasts at most; what a person sees is later by no more than that."""

MOST = 8_192
"""Bytes that are read at once, so that a stream with a backlog does not keep its place long."""

PATIENCE = 10.0
"""Seconds after which a stream goes on though the places are taken, by whoever sleeps on one."""


class Crowd:
    """The streams of one event loop.

    A read costs several times what a piece of the answer costs: with many streams, pieces are left
    to gather between reads. And only a few streams at a time turn what they read into deltas, so
    that one round of the event loop stays short however much has arrived.
    """

    def __init__(self) -> None:
        self._streams = 0
        self._taken = 0
        self._waiting: deque[Place] = deque()

    @contextmanager
    def joined(self) -> Iterator["Place"]:
        """Count as a stream, with a place to work at."""
        place = Place(self)
        self._streams += 1
        try:
            yield place
        finally:
            self._streams -= 1
            place.leave()

    async def pause(self, read: int = 0) -> None:
        """Let something gather, after that many bytes were read; a few streams need no pause."""
        if self._streams > FEW and read < MOST:
            await anyio.sleep(min(self._streams * PAUSE, LONGEST))

    async def take(self, place: "Place") -> None:
        """Wait until the place may be worked at, first come, first served."""
        if self._taken < AT_ONCE:
            self._taken += 1
            place.taken = True
            return
        self._waiting.append(place)
        try:
            with anyio.move_on_after(PATIENCE):
                await place.given.wait()
        finally:
            if not place.taken:
                self._waiting.remove(place)
        if not place.taken:
            self._taken += 1
            place.taken = True

    def give(self, place: "Place") -> None:
        """Give a place up, to who waits longest for one."""
        place.taken = False
        place.given = anyio.Event()
        if self._waiting and self._taken <= AT_ONCE:
            following = self._waiting.popleft()
            following.taken = True  # also for one that is cut at this moment, and gives it back
            following.given.set()
        else:
            self._taken -= 1


class Place:
    """Where a stream works, when it is its turn."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.taken = False
        self.given = anyio.Event()

    async def enter(self) -> None:
        """Wait for the turn."""
        if not self.taken:
            await self.crowd.take(self)

    def leave(self) -> None:
        """Let another have its turn."""
        if self.taken:
            self.crowd.give(self)


_here: RunVar[Crowd] = RunVar("crew_crowd")


def crowd() -> Crowd:
    """The streams of the event loop that asks."""
    try:
        return _here.get()
    except LookupError:
        found = Crowd()
        _here.set(found)
        return found
