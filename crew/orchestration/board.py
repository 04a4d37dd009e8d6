"""The task board: an immutable value behind one lock; every write names the version it read.

Nothing is awaited between reading and writing, so a write either applies to what its writer saw
or fails with `StaleTaskVersionError`.
"""

import threading
from collections.abc import Callable, Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from crew.errors import BoardError, StaleTaskVersionError
from crew.events import TaskStatus
from crew.records import ArtifactRef, Failure

DONE: frozenset[TaskStatus] = frozenset({"completed", "skipped"})
"""Statuses that satisfy whoever needs the task."""

DEAD: frozenset[TaskStatus] = frozenset({"failed", "cancelled", "unreachable"})
"""Statuses that no dependent can get over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One step instance.

    Attributes:
        item: What a `foreach` gave it; None for other tasks.
        version: Grows by one with every write.
        attempt: Tries begun.
        owner: The attempt token of whoever works on it; a write of another is refused.
        value: The validated result, once completed.
    """

    id: str
    step: str
    role: str
    needs: tuple[str, ...] = ()
    item: Any = None
    status: TaskStatus = "pending"
    version: int = 1
    attempt: int = 0
    owner: str | None = None
    value: Any = None
    result: ArtifactRef | None = None
    error: Failure | None = None


Tasks = Mapping[str, Task]


