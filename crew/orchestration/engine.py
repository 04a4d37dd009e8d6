"""A run from its first event to its last: nursery, middleware, scheduler, and the one ending."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import anyio
from anyio.abc import TaskGroup, TaskStatus

from crew import __version__
from crew.budget import NO_BUDGET, Budget
from crew.bus.recorder import Recorder
from crew.definitions.types import Plan, SpawnLimits
from crew.errors import CrewError, LeaseLostError, StoreError
from crew.events import (
    PermissionAnswered,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    TasksReopened,
)
from crew.models.protocol import ModelClient
from crew.models.providers.names import RULES
from crew.models.registry import Models
from crew.orchestration.board import TaskBoard
from crew.orchestration.control import RunControl
from crew.orchestration.history import History
from crew.orchestration.ledger import SpawnLedger
from crew.orchestration.outcome import RunOutcome, final_result, final_status
from crew.orchestration.report import report_markdown
from crew.orchestration.roster import Roster
from crew.orchestration.scheduler import Scheduler
from crew.orchestration.spent import spenders, unannounced
from crew.orchestration.unsettled import unsettled
from crew.records import ArtifactRef, Failure, Status, indented_json
from crew.session.budget import RunBudget
from crew.session.budget_guard import budget_middleware
from crew.session.context import ContextGuard
from crew.session.environment import Environment
from crew.session.middleware import Middleware
from crew.session.past import Past
from crew.session.paths import PathSafety
from crew.session.permissions import Approvals, Permission
from crew.session.retry import ModelRetry
from crew.session.session import Session
from crew.session.step import as_crew_error
from crew.session.toolset import Toolbox
from crew.store.atomic import replace
from crew.store.folder import RunFolder
from crew.tools.protocol import SpawnOutcome, SpawnRequest, Tool
from crew.tools.workspace import ReviewScope, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the person who starts a run decides.

    Attributes:
        grants: Effects (`write`, `execute`) and tool names that need no asking.
        interactive: Whether somebody is there to answer permission requests.
        middleware: Further middleware, behind the built-in ones of its stage.
        tools: Further tools by name.
    """

    goal: str = ""
    scope: ReviewScope = field(default_factory=ReviewScope)
    max_concurrency: int = 4
    budget: Budget = NO_BUDGET
    grants: frozenset[str] = frozenset()
    interactive: bool = False
    limits: SpawnLimits = field(default_factory=SpawnLimits)
    middleware: tuple[Middleware, ...] = ()
    tools: Mapping[str, Tool[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where time, ids and randomness come from."""

    now: Callable[[], datetime]
    new_id: Callable[[], str]
    jitter: Callable[[], float]


class Engine:
    """One run. `run` is called once; commands go to the control that it hands out.

    Args:
        history: What earlier processes of the run have done; None for a new run.
    """

    def __init__(
        self,
        *,
        folder: RunFolder,
        plan: Plan,
        options: RunOptions,
        models: Models,
        workspace: Workspace,
        recorder: Recorder,
        sources: Sources,
        history: History | None = None,
    ) -> None:
        self._folder = folder
        self._plan = plan
        self._options = options
        self._models = models
        self._workspace = workspace
        self._recorder = recorder
        self._sources = sources
        self._board = TaskBoard()
        self._budget = RunBudget(options.budget, of_task=self._budget_of, price=models.price)
        self._history = history
        self._approvals = Approvals(
            interactive=options.interactive, asked=history.asked if history is not None else 0
        )
        self._scope = anyio.CancelScope()
        self._cancelled: str | None = None
        self._fatal: Exception | None = None

    async def run(
        self, ended: Callable[[RunOutcome], None], *, task_status: TaskStatus[RunControl]
    ) -> None:
        """Run to the end; hands out the control as soon as commands can be taken.

        Args:
            ended: Takes the outcome, once the final event is on disk. What a cancelled tool may
                still be cleaning up is waited for behind it.
        """
        taking: RunControl | None = None
        try:
            async with anyio.create_task_group() as nursery:
                await nursery.start(self._recorder.run)
                nursery.start_soon(_end_when_refused, self._recorder, self._fail)
                roster, scheduler = self._conductors(nursery)
                control = self._control(roster, scheduler)
                await self._announce()
                if self._history is not None:
                    self._take_up(self._history, control)
                task_status.started(control)
                taking = control
                with self._scope:
                    await scheduler.run()
                outcome = self._outcome(scheduler)
                control.close(outcome.status.value)
                ended(await self._finish(outcome))
                nursery.cancel_scope.cancel()
        except Exception as raised:  # a run that began has an outcome, whatever went wrong
            error = as_crew_error(self._fatal or raised)
            if taking is None:
                raise error from raised
            self._fail(error)
            taking.close(Status.FAILED.value)
            ended(await self._finish(self._failed(error)))
        finally:
            with anyio.CancelScope(shield=True), suppress(StoreError):
                await self._recorder.close()

    def _conductors(self, nursery: TaskGroup) -> tuple[Roster, Scheduler]:
        async def spawn(parent: Session, request: SpawnRequest, call: str) -> SpawnOutcome:
            return await roster.spawn(parent, request, call)

        env = Environment(
            recorder=self._recorder,
            workspace=self._workspace,
            scope=self._options.scope,
            model=self._models.client,
            toolbox=Toolbox(self._options.tools),
            middleware=self._middleware(),
            approvals=self._approvals,
            nursery=nursery,
            spawn=spawn,
            past=self._past,
            mark=self._folder.mark,
            fail=self._fail,
            now=self._sources.now,
            new_id=self._sources.new_id,
        )
        ledger = SpawnLedger(self._options.limits, _begun(self._history))
        roster = Roster(
            env, plan=self._plan, models=self._models, ledger=ledger, history=self._history
        )
        scheduler = Scheduler(
            plan=self._plan,
            goal=self._options.goal,
            board=self._board,
            roster=roster,
            recorder=self._recorder,
            max_concurrency=self._options.max_concurrency,
            new_id=self._sources.new_id,
            spent=self._budget.over,
            history=self._history,
        )
        return roster, scheduler

    def _past(self, session: str) -> Past | None:
        return self._history.past(session) if self._history is not None else None

    def _middleware(self) -> tuple[Middleware, ...]:
        uncertain = self._history.uncertain() if self._history is not None else frozenset()
        return (
            PathSafety(self._workspace),
            Permission(self._options.grants, self._approvals, uncertain),
            ModelRetry(self._sources.jitter),
            *budget_middleware(self._budget, [self._options.budget, *self._plan.budgets]),
            ContextGuard(self._fast_model),
            *self._options.middleware,
        )

    def _budget_of(self, task: str) -> Budget:
        """The budget of a task; an item's task is named after its step."""
        budgets = {step.id: step.budget for step in self._plan.workflow.steps}
        return budgets.get(task) or budgets.get(task.rpartition("_")[0], NO_BUDGET)

    def _fast_model(self) -> ModelClient | None:
        """The model for work beside the sessions' own; None where only checks are built in."""
        name = self._models.names(["fast"])[0]
        return None if name == RULES else self._models.client(name)

    def _control(self, roster: Roster, scheduler: Scheduler) -> RunControl:
        def cancel(reason: str) -> None:
            if self._cancelled is None:
                self._cancelled = reason
                roster.cancel(reason)
                scheduler.stop()

        def retry(task: str | None) -> TasksReopened:
            happened = scheduler.reopen(task)
            self._budget.begin_anew(happened.tasks)
            return happened

        return RunControl(
            roster=roster,
            recorder=self._recorder,
            approvals=self._approvals,
            cancel=cancel,
            retry=retry,
            now=self._sources.now,
        )

    async def _announce(self) -> None:
        """Write the first events of this process."""
        history = self._history
        if history is None or not history.started:
            self._recorder.record(self._started())
        if history is not None and history.continued is not None:
            for path in unsettled(self._folder, history):
                self._recorder.sync_with_next(path)
            await self._recorder.commit(history.continued)

    def _started(self) -> RunStarted:
        first = next(iter(self._plan.roles.values()))
        return RunStarted(
            team=self._plan.team.name,
            workflow=self._plan.workflow.name,
            goal=self._options.goal,
            model=self._models.names(first.model)[0],
            workspace=str(self._workspace.root),
            version=__version__,
            budget=self._options.budget.limits,
        )

    def _take_up(self, history: History, control: RunControl) -> None:
        """Take back what earlier processes have promised and spent."""
        if any(budget.limits for budget in (self._options.budget, *self._plan.budgets)):
            self._budget.restore(spenders(self._plan, self._folder, history))
        else:
            for usage in (history.usage(), *unannounced(self._folder, history)):
                self._budget.settle((), usage)
        control.remember(history.replies)
        for name, asked in history.asks.items():
            self._recorder.record(
                PermissionAnswered(
                    session=asked.session,
                    task=asked.task,
                    request=name,
                    decision="deny",
                    reason="the run was interrupted before it was answered",
                )
            )
        if history.told_paused != bool(history.latch):
            self._recorder.record(RunPaused() if history.latch else RunResumed())
        if history.cancelled is not None:
            control.cancel(history.cancelled)

    def _fail(self, error: Exception) -> None:
        """Take the error that no session can survive; the first one is the run's.

        What a disk has refused leaves the run as it stands, to be taken up again.
        """
        if isinstance(error, StoreError):
            self._recorder.fail(error)
        if self._fatal is None:
            self._fatal = error
            self._scope.cancel()

    def _outcome(self, scheduler: Scheduler) -> RunOutcome:
        if self._fatal is not None:
            return self._failed(as_crew_error(self._fatal))
        status, error = final_status(self._board.tasks, scheduler.statuses)
        if self._cancelled is not None:
            status = Status.CANCELLED
            error = Failure(title="Cancelled", message=self._cancelled)
        return self._described(status, error)

    def _failed(self, error: CrewError) -> RunOutcome:
        failure = Failure(title=error.title, message=error.message, hint=error.hint)
        return self._described(Status.FAILED, failure)

    def _described(self, status: Status, error: Failure | None) -> RunOutcome:
        tasks = self._board.tasks
        result = self._redacted(final_result(self._plan.workflow, tasks)) if tasks else None
        report = report_markdown(
            team=self._plan.team.name,
            goal=self._options.goal,
            note=self._note(),
            status=status,
            error=error,
            result=result,
            tasks=list(tasks.values()),
        )
        return RunOutcome(
            run=self._folder.id,
            folder=self._folder.root,
            status=status,
            result=result,
            report=self._recorder.redact.plain(report),
            error=error,
            usage=self._budget.spent,
        )

    def _redacted(self, result: Any) -> Any:
        """A result as it may leave the run: on standard output as little as on the disk."""
        return json.loads(self._recorder.redact(indented_json(result).decode()))

    def _note(self) -> str:
        asked = (agent.model for agent in self._plan.roles.values())
        names = {name for wanted in asked for name in self._models.names(wanted)}
        notes = {self._models.client(name).note for name in sorted(names)}
        late = "a session had to submit what it had"
        cuts = [f"cut short by the {words}: {late}" for words in self._budget.last_calls]
        denied = [words] if (words := self._approvals.denied) else []
        return "\n".join([*sorted(note for note in notes if note), *cuts, *denied])

    async def _finish(self, outcome: RunOutcome) -> RunOutcome:
        """Store the result and the report, then write the run's one final event.

        Raises:
            StoreError: The run folder can't be written, which had not shown before.
        """
        try:
            if isinstance(self._recorder.failed, LeaseLostError):
                raise self._recorder.failed  # what is in the folder is another process's now
            outcome = dataclasses.replace(outcome, artifact=self._store_result(outcome))
            await self._recorder.settle()
            report = outcome.report.encode("utf-8", "backslashreplace")
            replace(self._folder.report, report, sync_folder=True)
            ended = RunEnded(
                status=outcome.status,
                error=outcome.error,
                result=outcome.artifact,
                usage=outcome.usage,
            )
            with anyio.CancelScope(shield=True):
                await self._recorder.commit(ended)
        except StoreError:
            if self._fatal is None:
                raise
            return dataclasses.replace(outcome, recorded=False)
        return outcome

    def _store_result(self, outcome: RunOutcome) -> ArtifactRef | None:
        if outcome.result is None:
            return None
        return self._recorder.artifacts.put("result.json", indented_json(outcome.result))


def _begun(history: History | None) -> Mapping[str, str | None]:
    """Sessions of an earlier process that go on, with the parent of each."""
    if history is None:
        return {}
    return {
        name: session.started.parent
        for name, session in history.sessions.items()
        if session.ended is None and history.tasks[session.started.task or ""].began
    }


async def _end_when_refused(recorder: Recorder, end: Callable[[Exception], None]) -> None:
    """End the run once the disk has refused, also where only a command has come upon it."""
    await recorder.refused.wait()
    if recorder.failed is not None:
        end(recorder.failed)
