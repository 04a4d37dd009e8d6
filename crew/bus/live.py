"""The feed of a run in its own process: what is published reaches every subscriber.

Order, for each subscriber: events by `seq`, each once, none left out; a `Progress` or `Grew`
after the events announced before it and before those announced after it, unless a newer one of
its session has overtaken it. `run.ended` is the last item.
"""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel

from crew.bus.pages import DiskPages
from crew.bus.transcript import DiskTranscript
from crew.events import Event, RunEnded, parse_event
from crew.feed import FeedItem, Grew
from crew.progress import Progress
from crew.store.folder import RunFolder
from crew.store.tail import Tail

BACKLOG = 1024
"""Events that wait in memory for one subscriber; beyond that it reads the journal."""

_BLOCK = 256 << 10
_BREATH = 64

# A journal that can't be read now, say for want of descriptors, is tried again for two seconds.
_RETRY = 0.250
_PATIENCE = 8


class LiveFeed:
    """Implements `Feed` for the process that runs the run.

    `publish` never blocks and never fails: a subscriber that is slow keeps a bounded number of
    events and one item for each session and kind, and catches up from the journal.

    Args:
        folder: The run; its journal holds every event before it is published.
        announced: Number of the last event that is already known to the world.
        epoch: The attempt that publishes; the end of an earlier one is not the feed's.
        backlog: Events kept in memory for each subscriber.

    Attributes:
        published: How many items so far.
    """

    def __init__(
        self, folder: RunFolder, *, announced: int = 0, epoch: int = 1, backlog: int = BACKLOG
    ) -> None:
        self.epoch = epoch
        self._folder = folder
        self._backlog = backlog
        self._subscriptions: list[_Subscription] = []
        self._progress: dict[str, Progress] = {}
        self.announced = announced
        self.published = 0
        self.closed = False

    @property
    def run(self) -> str:
        """The run's id."""
        return self._folder.id

    def publish(self, item: FeedItem) -> None:
        """Hand an item to all subscribers; events in the order of the journal."""
        self.published += 1
        if isinstance(item, Progress):
            self._progress[item.session] = item
        if isinstance(item, Progress | Grew):
            for subscription in self._subscriptions:
                subscription.offer_state(item, self.announced)
            return
        self.announced = item.seq
        for subscription in self._subscriptions:
            subscription.offer_event(item)

    def close(self) -> None:
        """Nothing more comes; subscribers end with what was published."""
        self.closed = True
        for subscription in self._subscriptions:
            subscription.notify()

    @asynccontextmanager
    async def subscribe(self, *, after: int = 0) -> AsyncIterator[AsyncIterator[FeedItem]]:
        """Follow the run from the event behind `after` until `run.ended` was given.

        Who comes late gets the newest progress of every session behind the events.
        """
        subscription = _Subscription(self, Tail(self._folder.journal), after, self._backlog)
        for progress in self._progress.values():
            subscription.offer_state(progress, self.announced)
        self._subscriptions.append(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.remove(subscription)

    def transcript(self, session: str) -> DiskTranscript:
        """Open a session's transcript at its beginning; an absent one reads as empty."""
        return DiskTranscript(self._folder, session)

    def pages(self, session: str) -> DiskPages:
        """Open a session's transcript anywhere; an absent one is empty."""
        return DiskPages(self._folder, session)


class _Subscription:
    """One subscriber's place in the stream.

    It is behind while the journal has announced events that are neither delivered nor queued;
    it then takes no published events, and reads the journal when its queue is empty.
    """

    def __init__(self, feed: LiveFeed, journal: Tail, after: int, backlog: int) -> None:
        self._feed = feed
        self._journal = journal
        self._backlog = backlog
        self._queue: deque[Event] = deque()
        self._unannounced: list[Event] = []
        self._states: dict[tuple[type[FeedItem], str], tuple[int, Progress | Grew]] = {}
        self._delivered = after
        self._queued = after
        self._behind = True
        self._ended = False
        self._wake: anyio.Event | None = None
        self._given = 0
        self._stalls = 0

    def offer_event(self, event: Event) -> None:
        if not self._behind:
            if len(self._queue) < self._backlog:
                self._enqueue(event)
            else:
                self._behind = True
        self.notify()

    def offer_state(self, item: Progress | Grew, announced: int) -> None:
        key = (type(item), item.session)
        self._states.pop(key, None)
        self._states[key] = (announced, item)
        self.notify()

    def notify(self) -> None:
        if self._wake is not None:
            self._wake.set()
            self._wake = None

    def __aiter__(self) -> AsyncIterator[FeedItem]:
        return self

    async def __anext__(self) -> FeedItem:
        self._given += 1
        if self._given % _BREATH == 0:
            await anyio.lowlevel.checkpoint()
        while True:
            if self._ended:
                raise StopAsyncIteration
            item = self._next()
            if item is not None:
                return item
            if self._behind:
                self._catch_up()
                await anyio.sleep(_RETRY if self._stalls else 0)
            elif self._feed.closed:
                raise StopAsyncIteration
            else:
                self._wake = wake = anyio.Event()
                await wake.wait()

    def _next(self) -> FeedItem | None:
        if self._states:
            key, (announced, state) = next(iter(self._states.items()))
            last = bool(self._queue) and self._is_last(self._queue[0])
            drained = not self._queue and not self._behind
            if announced <= self._delivered or last or drained:
                del self._states[key]
                return state
        if not self._queue:
            return None
        event = self._queue.popleft()
        self._delivered = event.seq
        self._ended = self._is_last(event)
        return event

    def _is_last(self, event: Event) -> bool:
        return isinstance(event, RunEnded) and event.epoch == self._feed.epoch

    def _enqueue(self, event: Event) -> None:
        if event.seq > self._queued:
            self._queued = event.seq
            self._queue.append(event)

    def _catch_up(self) -> None:
        """Queue the journal's next announced events; live again when there are no more."""
        read = [*self._unannounced, *self._read()]
        announced = self._feed.announced
        self._unannounced = [event for event in read if event.seq > announced]
        for event in read:
            if event.seq <= announced:
                self._enqueue(event)
        self._stalls = 0 if read or self._journal.more else self._stalls + 1
        if self._queued >= announced or self._stalls > _PATIENCE:
            self._queued = max(self._queued, announced)
            self._behind, self._stalls = False, 0

    def _read(self) -> list[Event]:
        events: list[Event] = []
        for line in self._journal.poll(_BLOCK):
            try:
                event = parse_event(line)
            except ValueError:
                continue
            if event.seq > self._queued:
                events.append(event)
        return events
