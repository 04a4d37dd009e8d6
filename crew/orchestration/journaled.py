"""The task board with the journal: what becomes of a task is in both, its end there first."""

from collections.abc import Container, Mapping, Sequence
from typing import Any

from crew.bus.recorder import Recorder
from crew.errors import CommandError
from crew.events import TaskAdded, TaskEnded, TasksReopened, TaskStatus
from crew.orchestration.again import reopened
from crew.orchestration.board import Task, TaskBoard
from crew.orchestration.earlier import EarlierTasks
from crew.orchestration.supervision import Supervisor, Then
from crew.records import ArtifactRef, Failure


class JournaledBoard:
    """Writes what becomes of tasks; its supervisor hears of it as the journal has it."""

    def __init__(
        self, board: TaskBoard, recorder: Recorder, earlier: EarlierTasks, supervisor: Supervisor
    ) -> None:
        self._board = board
        self._recorder = recorder
        self._earlier = earlier
        self._supervisor = supervisor

    async def add(self, tasks: Sequence[Task], titles: Mapping[str, str] | None = None) -> None:
        """Put tasks on the board, as they were left where there is earlier work on them."""
        lost = self._board.add([self._earlier.restored(task) for task in tasks])
        for task in tasks:
            if task.id not in self._earlier:
                title = (titles or {}).get(task.id, "")
                self._recorder.record(
                    TaskAdded(
                        task=task.id, step=task.step, role=task.role, needs=task.needs, title=title
                    )
                )
        await self._tell_lost(lost)

    async def drop(
        self, fan_out: Task, *, but: Container[str], status: TaskStatus = "skipped"
    ) -> None:
        """End the items of an earlier attempt that a fan-out has no more."""
        for item in self._earlier.dropped(fan_out, but, status):
            await self._recorder.commit(TaskEnded(task=item, status=status))

    def reopen(self, task: str | None, folding: Container[str]) -> TasksReopened:
        """Make tasks that have ended pending again; the event is the caller's to write.

        Args:
            task: Whose, with all that depends on it; None for all that did not complete.
            folding: Fan-outs that wait for their items.

        Raises:
            CommandError: It can't be done; nothing changed.
        """
        board = self._board.tasks
        beside = self._earlier.beside(board)
        for name in [name for name, known in beside.items() if known.step in folding]:
            gone = beside.pop(name)  # nobody waits for what a list that was made anew has no more
            if name == task:
                raise CommandError(
                    f"{task} is no item of {gone.step} any more: its list is another"
                )
        again = reopened({**board, **beside}, task, folding)
        # Items come back to the board with the list to come.
        items = [item for item in board.values() if item.id != item.step in again]
        for item in items:
            self._earlier.keep(item, again=item.id in again)
        for name in beside.keys() & again:
            self._earlier.keep(beside[name], again=True)
        self._board.reopen(
            [name for name in again if name in board], remove={item.id for item in items}
        )
        happened = TasksReopened(tasks=again)
        self._supervisor.fold(happened)
        return happened

    async def cancel_pending(self, *, but: Container[str]) -> None:
        """Cancel every task that no one works on, but some."""
        for task in self._board.cancel_pending(but=but):
            await self._recorder.commit(TaskEnded(task=task.id, status="cancelled"))
            await self.drop(task, but=self._board.tasks, status="cancelled")

    async def skip(self, task: Task) -> None:
        """Finish a claimed task whose condition was false."""
        await self.drop(task, but=self._board.tasks)
        await self._recorder.commit(TaskEnded(task=task.id, status="skipped"))
        self._board.skip(task.id, expected=task.version, owner=task.owner or "")

    async def complete(self, task: Task, value: Any, result: ArtifactRef | None) -> None:
        """Finish a claimed task with its value."""
        ended = TaskEnded(task=task.id, status="completed", attempt=task.attempt, result=result)
        await self._recorder.commit(ended)
        self._board.complete(
            task.id, expected=task.version, owner=task.owner or "", value=value, result=result
        )

    async def fail(
        self, task: Task, status: TaskStatus, error: Failure | None, then: Then = "end"
    ) -> None:
        """End an attempt at a claimed task badly, and the task with it if no other follows."""
        ended = TaskEnded(
            task=task.id,
            status=status,
            attempt=task.attempt,
            retry=then != "end",
            restart=then == "restart",
            error=error,
        )
        self._supervisor.fold(await self._recorder.commit(ended))
        owner = task.owner or ""
        if then != "end":
            self._board.release(task.id, expected=task.version, owner=owner)
            return
        await self.drop(task, but=self._board.tasks, status="unreachable")
        _, lost = self._board.fail(
            task.id, expected=task.version, owner=owner, status=status, error=error
        )
        await self._tell_lost(lost)

    async def _tell_lost(self, lost: list[Task]) -> None:
        for task in lost:
            if self._board.tasks[task.id].version == task.version:  # else it is run again by now
                await self._recorder.commit(
                    TaskEnded(task=task.id, status=task.status, error=task.error)
                )
                await self.drop(task, but=self._board.tasks, status=task.status)
