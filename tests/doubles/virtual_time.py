"""An event loop whose clock jumps to the next timer instead of sleeping.

Use it in a test module with

    @pytest.fixture
    def anyio_backend() -> Backend:
        return VIRTUAL

and `anyio.sleep(3600)` takes no time at all, while `anyio.current_time()` says an hour passed.
"""

import asyncio
import selectors
import threading
import time
from typing import Any

GRACE = 1.0
"""Real seconds that the clock stands still for threads and child processes at work."""

PATIENCE = 10.0
"""Real seconds after which a loop that nothing can wake is called a deadlock."""

_GLANCE = 0.01

Backend = tuple[str, dict[str, Any]]


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs timers in order, without waiting, as soon as nothing else can happen.

    While a worker thread or a child process is at work the clock stands still, so that their
    real time does not fire virtual timeouts; work that outlasts `GRACE` lets the clock go on, so
    that a timeout can end it. With no timer at all the loop waits for real, and raises after
    `PATIENCE`.

    Attributes:
        jumps: How often the clock moved, which is once for every timer that fired alone.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self.jumps = 0
        self._children: list[asyncio.SubprocessTransport] = []
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock on; the loop does it itself when it is idle."""
        self._now += seconds
        self.jumps += 1

    def at_work(self) -> bool:
        """Whether a worker thread or a child process of this loop is busy."""
        self._children = [child for child in self._children if child.get_returncode() is None]
        return bool(self._children) or any(
            thread.loop is self and thread.queue.unfinished_tasks
            for thread in threading.enumerate()
            if hasattr(thread, "loop") and hasattr(thread, "queue")
        )

    async def _make_subprocess_transport(  # the one place where a loop makes its children
        self, *args: Any, **kwargs: Any
    ) -> asyncio.SubprocessTransport:
        parent: Any = super()
        child: asyncio.SubprocessTransport = await parent._make_subprocess_transport(
            *args, **kwargs
        )
        self._children.append(child)
        return child


class _JumpingSelector(selectors.DefaultSelector):
    """Looks at the real descriptors, and moves the loop's clock instead of waiting for it."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop
        self._held = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready, or nothing after the clock moved to the next timer."""
        if timeout is not None and timeout <= 0:
            return super().select(0)
        began = time.monotonic()
        while True:
            busy = self._loop.at_work()  # before the look: work that ends between them is seen
            if ready := super().select(0):
                return ready
            if not busy:
                self._held = 0.0
            if timeout is not None and (not busy or self._held >= GRACE):
                self._loop.advance(timeout)
                return []
            if not busy and time.monotonic() - began > PATIENCE:
                raise RuntimeError("deadlock: every task waits, and no timer will wake one")
            glanced = time.monotonic()
            ready = super().select(_GLANCE)
            self._held += time.monotonic() - glanced
            if ready:
                return ready


VIRTUAL: Backend = ("asyncio", {"loop_factory": VirtualLoop})
"""The value of a test module's `anyio_backend` fixture that makes its time virtual."""
