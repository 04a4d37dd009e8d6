import sys
import time

import anyio
import anyio.to_thread
import pytest

from tests.doubles.virtual_time import VIRTUAL, Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


async def test_an_hour_passes_without_waiting() -> None:
    began = time.monotonic()
    before = anyio.current_time()
    await anyio.sleep(3600)
    assert anyio.current_time() - before == pytest.approx(3600)
    assert time.monotonic() - began < 5


async def test_timers_fire_in_the_order_of_their_times() -> None:
    order: list[int] = []

    async def wait(seconds: int) -> None:
        await anyio.sleep(seconds)
        order.append(seconds)

    async with anyio.create_task_group() as tasks:
        for seconds in (30, 10, 20):
            tasks.start_soon(wait, seconds)
    assert order == [10, 20, 30]


async def test_the_clock_stands_still_while_a_thread_works() -> None:
    before = anyio.current_time()
    with anyio.fail_after(0.01):
        await anyio.to_thread.run_sync(time.sleep, 0.05)
    assert anyio.current_time() == before


async def test_the_clock_stands_still_while_a_child_process_works() -> None:
    with anyio.fail_after(0.001):
        done = await anyio.run_process([sys.executable, "-c", "print('here')"])
    assert done.stdout == b"here\n"


async def test_a_timeout_ends_work_that_takes_too_long() -> None:
    with anyio.move_on_after(600) as scope:
        await anyio.run_process(["sleep", "60"])
    assert scope.cancelled_caught
