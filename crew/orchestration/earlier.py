"""Tasks as earlier work on the run left them: another process, or an attempt that is made anew."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic_core import from_json

from crew.bus.recorder import Recorder
from crew.definitions.types import Step
from crew.errors import ToolError
from crew.events import Notice, TaskStatus
from crew.orchestration.board import Task, Tasks
from crew.orchestration.fold import fold_results
from crew.orchestration.history import PastTask
from crew.records import ArtifactRef


class EarlierTasks:
    """Puts what is known of tasks into them.

    Args:
        past: By id; empty for a new run.
        steps: By id.
    """

    def __init__(
        self, past: Mapping[str, PastTask], steps: Mapping[str, Step], recorder: Recorder
    ) -> None:
        self._past = dict(past)
        self._steps = steps
        self._recorder = recorder

    def __contains__(self, task: str) -> bool:
        return task in self._past

    def beside(self, board: Tasks) -> dict[str, PastTask]:
        """The tasks that are not on the board: items of fan-outs that are not at work."""
        return {name: task for name, task in self._past.items() if name not in board}

    def keep(self, task: Task | PastTask, *, again: bool) -> None:
        """Keep a task that is not on the board, as it is or to be run again."""
        past = PastTask(id=task.id, step=task.step, needs=task.needs, attempt=task.attempt)
        if not again:
            past.status, past.result, past.error = task.status, task.result, task.error
        self._past[task.id] = past

    def dropped(self, fan_out: Task, items: Container[str], status: TaskStatus) -> Iterator[str]:
        """The items of an earlier attempt that wait, and that this one does not have."""
        for part in self._parts(fan_out):
            if part.status == "pending" and part.id not in items:
                part.status = status
                yield part.id

    def restored(self, task: Task) -> Task:
        """A task as it was left; one that was worked on is pending."""
        past = self._past.get(task.id)
        if past is None:
            return task
        if past.began or past.status == "pending":
            return replace(task, attempt=past.attempt - past.began)
        if past.status != "completed":
            return replace(task, status=past.status, attempt=past.attempt, error=past.error)
        try:
            return self._completed(task, past)
        except (ToolError, ValueError):
            text = "its stored result is missing or damaged, so it is run again"
            self._recorder.record(Notice(task=task.id, text=text))
            return replace(task, attempt=past.attempt)

    def _completed(self, task: Task, past: PastTask) -> Task:
        done = replace(task, status="completed", attempt=past.attempt, result=past.result)
        if past.result is not None:
            return replace(done, value=self._value(past.result))
        results = [part.result for part in self._parts(task) if part.status == "completed"]
        values = [None if result is None else self._value(result) for result in results]
        return replace(done, value=fold_results(self._steps[task.step], values))

    def _parts(self, fan_out: Task) -> list[PastTask]:
        return [part for part in self._past.values() if part.step == fan_out.id != part.id]

    def _value(self, result: ArtifactRef) -> Any:
        return from_json(self._recorder.artifacts.get(result.name))
