"""The conductor in code: claims what is ready, runs a session for it, and writes down the end.

Deterministic: tasks start in board order, at most `max_concurrency` sessions at a time, and no
model decides the path.
"""

from collections.abc import Callable, Mapping
from typing import Any

import anyio
from anyio.abc import TaskGroup

from crew.bus.recorder import Recorder
from crew.definitions.conditions import compile_condition
from crew.definitions.types import Plan, Step
from crew.errors import CommandError, CrewError, StoreError
from crew.events import TasksReopened, TaskStarted, TaskStatus
from crew.orchestration.board import DEAD, DONE, Task, TaskBoard
from crew.orchestration.earlier import EarlierTasks
from crew.orchestration.fold import fold_results
from crew.orchestration.history import History
from crew.orchestration.journaled import JournaledBoard
from crew.orchestration.prompts import lookup, step_prompt
from crew.orchestration.roster import Ended, Roster
from crew.orchestration.supervision import Supervisor, Then
from crew.records import Failure, Status
from crew.session.permissions import allowed_tools


class Scheduler:
    """Runs one plan's workflow on a board.

    Args:
        spent: Whether a task's budget, or the run's, has nothing left.
    """

    def __init__(
        self,
        *,
        plan: Plan,
        goal: str,
        board: TaskBoard,
        roster: Roster,
        recorder: Recorder,
        max_concurrency: int,
        new_id: Callable[[], str],
        spent: Callable[[str], bool],
        history: History | None = None,
    ) -> None:
        self._plan = plan
        self._goal = goal
        self._board = board
        self._roster = roster
        self._recorder = recorder
        self._max_concurrency = max_concurrency
        self._new_id = new_id
        self._spent = spent
        self._supervisor = Supervisor(plan.team.supervision, recorder.now)
        self._steps = {step.id: step for step in plan.workflow.steps}
        self._ancestors = _ancestors(self._steps)
        self._working = 0
        self._stopped = False
        self._changed = anyio.Event()
        self.statuses: dict[str, Status] = {}
        past = history.tasks if history is not None else {}
        earlier = EarlierTasks(past, self._steps, recorder)
        self._written = JournaledBoard(board, recorder, earlier, self._supervisor)
        self._begun = {name for name, task in past.items() if task.began}
        self._folding: set[str] = set()
        if history is not None:
            self.statuses.update(history.task_statuses())
            for event in history.attempts:
                self._supervisor.fold(event)

    async def run(self) -> None:
        """Work until every task has ended.

        Raises:
            StoreError: The run folder can't be written.
        """
        await self._written.add(
            [
                Task(id=step.id, step=step.id, role=step.role, needs=step.needs)
                for step in self._plan.workflow.steps
            ]
        )
        async with anyio.create_task_group() as tasks:
            while not self._board.finished:
                changed = self._changed
                if self._stopped:
                    await self._written.cancel_pending(but=self._begun)
                self._start_ready(tasks)
                if not self._board.finished:
                    await changed.wait()

    def stop(self) -> None:
        """Start nothing more: tasks that wait are cancelled. Running ones end by their sessions."""
        self._stopped = True
        self._notify()

    def reopen(self, task: str | None) -> TasksReopened:
        """Have a task that has ended run again, with all that depends on it.

        Args:
            task: None for all that did not complete.

        Raises:
            CommandError: It can't; nothing changed.
        """
        if self._stopped:
            raise CommandError("the run is being cancelled")
        happened = self._written.reopen(task, self._folding)
        for name in happened.tasks:
            self.statuses.pop(name, None)
        self._notify()
        return happened

    def _start_ready(self, tasks: TaskGroup) -> None:
        # What was interrupted goes first, so that no more sessions live than may.
        for task in sorted(self._board.ready(), key=lambda task: task.id not in self._begun):
            if self._stopped and task.id not in self._begun:
                continue
            fans_out = self._steps[task.step].foreach is not None and task.id == task.step
            if not fans_out and self._working >= self._max_concurrency:
                continue
            claimed = self._board.claim(task.id, expected=task.version, owner=self._new_id())
            if fans_out:
                tasks.start_soon(self._fan_out, claimed)
            else:
                self._working += 1
                tasks.start_soon(self._work, claimed)

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    # One task.

    async def _work(self, task: Task) -> None:
        try:
            if task.id == task.step and not self._wanted(task):
                await self._written.skip(task)
            else:
                await self._attempt(task)
        finally:
            self._working -= 1
            self._notify()

    def _wanted(self, task: Task) -> bool:
        condition = self._steps[task.step].when
        return condition is None or compile_condition(condition).evaluate(self._read(task))

    def _read(self, task: Task) -> Callable[..., Any]:
        results = {name: self._board.tasks[name].value for name in self._ancestors[task.step]}
        return lookup(self._goal, results, task.item)

    def _start(self, task: Task) -> None:
        """Journal that an attempt begins, unless an earlier process has begun it."""
        if task.id not in self._begun:
            started = TaskStarted(task=task.id, attempt=task.attempt)
            self._supervisor.fold(self._recorder.record(started))
        self._begun.discard(task.id)

    async def _attempt(self, task: Task) -> None:
        begun = task.id in self._begun
        self._start(task)
        failed = self._supervisor.due.get(task.id) if begun else None
        try:
            session = await self._session(task, f"{failed} failed" if failed else None)
        except StoreError:
            raise
        except CrewError as error:
            failure = Failure(title=error.title, message=error.message, hint=error.hint)
            await self._written.fail(task, "failed", failure)
            return
        self.statuses[task.id] = session.status
        if session.status is Status.COMPLETED:
            await self._written.complete(task, session.value, session.result)
        elif session.status is Status.CANCELLED:
            then: Then = "restart" if session.again else "end"
            await self._written.fail(task, "cancelled", session.error, then)
        else:
            await self._judge(task, session)

    async def _judge(self, task: Task, session: Ended) -> None:
        verdict = self._supervisor.judge(
            task.id,
            session.status,
            session.error,
            retries=self._steps[task.step].retries,
            spent=self._spent(task.id),
        )
        if verdict.then == "restart" and not self._stopped:
            self._supervisor.end_with(task.id)
            running = [other for other in self._board.tasks.values() if other.status == "running"]
            named = {other.id: _session_of(other) for other in running}
            others = self._supervisor.others(task.id, named)
            await self._roster.restart([named[other] for other in others], f"{task.id} failed")
        await self._written.fail(task, "failed", verdict.error, verdict.then)

    async def _session(self, task: Task, ends: str | None) -> Ended:
        step = self._steps[task.step]
        agent = self._plan.roles[step.role]
        changes: dict[str, Any] = {}
        if step.output is not None:
            changes["output"] = step.output
        if step.timeout is not None:
            changes["timeout"] = step.timeout
        agent = agent.model_copy(update=changes)
        needed = {name: self._board.tasks[name] for name in self._ancestors[step.id]}
        roles = self._plan.roles
        prompt = step_prompt(
            step,
            task,
            goal=self._goal,
            needed=needed,
            agents={name: roles[self._steps[name].role].name for name in needed},
            store=self._recorder.artifacts.put,
        )
        spec = self._roster.spec(
            agent,
            id=_session_of(task),
            role=step.role,
            prompt=prompt,
            tools=allowed_tools(agent.tools),
            task=task.id,
            attempt=task.attempt,
            title=self._title(task.item),
        )
        return await self._roster.run(spec, ends=ends)

    def _title(self, item: Any) -> str:
        """An item in a few words; secrets go first, since half of one is not recognised."""
        if isinstance(item, dict):
            item = item.get("title") or item.get("name") or item.get("id") or ""
        text = "" if item is None else str(item)
        return " ".join(self._recorder.redact.plain(text).split())[:80]

    # A task for each item.

    async def _fan_out(self, task: Task) -> None:
        if not self._wanted(task):
            await self._written.skip(task)
            self._notify()
            return
        step = self._steps[task.step]
        items = self._read(task)(tuple((step.foreach or "").split(".")))
        if not isinstance(items, list):
            message = f"foreach: {step.foreach} is not a list"
            await self._written.fail(task, "failed", Failure(title="Fan-out", message=message))
            self._notify()
            return
        self._start(task)
        parts = [
            Task(id=f"{task.id}_{number}", step=step.id, role=step.role, item=item)
            for number, item in enumerate(items, start=1)
        ]
        await self._written.add(parts, {part.id: self._title(part.item) for part in parts})
        await self._written.drop(task, but={part.id for part in parts})
        self._notify()
        await self._fold(task, step, [part.id for part in parts])
        self._notify()

    async def _all_ended(self, task: Task, parts: list[str]) -> list[Task]:
        self._folding.add(task.id)
        while True:
            changed = self._changed
            done = [self._board.tasks[part] for part in parts]
            if all(part.status in DONE | DEAD for part in done):
                self._folding.remove(task.id)
                return done
            await changed.wait()

    async def _fold(self, task: Task, step: Step, parts: list[str]) -> None:
        done = await self._all_ended(task, parts)
        dead = [part.id for part in done if part.status in DEAD]
        if dead:
            status: TaskStatus = "cancelled" if self._stopped else "failed"
            message = f"{len(dead)} of {len(parts)} items did not complete: {', '.join(dead)}"
            await self._written.fail(task, status, Failure(title="Fan-out", message=message))
            return
        value = fold_results(step, [part.value for part in done])
        await self._written.complete(task, value, None)


def _session_of(task: Task) -> str:
    """The id of the session of a task's attempt."""
    return task.id if task.attempt == 1 else f"{task.id}~{task.attempt}"


def _ancestors(steps: Mapping[str, Step]) -> dict[str, tuple[str, ...]]:
    """Step id to everything it needs, directly or through others, nearest first."""
    found: dict[str, tuple[str, ...]] = {}

    def visit(name: str) -> tuple[str, ...]:
        if name not in found:
            direct = steps[name].needs
            far = [other for need in direct for other in visit(need)]
            found[name] = tuple(dict.fromkeys([*direct, *far]))
        return found[name]

    for name in steps:
        visit(name)
    return found
