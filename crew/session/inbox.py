"""What people send into a session: two bounded queues, each message delivered once or reported."""

from collections import deque
from typing import TypeVar

from crew.commands import FollowUp, Steer
from crew.errors import InboxFullError

CAPACITY = 100

T = TypeVar("T")


class Inbox:
    """Steers for the current work and follow-ups for after it, each first in, first out."""

    def __init__(self) -> None:
        self._steers: deque[Steer] = deque()
        self._follow_ups: deque[FollowUp] = deque()

    def put(self, message: Steer | FollowUp) -> None:
        """Queue a message.

        Raises:
            InboxFullError: `CAPACITY` of its kind already wait.
        """
        if isinstance(message, Steer):
            _push(self._steers, message, message.session)
        else:
            _push(self._follow_ups, message, message.session)

    @property
    def interrupts(self) -> bool:
        """Whether a waiting steer wants the running batch of tool calls to end."""
        return any(steer.interrupt == "immediate" for steer in self._steers)

    @property
    def steers(self) -> int:
        """How many steers wait for the next model request."""
        return len(self._steers)

    def take_steers(self, most: int) -> list[Steer]:
        """The first so many of the waiting steers, in order; they are the caller's now."""
        return [self._steers.popleft() for _ in range(min(most, len(self._steers)))]

    @property
    def has_follow_ups(self) -> bool:
        """Whether a follow-up waits for the work to be done."""
        return bool(self._follow_ups)

    def take_follow_up(self) -> FollowUp | None:
        """The next follow-up, which is the caller's now."""
        return self._follow_ups.popleft() if self._follow_ups else None

    def drain(self) -> list[Steer | FollowUp]:
        """Everything that still waits, for the report of what was not delivered."""
        left: list[Steer | FollowUp] = [*self._steers, *self._follow_ups]
        self._steers.clear()
        self._follow_ups.clear()
        return left


def _push(queue: deque[T], message: T, session: str) -> None:
    if len(queue) >= CAPACITY:
        raise InboxFullError(
            f"{session}: {CAPACITY} messages already wait",
            hint="wait until the session has read some",
        )
    queue.append(message)
