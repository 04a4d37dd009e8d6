"""Folds a feed into a `RunView`; any prefix gives a valid one, and live equals replay."""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, assert_never

from crew.events import (
    CommandAccepted,
    CommandRefused,
    Event,
    Notice,
    PermissionAnswered,
    PermissionAsked,
    ResultSubmitted,
    RunContinued,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    SessionEnded,
    SessionModel,
    SessionStarted,
    SessionStatus,
    SteerDelivered,
    SteerUndelivered,
    TaskAdded,
    TaskEnded,
    TasksReopened,
    TaskStarted,
    ToolBegan,
    Unknown,
)
from crew.feed import FeedItem, Grew
from crew.plaintext import clean
from crew.progress import Progress
from crew.records import UNSTAMPED, Status
from crew.view.state import (
    CommandView,
    LiveSessions,
    NoticeView,
    PermissionView,
    RunView,
    SessionView,
    TaskView,
)
from crew.view.words import preview_line

KEPT = 200
"""Notices and commands that a view holds; older ones are in the journal."""


def replay(items: Iterable[FeedItem]) -> RunView:
    """The view after all of these items."""
    fold = RunFold()
    for item in items:
        fold.apply(item)
    return fold.view


class RunFold:
    """Takes a feed's items one by one; `view` is a frozen value of all that was taken."""

    def __init__(self) -> None:
        self._head = RunView()
        self._heard = UNSTAMPED
        self._tasks: dict[str, TaskView] = {}
        self._sessions: dict[str, SessionView] = {}
        self._moving: dict[str, Progress] = {}
        self._early: dict[str, Progress] = {}
        self._notices: deque[NoticeView] = deque(maxlen=KEPT)
        self._commands: dict[str, CommandView] = {}
        self._view: RunView | None = self._head

    @property
    def view(self) -> RunView:
        """The run so far; the same object until something changed."""
        if self._view is None:
            self._view = replace(
                self._head,
                tasks=dict(self._tasks),
                sessions=LiveSessions(dict(self._sessions), dict(self._moving)),
                notices=tuple(self._notices),
                commands=dict(self._commands),
            )
        return self._view

    def apply(self, item: FeedItem) -> bool:
        """Take one item.

        Returns:
            Whether the view changed. An event that was already taken and progress of a session
            that has ended change nothing.
        """
        if isinstance(item, Grew):
            return False
        if isinstance(item, Progress):
            changed = self._progress(item)
        elif item.seq and item.seq <= self._head.seq:
            changed = False
        else:
            self._set(run=item.run or self._head.run, seq=max(item.seq, self._head.seq))
            self._event(item)
            self._heard = max(self._heard, item.at)
            changed = True
        if changed:
            self._view = None
        return changed

    def _progress(self, item: Progress) -> bool:
        session = self._sessions.get(item.session)
        if session is None:
            self._early[item.session] = item
            return False
        known = self._moving.get(item.session)
        same = known is not None and known.updated == item.updated and known == item
        if session.over or same:
            return False
        self._moving[item.session] = item
        return True

    def _event(self, event: Event) -> None:
        match event:
            case RunStarted() | RunPaused() | RunResumed() | RunEnded():
                self._run_event(event)
            case RunContinued():
                self._continue(event)
            case TaskAdded() | TaskStarted() | TaskEnded():
                self._task_event(event)
            case TasksReopened():
                self._reopen(event.tasks)
            case (
                SessionStarted()
                | SessionStatus()
                | SessionModel()
                | SessionEnded()
                | ResultSubmitted()
            ):
                self._session_event(event)
            case CommandAccepted() | CommandRefused() | SteerDelivered() | SteerUndelivered():
                self._command_event(event)
            case PermissionAsked() | PermissionAnswered():
                self._permission_event(event)
            case Notice():
                text = clean(event.text)
                self._notices.append(NoticeView(at=event.at, session=event.session, text=text))
            case Unknown() | ToolBegan():
                pass
            case _:
                assert_never(event)

    def _continue(self, event: RunContinued) -> None:
        """The run goes on: tasks that are run again wait, and what nobody answered is void.

        Sessions that go on ask the first of their models again. The time since its last process
        was heard of is nobody's.
        """
        left = max(self._heard, event.left or self._heard)
        if left < event.at:
            self._set(idle=(*self._head.idle, (left, event.at)))
        if self._head.over:
            self._set(status=Status.RUNNING, ended=None, error=None, result=None)
        self._reopen(event.tasks)
        for session in self._sessions.values():
            if not session.over:
                first = session.first_model or session.model
                self._sessions[session.id] = replace(session, asks=(), model=first, first_model="")
        self._moving.clear()

    def _reopen(self, tasks: Iterable[str]) -> None:
        waiting: dict[str, Any] = {"status": "pending", "error": None, "result": None}
        for name in tasks:
            if (task := self._tasks.get(name)) is not None:
                self._tasks[name] = replace(task, **waiting, started=None, finished=None)

    def _run_event(self, event: RunStarted | RunPaused | RunResumed | RunEnded) -> None:
        if self._head.over:
            return
        match event:
            case RunStarted():
                self._set(
                    team=event.team,
                    workflow=event.workflow,
                    goal=clean(event.goal),
                    model=event.model,
                    workspace=clean(event.workspace),
                    version=event.version,
                    budget=event.budget,
                    status=Status.RUNNING,
                    started=event.at,
                )
            case RunPaused():
                self._set(status=Status.PAUSED)
            case RunResumed():
                self._set(status=Status.RUNNING)
            case RunEnded():
                self._set(
                    status=event.status, ended=event.at, error=event.error, result=event.result
                )
            case _:
                assert_never(event)

    def _task_event(self, event: TaskAdded | TaskStarted | TaskEnded) -> None:
        key = event.task or ""
        task = self._tasks.get(key) or TaskView(id=key, step=key, role="")
        match event:
            case TaskAdded():
                task = replace(
                    task,
                    step=event.step,
                    role=event.role,
                    needs=event.needs,
                    title=clean(event.title),
                )
            case TaskStarted():
                sessions = _with(task.sessions, event.session)
                task = replace(
                    task,
                    status="running",
                    attempt=event.attempt,
                    sessions=sessions,
                    started=task.started or event.at,
                    finished=None,
                )
            case TaskEnded():
                task = replace(
                    task,
                    status="pending" if event.retry else event.status,
                    attempt=event.attempt or task.attempt,
                    error=event.error,
                    result=event.result,
                    finished=None if event.retry else event.at,
                )
            case _:
                assert_never(event)
        self._tasks[key] = task

    def _session_event(
        self,
        event: SessionStarted | SessionStatus | SessionModel | SessionEnded | ResultSubmitted,
    ) -> None:
        if isinstance(event, SessionStarted):
            self._session_started(event)
            return
        session = self._sessions.get(event.session or "")
        if session is None or session.over:
            return
        match event:
            case SessionStatus():
                session = replace(session, status=event.status, reason=clean(event.reason))
            case SessionModel():
                first = session.first_model or session.model
                session = replace(session, model=event.model, first_model=first)
            case SessionEnded():
                session = replace(
                    session,
                    status=event.status,
                    reason="",
                    ended=event.at,
                    error=event.error,
                    result=event.result or session.result,
                    asks=(),
                    final_turns=event.turns,
                    final_tools=event.tools,
                    final_usage=event.usage,
                )
            case ResultSubmitted():
                session = replace(session, result=event.result, preview=preview_line(event.preview))
            case _:
                assert_never(event)
        self._sessions[session.id] = session
        if session.over:
            self._moving.pop(session.id, None)

    def _session_started(self, event: SessionStarted) -> None:
        key = event.session or ""
        self._sessions[key] = SessionView(
            id=key,
            role=event.role,
            agent=event.agent,
            model=event.model,
            parent=event.parent,
            task=event.task,
            depth=event.depth,
            attempt=event.attempt,
            max_turns=event.max_turns,
            title=clean(event.title),
            started=event.at,
        )
        self._moving.pop(key, None)
        if (progress := self._early.pop(key, None)) is not None:
            self._moving[key] = progress
        if (parent := self._sessions.get(event.parent or "")) is not None:
            children = _with(parent.children, key)
            self._sessions[parent.id] = replace(parent, children=children)
        elif (task := self._tasks.get(event.task or "")) is not None:
            self._tasks[task.id] = replace(task, sessions=_with(task.sessions, key))

    def _command_event(
        self, event: CommandAccepted | CommandRefused | SteerDelivered | SteerUndelivered
    ) -> None:
        match event:
            case CommandAccepted():
                self._remember(CommandView(command=event.command, at=event.at, state="accepted"))
            case CommandRefused():
                self._remember(
                    CommandView(
                        command=event.command,
                        at=event.at,
                        state="refused",
                        reason=clean(event.reason),
                    )
                )
            case SteerDelivered():
                if known := self._commands.get(event.command):
                    self._remember(replace(known, state="delivered", turn=event.turn))
            case SteerUndelivered():
                if known := self._commands.get(event.command):
                    reason = clean(event.reason)
                    self._remember(replace(known, state="undelivered", reason=reason))
            case _:
                assert_never(event)

    def _remember(self, command: CommandView) -> None:
        self._commands[command.command.id] = command
        if len(self._commands) > KEPT:
            del self._commands[next(iter(self._commands))]

    def _permission_event(self, event: PermissionAsked | PermissionAnswered) -> None:
        session = self._sessions.get(event.session or "")
        if isinstance(event, PermissionAnswered):
            owner = session or self._asking(event.request)
            if owner is not None:
                left = tuple(ask for ask in owner.asks if ask.request != event.request)
                self._sessions[owner.id] = replace(owner, asks=left)
            return
        if session is None or session.over:
            return
        ask = PermissionView(
            request=event.request,
            session=event.session,
            tool=event.tool,
            preview=clean(event.preview),
            args=event.args,
            at=event.at,
            change=event.change,
        )
        self._sessions[session.id] = replace(session, asks=(*session.asks, ask))

    def _asking(self, request: str) -> SessionView | None:
        for session in self._sessions.values():
            if any(ask.request == request for ask in session.asks):
                return session
        return None

    def _set(self, **changes: Any) -> None:
        self._head = replace(self._head, **changes)


def _with(known: tuple[str, ...], name: str | None) -> tuple[str, ...]:
    return known if not name or name in known else (*known, name)
