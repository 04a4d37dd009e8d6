"""What `crew ps --json` and `crew show RUN --json` print: one JSON document each, for programs.

`crew ps --json` is a list, newest first, of objects with `run`, `team`, `goal`, `status`, `live`
(whether a process runs it now), `model`, `created`, `updated` and `usage`.

`crew show RUN --json` is an object: `v`, `run`, `team`, `workflow`, `goal`, `model`, `workspace`,
`forked_from` (a run and the point in it, or null), `status`, `live`, `started`, `ended`, `error`,
`usage`, `verdict`, `result` (validated, or null), `folder`, `report` (path or null), and

- `tasks`, in board order: `id`, `step`, `role`, `title`, `needs`, `status`, `attempt`, `error`,
  `sessions` (one id for each attempt);
- `sessions`, in the order they started: `id`, `role`, `agent`, `model`, `parent`, `task`,
  `attempt`, `status`, `started`, `ended`, `turns`, `tools`, `usage`, `error`, `preview`.

Times are UTC as in the journal; `error` is null or has `title`, `message` and `hint`. A run's
transcript (`crew show RUN/SESSION --json`) and journal (`crew logs RUN --json`) are printed line
by line as they are on disk.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from crew.console.report import report_path
from crew.records import SCHEMA_VERSION, Failure, JsonObject, timestamp
from crew.view import RunView, SessionView, TaskView, verdict

if TYPE_CHECKING:
    from crew.service import RunOutcome, RunSummary


def runs_document(runs: Sequence["RunSummary"]) -> list[JsonObject]:
    """The list of runs, in the order given."""
    return [
        {
            "run": run.id,
            "team": run.team,
            "goal": run.goal,
            "status": run.status,
            "live": run.live,
            "model": run.model,
            "created": timestamp(run.created),
            "updated": timestamp(run.updated),
            "usage": run.usage.model_dump(),
        }
        for run in runs
    ]


def run_document(
    view: RunView, summary: "RunSummary", outcome: "RunOutcome | None", folder: str
) -> JsonObject:
    """One run."""
    report = report_path(outcome) if outcome else None
    result = outcome.result if outcome else None
    return {
        "v": SCHEMA_VERSION,
        "run": summary.id,
        "team": summary.team,
        "workflow": view.workflow,
        "goal": summary.goal,
        "model": summary.model,
        "workspace": view.workspace,
        "forked_from": summary.forked_from or None,
        "status": summary.status,
        "live": summary.live,
        "started": _time(view.started),
        "ended": _time(view.ended),
        "error": _error(view.error),
        "usage": view.totals.usage.model_dump(),
        "verdict": verdict(result),
        "result": result,
        "folder": folder,
        "report": str(report) if report else None,
        "tasks": [_task(task) for task in view.tasks.values()],
        "sessions": [_session(session) for session in view.sessions.values()],
    }


def _task(task: TaskView) -> JsonObject:
    return {
        "id": task.id,
        "step": task.step,
        "role": task.role,
        "title": task.title,
        "needs": list(task.needs),
        "status": task.status,
        "attempt": task.attempt,
        "error": _error(task.error),
        "sessions": list(task.sessions),
    }


def _session(session: SessionView) -> JsonObject:
    return {
        "id": session.id,
        "role": session.role,
        "agent": session.agent,
        "model": session.model,
        "parent": session.parent,
        "task": session.task,
        "attempt": session.attempt,
        "status": session.status,
        "started": timestamp(session.started),
        "ended": _time(session.ended),
        "turns": session.turns,
        "tools": session.tools,
        "usage": session.usage.model_dump(),
        "error": _error(session.error),
        "preview": session.preview,
    }


def _time(at: datetime | None) -> str | None:
    return timestamp(at) if at else None


def _error(error: Failure | None) -> JsonObject | None:
    return error.model_dump() if error else None
