"""How late an event loop wakes while it works, beside one that idles on the same machine.

What the idle one is late by is the machine's doing. What the loop's own thread worked between the
due time and the wake is the loop's own lag: it would be so late on a machine of its own.
"""

import asyncio
import multiprocessing
import selectors
import statistics
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import anyio

TICK = 0.01
"""Seconds between two looks at the clock."""


class _Watched(selectors.DefaultSelector):
    """Notes when each round of its loop ended, and what it took by the clock, and of CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds: list[tuple[float, float, float]] = []
        self._woke: tuple[float, float] | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._woke is not None:
            self.rounds.append(self._round())
        ready = super().select(timeout)
        self._woke = time.perf_counter(), time.thread_time()
        return ready

    def worked_since(self, due: float) -> float:
        """Seconds of CPU since then, up to now."""
        worked = 0.0
        for end, took, cpu in (self._round(), *reversed(self.rounds)):
            if end <= due:
                break
            worked += cpu * min((end - due) / took, 1.0)
        return worked

    def _round(self) -> tuple[float, float, float]:
        now, cpu = time.perf_counter(), time.thread_time()
        began, began_cpu = self._woke or (now, cpu)
        return now, max(now - began, 1e-9), cpu - began_cpu


_selector = _Watched()


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a program on a loop whose rounds are noted."""
    options = {"loop_factory": lambda: asyncio.SelectorEventLoop(_selector)}
    anyio.run(main, backend_options=options)


def idle(pipe: Connection) -> None:
    """Sample an idle loop from each word that comes to the next; `done` ends it."""
    lags: list[float] = []

    def listen() -> None:
        while pipe.recv() != "done":
            pipe.send(lags.copy())
            lags.clear()

    listener = threading.Thread(target=listen)
    listener.start()

    async def main() -> None:
        while listener.is_alive():
            due = await _due()
            lags.append(time.perf_counter() - due)

    anyio.run(main)


@contextmanager
def idle_loop() -> Iterator[Connection]:
    """An idle loop in a process of its own: each word to it is answered with its lags since."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=idle, args=(there,))
    process.start()
    try:
        yield here
    finally:
        here.send("done")
        process.join()


async def lag_of(read: Callable[[], Awaitable[Any]], beside: Connection) -> str:
    """How late the loop wakes meanwhile, in words; run by `run`.

    Args:
        beside: The idle loop.
    """
    lags: list[float] = []
    own: list[float] = []

    async def watch() -> None:
        while True:
            due = await _due()
            lags.append(time.perf_counter() - due)
            own.append(_selector.worked_since(due))

    _lags_of(beside)
    _selector.rounds.clear()
    began, spent = time.perf_counter(), time.process_time()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        await read()
        tasks.cancel_scope.cancel()
    busy = (time.process_time() - spent) / (time.perf_counter() - began)
    return (
        f"loop lag {_spread(lags)}; its own {_spread(own)}; "
        f"of an idle loop beside it {_spread(_lags_of(beside))}; "
        f"CPU of a round {_spread([cpu for _, _, cpu in _selector.rounds])}; CPU {busy:.0%}"
    )


async def _due() -> float:
    """Sleep for a tick; gives when it should have ended."""
    due = time.perf_counter() + TICK
    await anyio.sleep(TICK)
    return due


def _lags_of(beside: Connection) -> list[float]:
    beside.send("lags")
    lags: list[float] = beside.recv()
    return lags


def _spread(seconds: Sequence[float]) -> str:
    cuts = statistics.quantiles(seconds, n=100)
    return f"p50 {cuts[49] * 1e3:.1f}, p95 {cuts[94] * 1e3:.1f}, most {max(seconds) * 1e3:.0f} ms"
