"""Many streams at once: few work at the same time, in order, and nobody is forgotten."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import anyio
import pytest

from crew.models.providers.crowd import AT_ONCE, FEW, LONGEST, MOST, PATIENCE, Crowd, Place
from tests.doubles.virtual_time import VIRTUAL, Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@contextmanager
def streams(crowd: Crowd, number: int) -> Iterator[list[Place]]:
    with ExitStack() as stack:
        yield [stack.enter_context(crowd.joined()) for _ in range(number)]


async def lasted(crowd: Crowd, read: int) -> float:
    began = anyio.current_time()
    await crowd.pause(read)
    return anyio.current_time() - began


@pytest.mark.parametrize(
    ("number", "read", "seconds"),
    [(FEW, 100, 0.0), (50, 100, 0.05), (500, 100, LONGEST), (50, MOST, 0.0)],
    ids=["a few", "many", "very many", "a backlog"],
)
async def test_the_more_streams_there_are_the_longer_one_lets_its_answer_gather(
    number: int, read: int, seconds: float
) -> None:
    crowd = Crowd()
    with streams(crowd, number):
        assert await lasted(crowd, read) == pytest.approx(seconds)


async def test_only_a_few_work_at_the_same_time_and_each_in_its_turn() -> None:
    crowd, at_work, most, order = Crowd(), 0, 0, list[int]()

    async def work(number: int, place: Place) -> None:
        nonlocal at_work, most
        await place.enter()
        order.append(number)
        at_work += 1
        most = max(most, at_work)
        await anyio.sleep(1)
        at_work -= 1
        place.leave()

    with streams(crowd, 3 * AT_ONCE) as places:
        async with anyio.create_task_group() as tasks:
            for number, place in enumerate(places):
                tasks.start_soon(work, number, place)
    assert most == AT_ONCE
    assert order == sorted(order)


async def test_a_stream_that_ends_gives_its_place_back() -> None:
    crowd = Crowd()
    for _ in range(2 * AT_ONCE):
        with crowd.joined() as place:
            await place.enter()
    assert await within(crowd, 0.0)


async def test_a_stream_that_is_cut_while_it_waits_or_is_let_in_loses_no_place() -> None:
    crowd = Crowd()
    with streams(crowd, 2 * AT_ONCE) as places:
        for place in places[:AT_ONCE]:
            await place.enter()
        async with anyio.create_task_group() as tasks:
            for place in places[AT_ONCE:]:
                tasks.start_soon(place.enter)
            await anyio.sleep(0.1)
            for place in places[: AT_ONCE // 2]:
                place.leave()
            tasks.cancel_scope.cancel()
    assert await within(crowd, 0.0)


async def test_a_place_that_someone_sleeps_on_holds_nobody_up_for_good() -> None:
    crowd = Crowd()
    with streams(crowd, AT_ONCE + 1) as places:
        for place in places[:AT_ONCE]:
            await place.enter()
        began = anyio.current_time()
        await places[AT_ONCE].enter()
        assert anyio.current_time() - began == pytest.approx(PATIENCE)
    assert await within(crowd, 0.0)


async def test_one_too_many_is_made_up_for_before_the_next_is_let_in() -> None:
    crowd = Crowd()
    with streams(crowd, AT_ONCE + 2) as places:
        for place in places[: AT_ONCE + 1]:
            await place.enter()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(places[-1].enter)
            await anyio.sleep(1)
            places[0].leave()
            await anyio.sleep(1)
            assert not places[-1].taken
            places[1].leave()
            assert places[-1].taken


async def within(crowd: Crowd, seconds: float) -> bool:
    """Whether all places can be taken in that time, and no more than that."""
    with streams(crowd, AT_ONCE + 1) as places:
        began = anyio.current_time()
        for place in places[:AT_ONCE]:
            await place.enter()
        free = anyio.current_time() - began <= seconds
        with anyio.move_on_after(PATIENCE / 2) as full:
            await places[AT_ONCE].enter()
    return free and full.cancelled_caught
