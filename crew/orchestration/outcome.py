"""What a run came to, decided in one place from what its tasks came to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crew.orchestration.board import DEAD, Task
from crew.records import ArtifactRef, Failure, Status, Usage

if TYPE_CHECKING:
    from crew.definitions.types import Workflow


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        result: The validated result of the workflow's last step, or step id to result where it
            ends in several; None when there is none.
        report: The final report, Markdown.
        artifact: The result as it is stored.
        recorded: Whether the run's final event is on the disk; without it the run counts as
            interrupted.
    """

    run: str
    folder: Path
    status: Status
    result: Any
    report: str
    error: Failure | None
    usage: Usage
    artifact: ArtifactRef | None = None
    recorded: bool = True


_WORST = (
    Status.OVER_BUDGET,
    Status.FAILED,
    Status.CANCELLED,
    Status.MAX_TURNS,
    Status.NEEDS_ATTENTION,
)


def final_status(
    tasks: Mapping[str, Task], sessions: Mapping[str, Status]
) -> tuple[Status, Failure | None]:
    """The run's status by the worst of its tasks.

    Args:
        sessions: Task id to the status of its last session; a dead task that had none failed.
    """
    dead = [task for task in tasks.values() if task.status in DEAD - {"unreachable"}]
    if not dead:
        return Status.COMPLETED, None
    fanned_out = {task.step for task in dead if task.id != task.step}
    dead = [task for task in dead if task.id not in fanned_out]  # its items say what went wrong
    found = {task.id: sessions.get(task.id, Status.FAILED) for task in dead}
    worst = min(found.values(), key=_rank)
    first = next(task for task in dead if found[task.id] is worst)
    message = first.error.message if first.error is not None else first.status
    status = Status.NEEDS_ATTENTION if worst is Status.MAX_TURNS else worst
    hint = first.error.hint if first.error is not None else ""
    if worst is Status.CANCELLED:
        message, hint = f"cancelled: {message}", hint or "run it again: crew retry"
    return status, Failure(title=f"Task {first.id}", message=message, hint=hint)


def _rank(status: Status) -> int:
    return _WORST.index(status) if status in _WORST else _WORST.index(Status.FAILED)


def final_result(workflow: "Workflow", tasks: Mapping[str, Task]) -> Any:
    """The value of the step that nothing else needs; of several, an object by step id."""
    needed = {need for step in workflow.steps for need in step.needs}
    last = [step.id for step in workflow.steps if step.id not in needed]
    values = {name: tasks[name].value for name in last if tasks[name].status == "completed"}
    if len(last) == 1:
        return values.get(last[0])
    return values or None
