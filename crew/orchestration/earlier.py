"""Tasks as an earlier process of the run left them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic_core import from_json

from crew.bus.recorder import Recorder
from crew.definitions.types import Step
from crew.errors import ToolError
from crew.events import Notice
from crew.orchestration.board import Task
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
        self._past = past
        self._steps = steps
        self._recorder = recorder

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
        parts = [part for part in self._past.values() if part.step == task.id != part.id]
        values = [None if part.result is None else self._value(part.result) for part in parts]
        return replace(done, value=fold_results(self._steps[task.step], values))

    def _value(self, result: ArtifactRef) -> Any:
        return from_json(self._recorder.artifacts.get(result.name))
