"""The spawn ledger: every slot taken is given back once, whatever happens in between."""

from collections import Counter
from dataclasses import dataclass

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from crew.definitions.types import SpawnLimits
from crew.errors import SpawnError
from crew.orchestration.ledger import SpawnLedger
from tests.doubles.virtual_time import VIRTUAL


@dataclass(frozen=True)
class Visit:
    """Somebody who asks for a slot.

    Attributes:
        parent: None for a task, which waits.
        patience: Seconds after which it is cancelled, waiting or not.
    """

    at: int
    stays: int
    parent: str | None
    patience: int


visits = st.builds(
    Visit,
    at=st.integers(0, 20),
    stays=st.integers(0, 10),
    parent=st.sampled_from([None, None, "a", "b"]),
    patience=st.integers(0, 30),
)


@settings(max_examples=200, deadline=None)
@given(
    planned=st.lists(visits, max_size=25),
    sessions=st.integers(1, 4),
    fan_out=st.integers(0, 3),
)
def test_no_limit_is_passed_nobody_is_forgotten_and_every_slot_comes_back(
    planned: list[Visit], sessions: int, fan_out: int
) -> None:
    ledger = SpawnLedger(SpawnLimits(sessions=sessions, fan_out=fan_out))
    living: Counter[str | None] = Counter()
    ends: list[str] = []

    async def come(visit: Visit) -> None:
        await anyio.sleep(visit.at)
        end = "cancelled"
        with anyio.move_on_after(visit.patience):
            try:
                async with ledger.slot("x", parent=visit.parent, depth=1):
                    living[visit.parent] += 1
                    try:
                        assert living.total() == ledger.live <= sessions
                        assert all(living[parent] <= fan_out for parent in ("a", "b"))
                        await anyio.sleep(visit.stays)
                    finally:
                        living[visit.parent] -= 1
                end = "left"
            except SpawnError:
                assert visit.parent is not None
                end = "refused"
        ends.append(end)

    async def run() -> None:
        async with anyio.create_task_group() as crowd:
            for visit in planned:
                crowd.start_soon(come, visit)
        assert ledger.live == 0

    anyio.run(run, backend_options=VIRTUAL[1])
    assert len(ends) == len(planned)


def test_tasks_take_the_slots_in_the_order_in_which_they_asked() -> None:
    came: list[int] = []

    async def run() -> None:
        ledger = SpawnLedger(SpawnLimits(sessions=2))

        async def task(number: int) -> None:
            await anyio.sleep(number)
            async with ledger.slot("x", parent=None, depth=0):
                came.append(number)
                await anyio.sleep(20)

        async with anyio.create_task_group() as tasks:
            for number in range(6):
                tasks.start_soon(task, number)

    anyio.run(run, backend_options=VIRTUAL[1])
    assert came == list(range(6))


def test_a_slot_that_a_task_waits_for_is_not_a_childs() -> None:
    async def run() -> list[str]:
        ledger = SpawnLedger(SpawnLimits(sessions=1))
        said: list[str] = []

        async def task() -> None:
            async with ledger.slot("x", parent=None, depth=0):
                said.append("task")
                await anyio.sleep(5)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(task)
            await anyio.sleep(1)
            tasks.start_soon(task)
            await anyio.sleep(4)
            try:
                async with ledger.slot("x", parent="a", depth=1):
                    said.append("child")
            except SpawnError as error:
                said.append(error.message)
        return said

    said = anyio.run(run, backend_options=VIRTUAL[1])
    assert sorted(said) == ["task", "task", "the run has 1 live sessions, which is its limit"]


def test_what_an_earlier_process_had_let_in_has_its_place_until_its_parent_ends() -> None:
    async def run() -> list[tuple[float, str]]:
        ledger = SpawnLedger(SpawnLimits(sessions=3), {"a": None, "a.1": "a", "a.2": "a"})
        came: list[tuple[float, str]] = []

        async def visit(name: str, parent: str | None, seconds: float) -> None:
            async with ledger.slot(name, parent=parent, depth=int(parent is not None)):
                came.append((anyio.current_time(), name))
                await anyio.sleep(seconds)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(visit, "b", None, 1)
            await anyio.sleep(1)
            tasks.start_soon(visit, "a", None, 10)
            await anyio.sleep(1)
            tasks.start_soon(visit, "a.1", "a", 20)
        return came

    came = anyio.run(run, backend_options=VIRTUAL[1])
    assert [(round(at), name) for at, name in came] == [(1, "a"), (2, "a.1"), (11, "b")]
