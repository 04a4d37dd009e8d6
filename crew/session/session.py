"""One agent's conversation: its state, and the few ways in which it may change."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Literal, TypeVar

import anyio
import anyio.lowlevel

from crew.definitions.types import Agent
from crew.entries import (
    Entry,
    FollowUpEntry,
    Message,
    Outcome,
    SteerEntry,
    ToolCallEntry,
    ToolResultEntry,
    UsageEntry,
    UserEntry,
    is_message,
)
from crew.errors import SteeredError
from crew.events import EventBase, SessionModel, SessionStatus, SteerDelivered, ToolBegan
from crew.models.answer import Answer
from crew.models.protocol import ModelClient, ModelRequest, Settings
from crew.progress import Progress
from crew.records import TERMINAL, ArtifactRef, Failure, JsonObject, Status, Usage
from crew.session.environment import Environment
from crew.session.gate import Gate, Latch
from crew.session.inbox import Inbox
from crew.session.meter import Meter
from crew.session.middleware import Call, compose
from crew.session.past import Past
from crew.session.spec import SessionSpec
from crew.session.state import check_transition
from crew.session.stopwatch import Stopwatch
from crew.session.toolset import SUBMIT, Toolset
from crew.tools.protocol import ToolOutput

EventT = TypeVar("EventT", bound=EventBase)


class Session:
    """State of one session. `agent_step` drives it, `Reception` brings commands, `end` ends it.

    Args:
        ask: Makes one model request; the innermost of the middleware chain.
        run: Runs one tool call; the innermost of the middleware chain.
        run_latch: How the run's pause latch stands when the session begins.
        past: What it was under an earlier process of the run; None for a new one.
    """

    def __init__(
        self,
        spec: SessionSpec,
        env: Environment,
        toolset: Toolset,
        *,
        ask: "Callable[[Session, ModelRequest], Awaitable[Answer]]",
        run: "Callable[[Session, Call], Awaitable[ToolOutput]]",
        parent: "Session | None" = None,
        run_latch: Latch = Latch.OPEN,
        past: Past | None = None,
    ) -> None:
        self.spec = spec
        self.past = past
        self.env = env
        self.toolset = toolset
        self.parent = parent
        self.children: list[Session] = []
        self.status = Status.PENDING
        self.turn = self.reminders = 0
        self.forced_tool: str | None = None
        self.closing = self.follow_up_due = False
        self.submitted: JsonObject | None = None
        self.result: ArtifactRef | None = None
        self.error: Failure | None = None
        self.cause: tuple[Status, Failure | None] | None = None
        self.granted: set[str] = set()
        self.messages: list[Message] = []
        self.call_ids: set[str] = set()
        self.open_calls: dict[str, ToolCallEntry] = {}
        self.inbox = Inbox()
        self._delivering: list[SteerEntry | FollowUpEntry] = []
        self.gate = Gate(run=run_latch)
        self.ended = anyio.Event()
        self.body = anyio.CancelScope()
        self.current_turn: anyio.CancelScope | None = None
        self.current_request: anyio.CancelScope | None = None
        self.chain = compose(self, env.middleware, partial(ask, self), partial(run, self))
        self.meter = Meter(
            spec.id, max_turns=spec.agent.max_turns, now=env.now, redact=env.recorder.redact
        )
        self.log = env.recorder.session(spec.id, self.progress)
        self.worked = Stopwatch(past.standing.worked if past is not None else 0.0)
        self._interruptible: dict[str, anyio.CancelScope] = {}
        self._models = [env.model(name) for name in spec.models]
        self._model = 0
        if parent is not None:
            parent.children.append(self)
        if past is not None:
            self._take_up(past)

    def _take_up(self, past: Past) -> None:
        """Be what the session was."""
        standing = past.standing
        self.turn = past.turn
        self.reminders = past.reminders
        self.forced_tool = SUBMIT if past.reminded else None
        self.submitted = past.submitted
        self.granted.update(standing.granted)
        self.messages.extend(past.messages)
        calls, answers = past.calls, past.answers
        self.call_ids.update(calls)
        self.open_calls = {name: call for name, call in calls.items() if name not in answers}
        for message in standing.waiting:
            if message.id not in past.seen:
                self.inbox.put(message)
        if standing.latch:
            self.gate.pause(standing.latch)
        if standing.stepping and self.gate.latched:
            self.gate.step()
        self.meter.take_up(past.usage, context=past.context_tokens, tools=len(answers))

    @property
    def agent(self) -> Agent:
        """Who the session is."""
        return self.spec.agent

    @property
    def usage(self) -> Usage:
        """What its model requests cost so far, its children's left out."""
        return self.meter.usage

    @property
    def model(self) -> ModelClient:
        """The model it asks now."""
        return self._models[self._model]

    def next_model(self) -> bool:
        """Go on to the next model of the list, and say so; False when there is none."""
        if self._model + 1 == len(self._models):
            return False
        self._model += 1
        self.record(SessionModel(model=self.model.name))
        return True

    # What it writes.

    def append(self, *entries: Entry) -> None:
        """Put entries into the transcript, in one write, and messages into the history."""
        for entry in self.log.append(*entries, turn=self.turn):
            if is_message(entry):
                self.messages.append(entry)

    def record(self, event: EventT) -> EventT:
        """Journal an event of this session; after the final one, nothing."""
        if self.status in TERMINAL:
            return event
        own = {"session": self.spec.id, "task": self.spec.task}
        stamped: EventT = self.env.recorder.record(event.model_copy(update=own))
        return stamped

    def progress(self) -> Progress:
        """The session as it is now, for whoever looks."""
        return self.meter.snapshot(self.status, self.turn)

    def enter(self, status: Status, reason: str = "") -> None:
        """Move to a status that is not final, and say so; a session that ended stays ended."""
        if self.status in TERMINAL:
            return
        check_transition(self.status, status)
        self.status = status
        self.record(SessionStatus(status=status, reason=reason))
        self.log.touch()

    def leave_waiting(self) -> None:
        """Go on after a wait, unless the session ended meanwhile."""
        if self.status is Status.WAITING:
            self.enter(Status.RUNNING)

    # What the turn does.

    async def checkpoint(self) -> None:
        """Hold here while the session or the run is paused."""
        if not self.gate.held:
            return
        self.worked.stop()
        self.enter(Status.PAUSED, self.gate.reason)
        try:
            await self.gate.opened()
        finally:
            self.worked.go_on()
            if not self.body.cancel_called:
                self.enter(Status.RUNNING)
        # What ends the session may come in the very moment in which it is let go on.
        await anyio.lowlevel.checkpoint_if_cancelled()

    def begin_turn(self) -> None:
        """Count a turn."""
        self.turn += 1
        self.log.touch()

    def request(self) -> ModelRequest:
        """The next model request: everything said so far."""
        return ModelRequest(
            system=self.spec.system,
            messages=self.messages,
            tools=self.toolset.schemas,
            agent=self.agent.name,
            session=self.spec.id,
            settings=Settings(thinking=self.agent.thinking, tool_choice=self.forced_tool),
        )

    async def deliver_messages(self) -> None:
        """Put every waiting steer, and a follow-up that is due, into the next request's context.

        None is there before its acceptance is on the disk: who has no receipt may send it again.
        """
        recorder = self.env.recorder
        while (steers := self.inbox.steers) or (self.follow_up_due and self.inbox.has_follow_ups):
            with anyio.CancelScope(shield=True):
                await recorder.sync()
                self._put_into_context(steers)
                await recorder.settle()
            self.tell_deliveries()
            # It may have been ended over its head meanwhile: no model is asked behind its end.
            await anyio.lowlevel.checkpoint_if_cancelled()
        self.follow_up_due = False

    def _put_into_context(self, steers: int) -> None:
        messages: list[SteerEntry | FollowUpEntry] = [
            SteerEntry(text=steer.text, command=steer.id)
            for steer in self.inbox.take_steers(steers)
        ]
        if self.follow_up_due and (follow_up := self.inbox.take_follow_up()):
            messages.append(FollowUpEntry(text=follow_up.text, command=follow_up.id))
        self.follow_up_due = False
        self._delivering += messages
        self.append(*messages)
        self.log.sync()

    def tell_deliveries(self) -> None:
        """Journal, once for each message, that it is in the context; it is on the disk there."""
        for message in self._delivering:
            self.record(SteerDelivered(command=message.command, turn=self.turn))
        self._delivering.clear()

    def tell(self, text: str, *, source: Literal["crew", "reminder"] = "crew") -> None:
        """Say something to the model in crew's own name."""
        self.append(UserEntry(text=text, source=source))

    async def begin_effect(self, call: Call) -> None:
        """Have it on the disk that a tool is about to write or execute, and what asked for it."""
        digest = call.digest
        self.log.sync()
        began = ToolBegan(
            session=self.spec.id,
            task=self.spec.task,
            call=call.entry.call_id,
            tool=call.tool.name,
            digest=digest,
        )
        await self.env.recorder.commit(began)

    def keep(self, answer: Answer, ms: int) -> Sequence[ToolCallEntry]:
        """Put a whole answer on disk and into the history; its calls are open from now on."""
        closing = UsageEntry(model=self.model.name, usage=answer.usage, stop=answer.stop, ms=ms)
        self.append(*answer.parts, closing)
        self.meter.answered(answer.usage)
        self.forced_tool = None
        calls = [part for part in answer.parts if isinstance(part, ToolCallEntry)]
        self.open_calls = {call.call_id: call for call in calls}
        self.call_ids.update(self.open_calls)
        self.log.touch()
        return calls

    def close_call(self, result: ToolResultEntry) -> None:
        """Give a tool call its one result; a second one is dropped."""
        if self.open_calls.pop(result.call_id, None) is None:
            return
        self.append(result)
        self.meter.tool_ended(result.call_id)
        self.log.flush()

    def close_open_calls(self, outcome: Outcome, text: str) -> None:
        """Answer every call that has no result yet, so that the history stays valid."""
        for call in list(self.open_calls.values()):
            self.close_call(
                ToolResultEntry(
                    call_id=call.call_id, tool=call.tool, outcome=outcome, text=text, summary=text
                )
            )

    # What cuts it short.

    @contextmanager
    def interruptible(self, call_id: str) -> Iterator[None]:
        """A stretch of a tool call that an immediate steer cuts; one may be inside another.

        Raises:
            SteeredError: It was cut.
        """
        around = self._interruptible.get(call_id)
        with anyio.CancelScope() as scope:
            self._interruptible[call_id] = scope
            if self.inbox.interrupts:
                scope.cancel()
            try:
                yield
            finally:
                del self._interruptible[call_id]
                if around is not None:
                    self._interruptible[call_id] = around
        if scope.cancelled_caught:
            raise SteeredError("cancelled: steered")

    def interrupt(self) -> None:
        """Cut what may be cut, for a steer that does not wait."""
        for scope in self._interruptible.values():
            scope.cancel()