@dataclass(slots=True)
class TaskBoard:
    """The board of one run. Readers get a snapshot that never changes under them."""

    _tasks: Tasks = field(default_factory=lambda: MappingProxyType({}))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def tasks(self) -> Tasks:
        """All tasks by id, in the order they were added."""
        return self._tasks

    def ready(self) -> list[Task]:
        """Pending tasks whose needs are all satisfied, in board order."""
        tasks = self._tasks
        return [
            task
            for task in tasks.values()
            if task.status == "pending" and all(tasks[need].status in DONE for need in task.needs)
        ]

    @property
    def finished(self) -> bool:
        """Whether no task can change any more."""
        return all(task.status in DONE | DEAD for task in self._tasks.values())

    def add(self, tasks: Iterable[Task]) -> list[Task]:
        """Put tasks on the board, all or none, whatever their status.

        Returns:
            Those that a dead need makes unreachable, in board order.

        Raises:
            BoardError: An id is taken, a need is unknown, or they would close a cycle.
        """
        added = list(tasks)
        with self._lock:
            merged = dict(self._tasks)
            for task in added:
                if task.id in merged:
                    raise BoardError(f"task {task.id} is already on the board")
                merged[task.id] = task
            _check_needs(merged)
            self._tasks = MappingProxyType(merged)
        dead = [task for task in merged.values() if task.status in DEAD]
        return [lost for task in dead for lost in self._spread(task)]

    def claim(self, task: str, *, expected: int, owner: str) -> Task:
        """Take a ready task: status, owner, dependencies and version in one step.

        Raises:
            StaleTaskVersionError: It changed since `expected` was read.
            BoardError: It is not ready.
        """

        def begin(old: Task, tasks: Tasks) -> Task:
            waiting = [need for need in old.needs if tasks[need].status not in DONE]
            if old.status != "pending" or waiting:
                why = f"it waits for {', '.join(waiting)}" if waiting else f"it is {old.status}"
                raise BoardError(f"task {task} can't be claimed: {why}")
            return replace(old, status="running", owner=owner, attempt=old.attempt + 1)

        return self._write(task, expected, begin)

    def release(self, task: str, *, expected: int, owner: str) -> Task:
        """Give a claimed task back for another attempt."""
        return self._write(
            task, expected, lambda old, _: replace(_owned(old, owner), status="pending", owner=None)
        )

    def reopen(self, tasks: Collection[str], *, remove: Container[str] = ()) -> None:
        """Make tasks that have ended pending again, and take some off the board.

        Raises:
            BoardError: One of them has not ended; nothing changed.
        """
        with self._lock:
            for name in tasks:
                if self._tasks[name].status not in DONE | DEAD:
                    raise BoardError(f"task {name} is {self._tasks[name].status}")
            left = {name: task for name, task in self._tasks.items() if name not in remove}
            for name in tasks:
                if (old := left.get(name)) is not None:
                    left[name] = replace(
                        old,
                        status="pending",
                        version=old.version + 1,
                        value=None,
                        result=None,
                        error=None,
                    )
            self._tasks = MappingProxyType(left)

    def complete(
        self, task: str, *, expected: int, owner: str, value: Any, result: ArtifactRef | None
    ) -> Task:
        """Finish a claimed task with its result, which is never written again."""
        return self._write(
            task,
            expected,
            lambda old, _: replace(
                _owned(old, owner), status="completed", owner=None, value=value, result=result
            ),
        )

    def skip(self, task: str, *, expected: int, owner: str) -> Task:
        """Finish a claimed task whose condition was false."""
        return self._write(
            task, expected, lambda old, _: replace(_owned(old, owner), status="skipped", owner=None)
        )

    def fail(
        self, task: str, *, expected: int, owner: str, status: TaskStatus, error: Failure | None
    ) -> tuple[Task, list[Task]]:
        """End a claimed task badly.

        Returns:
            The task, and every dependent that became unreachable by it, in board order.
        """
        failed = self._write(
            task,
            expected,
            lambda old, _: replace(_owned(old, owner), status=status, owner=None, error=error),
        )
        return failed, self._spread(failed)

    def cancel_pending(self, *, but: Container[str] = ()) -> list[Task]:
        """Cancel every task that no one works on, but some; returns them."""
        with self._lock:
            pending = [
                task
                for task in self._tasks.values()
                if task.status == "pending" and task.id not in but
            ]
            ended = [
                replace(task, status="cancelled", version=task.version + 1) for task in pending
            ]
            self._put(ended)
            return ended

    def _spread(self, dead: Task) -> list[Task]:
        with self._lock:
            lost: dict[str, Task] = {}
            gone = {dead.id}
            for task in _in_order(self._tasks):
                if task.status == "pending" and (why := gone.intersection(task.needs)):
                    gone.add(task.id)
                    message = f"it needs {', '.join(sorted(why))}"
                    lost[task.id] = replace(
                        task,
                        status="unreachable",
                        version=task.version + 1,
                        error=Failure(title="Unreachable", message=message),
                    )
            self._put(lost.values())
            return [self._tasks[name] for name in self._tasks if name in lost]

    def _write(self, name: str, expected: int, change: Callable[[Task, Tasks], Task]) -> Task:
        with self._lock:
            old = self._tasks.get(name)
            if old is None:
                raise BoardError(f"there is no task {name}")
            if old.version != expected:
                raise StaleTaskVersionError(name, expected, old.version)
            new = replace(change(old, self._tasks), version=old.version + 1)
            self._put([new])
            return new

    def _put(self, tasks: Iterable[Task]) -> None:
        changed = {task.id: task for task in tasks}
        self._tasks = MappingProxyType({**self._tasks, **changed})


def _owned(task: Task, owner: str) -> Task:
    if task.owner != owner:
        raise BoardError(f"task {task.id} is not owned by {owner}")
    return task


def _check_needs(tasks: Tasks) -> None:
    for task in tasks.values():
        for need in task.needs:
            if need not in tasks:
                raise BoardError(f"task {task.id} needs {need}, which is not on the board")
    ordered = {task.id for task in _in_order(tasks)}
    stuck = [name for name in tasks if name not in ordered]
    if stuck:
        raise BoardError(f"these tasks need each other: {', '.join(stuck)}")


def _in_order(tasks: Tasks) -> list[Task]:
    """Tasks after everything they need; those in a cycle are left out."""
    order: list[Task] = []
    missing = {task.id: set(task.needs) for task in tasks.values()}
    dependents: dict[str, list[str]] = {}
    for task in tasks.values():
        for need in missing[task.id]:
            dependents.setdefault(need, []).append(task.id)
    free = [name for name, needs in missing.items() if not needs]
    while free:
        name = free.pop(0)
        order.append(tasks[name])
        for dependent in dependents.get(name, ()):
            missing[dependent].discard(name)
            if not missing[dependent]:
                free.append(dependent)
    return order
