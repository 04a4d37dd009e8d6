"""An event loop without sockets, threads or waiting, whose order of tasks is drawn from a seed."""

import asyncio
import gc
import heapq
import inspect
import random
import warnings
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import anyio

T = TypeVar("T")

_LONGEST_UNWINDING = 3_000
_PUT_OFF = 0.1
_TURN = 1e-6
"""Seconds that a turn of the loop takes: real clocks never stand still."""


class DeadlockError(Exception):
    """Every task waits, and no timer will wake one."""


class EndlessError(Exception):
    """The loop turned more often than any honest run needs."""


class SeededLoop(asyncio.BaseEventLoop):
    """Runs what is ready in an order of the seed's, and stops dead when the process dies.

    Only the order between tasks is drawn: no program may depend on it. Callbacks of the
    machinery in between keep their places.

    Args:
        chance: Where the order comes from.
        dead: Whether the process has died; asked after every callback.
    """

    # What the base class has, and its stubs do not tell of.
    _ready: deque[Any]
    _scheduled: list[Any]
    _timer_cancelled_count: int

    def __init__(self, chance: random.Random, dead: Callable[[], bool]) -> None:
        super().__init__()
        self.now = 0.0
        self.turns = 0
        self.limit = 200_000
        self.orderly = False
        self._chance = chance
        self._dead = dead
        self._late: list[Any] = []
        self.complaints: list[str] = []
        self.set_exception_handler(self._complain)

    def time(self) -> float:
        """Virtual seconds."""
        return self.now

    @property
    def died(self) -> bool:
        """Whether the process has died."""
        return self._dead()

    def _write_to_self(self) -> None:
        return None

    def _complain(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not self._dead():
            self.complaints.append(f"{context.get('message')}: {context.get('exception')!r}")

    def _run_once(self) -> None:
        self.turns += 1
        self.now += _TURN
        if self.turns > self.limit:
            raise EndlessError(f"{self.turns} turns of the loop")
        self._due()
        if not self.orderly:
            self._shuffle()
        ready = len(self._ready)
        self._ready.extend(self._late)
        self._late.clear()
        for _ in range(ready):
            handle = self._ready.popleft()
            if not handle._cancelled:
                handle._run()
            if self._dead() and not self.orderly:
                self._stopping = True
                return

    def _due(self) -> None:
        """Make ready what is due, moving the clock when nothing else can happen."""
        timers = self._scheduled
        while timers and timers[0]._cancelled:
            self._timer_cancelled_count -= 1
            heapq.heappop(timers)._scheduled = False
        if not self._ready and not self._stopping:
            if not timers:
                raise DeadlockError("every task waits, and no timer will wake one")
            self.now = max(self.now, timers[0]._when)
        while timers and timers[0]._when <= self.now + 1e-9:
            handle = heapq.heappop(timers)
            handle._scheduled = False
            self._ready.append(handle)

    def _shuffle(self) -> None:
        places = [place for place, handle in enumerate(self._ready) if _of_a_task(handle)]
        if len(places) < 2:
            return
        handles = [self._ready[place] for place in places]
        self._chance.shuffle(handles)
        for place, handle in zip(places, handles, strict=True):
            self._ready[place] = handle
        if self._chance.random() < _PUT_OFF:  # one of them may be a turn late
            self._late.append(self._ready[places[-1]])
            del self._ready[places[-1]]


def _of_a_task(handle: Any) -> bool:
    return isinstance(getattr(handle._callback, "__self__", None), asyncio.Task)


def run(loop: SeededLoop, main: Coroutine[Any, Any, T]) -> T | None:
    """Run to the end of `main`; None when the process died on the way.

    What the dead process leaves in memory is unwound, and can touch nothing.
    """
    asyncio.set_event_loop(loop)
    task = loop.create_task(main)
    try:
        loop.run_until_complete(task)
    except RuntimeError:
        if task.done():
            raise
    except BaseException:
        if not loop.died:
            raise
    finally:
        _unwind(loop)
        asyncio.set_event_loop(None)
    return None if loop.died else task.result()


def _unwind(loop: SeededLoop) -> None:
    """Let every task that is left come to an end; take apart by force what does not."""
    loop.orderly, loop.limit = True, loop.turns + _LONGEST_UNWINDING
    with suppress(BaseException):
        loop.run_until_complete(asyncio.sleep(0))  # what was never begun can't be taken apart
    for _ in range(20):
        left = [task for task in asyncio.all_tasks(loop) if not task.done()]
        if not left:
            break
        for task in left:
            if _begun(task):  # one that never began could not be taken apart
                task.cancel()
        with suppress(BaseException):
            loop.run_until_complete(asyncio.wait(left, timeout=100.0))
    if asyncio.all_tasks(loop):
        _take_apart(loop)
    loop.close()


def _begun(task: Any) -> bool:
    return inspect.getcoroutinestate(task.get_coro()) != inspect.CORO_CREATED


def _take_apart(loop: SeededLoop) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of what never began
        for task in asyncio.all_tasks(loop):
            unfinished: Any = task
            unfinished._log_destroy_pending = False
            with suppress(BaseException):
                unfinished.get_coro().close()
        del task, unfinished
        loop._ready.clear()
        gc.collect()


def threads(chance: random.Random, longest: Callable[[], float]) -> Callable[..., Any]:
    """`anyio.to_thread.run_sync` without a thread: the work is done at an instant of the seed's.

    Args:
        longest: Seconds that a piece of work may take.
    """

    async def run_sync(
        work: Callable[..., Any], *args: Any, abandon_on_cancel: bool = False, **_: Any
    ) -> Any:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        took = longest()

        def begin() -> None:
            try:
                value, error = work(*args), None
            except Exception as raised:
                value, error = None, raised
            loop.call_later(took * chance.random(), finish, value, error)

        def finish(value: Any, error: Exception | None) -> None:
            if done.done():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(value)

        loop.call_later(took * chance.random(), begin)
        with anyio.CancelScope(shield=not abandon_on_cancel):
            return await done

    return run_sync
