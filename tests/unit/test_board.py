"""The task board: every write names the version it read, and what is final stays."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from crew.errors import BoardError, StaleTaskVersionError
from crew.events import TaskStatus
from crew.orchestration.board import DEAD, DONE, Task, TaskBoard, Tasks
from crew.records import Failure

FINAL = DONE | DEAD
WHY = Failure(title="Broken", message="it broke")
Write = Callable[[str, int, str], Any]


def task(id: str, *needs: str) -> Task:
    return Task(id=id, step=id, role="worker", needs=needs)


def board(*tasks: Task) -> TaskBoard:
    made = TaskBoard()
    made.add(tasks)
    return made


def writes(made: TaskBoard) -> dict[str, Write]:
    """Every way to write one task, by name."""

    def fail(status: TaskStatus) -> Write:
        return lambda id, version, owner: made.fail(
            id, expected=version, owner=owner, status=status, error=WHY
        )

    return {
        "claim": lambda id, version, owner: made.claim(id, expected=version, owner=owner),
        "release": lambda id, version, owner: made.release(id, expected=version, owner=owner),
        "skip": lambda id, version, owner: made.skip(id, expected=version, owner=owner),
        "complete": lambda id, version, owner: made.complete(
            id, expected=version, owner=owner, value={"by": owner}, result=None
        ),
        "fail": fail("failed"),
        "cancel": fail("cancelled"),
    }


WRITES = sorted(writes(TaskBoard()))
NAMES = [f"t{number}" for number in range(8)]


def dependents_of(tasks: Tasks, dead: str) -> set[str]:
    """Everything that needs it, directly or through others, by looking until nothing is new."""
    found = {dead}
    while more := {t.id for t in tasks.values() if found & set(t.needs)} - found:
        found |= more
    return found - {dead}


class BoardMachine(RuleBasedStateMachine):
    """Any writers in any order, right and wrong ones."""

    def __init__(self) -> None:
        super().__init__()
        self.board = TaskBoard()
        self.before: Tasks = self.board.tasks
        self.claims: dict[tuple[str, int], str] = {}

    def write(self, name: str, id: str, version: int, owner: str) -> Task | None:
        """The task after the write; None when it was refused, and then nothing changed."""
        before = self.board.tasks
        try:
            writes(self.board)[name](id, version, owner)
        except BoardError as error:
            assert self.board.tasks is before
            found = before[id].version
            if version != found:
                assert isinstance(error, StaleTaskVersionError)
                assert (error.expected, error.found) == (version, found)
            return None
        assert version == before[id].version, "a stale write was applied"
        return self.board.tasks[id]

    @rule(data=st.data(), count=st.integers(1, 3))
    def add(self, data: st.DataObject, count: int) -> None:
        tasks = self.board.tasks
        alive = [t.id for t in tasks.values() if t.status not in DEAD]
        new = [name for name in NAMES if name not in tasks][:count]
        added = [
            task(name, *data.draw(st.lists(st.sampled_from([*alive, *new]), max_size=3)))
            for name in new
        ]
        try:
            self.board.add(added)
        except BoardError:
            assert self.board.tasks is tasks, "a refused add left something"

    @precondition(lambda self: self.board.tasks)
    @rule(data=st.data(), name=st.sampled_from(WRITES), off=st.sampled_from([0, 0, 0, -1, 1]))
    def write_something(self, data: st.DataObject, name: str, off: int) -> None:
        before = self.board.tasks
        old = before[data.draw(st.sampled_from(list(before)))]
        owner = data.draw(st.sampled_from(["ann", "bob", old.owner or "ann"]))
        new = self.write(name, old.id, old.version + off, owner)
        if new is None:
            return
        if name == "claim":
            assert old.status == "pending"
            assert all(before[need].status in DONE for need in old.needs)
            assert (old.id, new.attempt) not in self.claims, "claimed twice"
            self.claims[old.id, new.attempt] = owner
        else:
            assert old.owner == owner, "written by one who does not own it"
        if new.status in DEAD:
            changed = {t.id for t in self.board.tasks.values() if before[t.id] != t}
            assert changed == {old.id} | dependents_of(before, old.id)
            assert {self.board.tasks[id].status for id in changed - {old.id}} <= {"unreachable"}

    @rule()
    def cancel_what_waits(self) -> None:
        waiting = [t.id for t in self.board.tasks.values() if t.status == "pending"]
        assert [t.id for t in self.board.cancel_pending()] == waiting
        assert all(self.board.tasks[id].status == "cancelled" for id in waiting)

    @invariant()
    def versions_grow_and_ends_are_final(self) -> None:
        for id, old in self.before.items():
            new = self.board.tasks[id]
            if new != old:
                assert new.version == old.version + 1
                assert old.status not in FINAL
        self.before = self.board.tasks

    @invariant()
    def what_is_ready_can_begin_and_the_rest_can_not(self) -> None:
        tasks = self.board.tasks
        able = [
            t.id
            for t in tasks.values()
            if t.status == "pending" and all(tasks[need].status in DONE for need in t.needs)
        ]
        assert [t.id for t in self.board.ready()] == able

    @invariant()
    def no_task_waits_for_a_dead_one(self) -> None:
        tasks = self.board.tasks
        stuck = [
            t.id
            for t in tasks.values()
            if t.status == "pending" and any(tasks[need].status in DEAD for need in t.needs)
        ]
        assert not stuck

    @invariant()
    def a_running_task_has_an_owner_and_no_other_has(self) -> None:
        for t in self.board.tasks.values():
            assert (t.owner is not None) == (t.status == "running")


TestBoard = BoardMachine.TestCase
TestBoard.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_stale_write_names_both_versions() -> None:
    made = board(task("a"))
    made.claim("a", expected=1, owner="ann")
    with pytest.raises(StaleTaskVersionError, match="task a: expected version 1, found 2"):
        made.claim("a", expected=1, owner="bob")


@pytest.mark.parametrize("name", WRITES)
def test_a_task_that_is_not_there_can_not_be_written(name: str) -> None:
    with pytest.raises(BoardError, match="there is no task ghost"):
        writes(board(task("a")))[name]("ghost", 1, "ann")


def test_a_refused_claim_says_what_it_waits_for() -> None:
    made = board(task("a"), task("b"), task("c", "a", "b"))
    with pytest.raises(BoardError, match="it waits for a, b"):
        made.claim("c", expected=1, owner="ann")


def test_a_released_task_can_be_claimed_for_another_attempt() -> None:
    made = board(task("a"))
    first = made.claim("a", expected=1, owner="ann")
    made.release("a", expected=first.version, owner="ann")
    assert made.claim("a", expected=3, owner="bob").attempt == 2


def test_a_snapshot_stays_as_it_was() -> None:
    made = board(task("a"))
    snapshot = made.tasks
    made.claim("a", expected=1, owner="ann")
    assert snapshot["a"].status == "pending"
    with pytest.raises(TypeError):
        snapshot["b"] = task("b")  # type: ignore[index]  # that it can't be written is the point


@pytest.mark.parametrize(
    ("tasks", "word"),
    [
        ([task("a")], "task a is already on the board"),
        ([task("b"), task("b")], "task b is already on the board"),
        ([task("b", "ghost")], "task b needs ghost, which is not on the board"),
        ([task("b", "b")], "these tasks need each other: b"),
        ([task("b", "d"), task("c", "b"), task("d", "c")], "these tasks need each other: b, c, d"),
    ],
)
def test_tasks_that_do_not_fit_are_refused_together(tasks: list[Task], word: str) -> None:
    made = board(task("a"))
    with pytest.raises(BoardError, match=word):
        made.add([task("fine"), *tasks])
    assert list(made.tasks) == ["a"]


def test_a_task_that_needs_a_dead_one_is_unreachable_from_the_start() -> None:
    made = board(task("a"))
    made.claim("a", expected=1, owner="ann")
    made.fail("a", expected=2, owner="ann", status="failed", error=WHY)
    assert [lost.id for lost in made.add([task("b", "a")])] == ["b"]
    assert made.tasks["b"].status == "unreachable"


def test_the_dependents_of_a_dead_task_say_which_need_was_lost() -> None:
    made = board(task("a"), task("b", "a"), task("c", "b"), task("d"))
    made.claim("a", expected=1, owner="ann")
    _, lost = made.fail("a", expected=2, owner="ann", status="failed", error=WHY)
    assert [(t.id, t.error.message if t.error else "") for t in lost] == [
        ("b", "it needs a"),
        ("c", "it needs b"),
    ]
    assert made.tasks["d"].status == "pending"


@given(st.permutations([task("d"), task("c", "d"), task("b", "c"), task("a", "b", "c")]))
@settings(max_examples=24, deadline=None)
def test_tasks_may_be_added_in_any_order(tasks: list[Task]) -> None:
    made = board(*tasks)
    assert list(made.tasks) == [t.id for t in tasks]
    assert [t.id for t in made.ready()] == ["d"]


def test_a_board_is_finished_once_nothing_can_change() -> None:
    made = board(task("a"), task("b", "a"))
    assert not made.finished
    made.claim("a", expected=1, owner="ann")
    made.skip("a", expected=2, owner="ann")
    assert not made.finished
    made.cancel_pending()
    assert made.finished
