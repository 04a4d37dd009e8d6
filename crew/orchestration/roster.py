"""Every live session of a run, and the one function that makes sessions."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import anyio
from pydantic_core import from_json

from crew.definitions.types import Agent, Plan
from crew.errors import NoSuchSessionError, NotPausedError, SessionEndedError, SpawnError
from crew.events import SessionEnded
from crew.models.registry import Models
from crew.orchestration.history import History
from crew.orchestration.ledger import SpawnLedger
from crew.orchestration.prompts import system_prompt
from crew.records import ArtifactRef, Failure, Status
from crew.session.ending import RESTARTED, cut, for_restart, last_text
from crew.session.environment import Environment
from crew.session.gate import Latch
from crew.session.loop import open_session, run_session
from crew.session.permissions import allowed_tools
from crew.session.reception import cut_request
from crew.session.session import Session
from crew.session.spec import SessionSpec
from crew.tools.protocol import SpawnOutcome, SpawnRequest

GIST = 1_000
"""Characters of what a child is asked that the journal tells; its transcript has it whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a session ended.

    Attributes:
        value: Its validated result, where it has one.
        result: The result as it is stored; of a session without one its unverified last text.
        text: The last thing that its model said in words.
    """

    status: Status
    error: Failure | None
    value: Any
    result: ArtifactRef | None
    text: str

    @property
    def again(self) -> bool:
        """Whether it was ended for its task to begin again with another's."""
        return self.status is Status.CANCELLED and for_restart(self.error)


class Roster:
    """Tasks and tools spawn through `run`; whoever waits there gets a session that has ended."""

    def __init__(
        self,
        env: Environment,
        *,
        plan: Plan,
        models: Models,
        ledger: SpawnLedger,
        history: History | None = None,
    ) -> None:
        self._env = env
        self._plan = plan
        self._models = models
        self._ledger = ledger
        self._live: dict[str, Session] = {}
        self._ended: dict[str, Status] = {}
        self._spawned: Counter[tuple[str, str]] = Counter()
        self._history = history
        self._latch = Latch.OPEN
        if history is not None:
            self._spawned.update(history.spawned())
            self._latch = history.latch
            for name, session in history.sessions.items():
                if session.ended is not None:
                    self._ended[name] = session.ended.status
        self._cancelled: str | None = None

    def find(self, session: str) -> Session:
        """A live session.

        Raises:
            SessionEndedError: It has ended.
            NoSuchSessionError: There never was one.
        """
        if session in self._live:
            return self._live[session]
        if session in self._ended:
            raise SessionEndedError(f"{session} has ended: {self._ended[session].value}")
        live = ", ".join(self._live) or "none"
        raise NoSuchSessionError(f"there is no session {session}", hint=f"live ones: {live}")

    async def run(
        self, spec: SessionSpec, parent: Session | None = None, *, ends: str | None = None
    ) -> Ended:
        """Run a session to its end; a cancelled waiter ends it first.

        One that an earlier process of the run began goes on, or has ended already.

        Args:
            ends: Why it is only taken up to end, for its task to begin again.

        Raises:
            SpawnError: A limit is reached, or the parent is ending.
        """
        if parent is not None and parent.closing:
            raise SpawnError(f"{parent.spec.id} is ending")
        known = self._history.sessions.get(spec.id) if self._history is not None else None
        if known is not None and known.ended is not None:
            return self._read(known.ended)
        async with self._ledger.slot(spec.id, parent=spec.parent, depth=spec.depth):
            session = open_session(spec, self._env, parent=parent, run_latch=self._latch)
            self._live[spec.id] = session
            self._env.nursery.start_soon(run_session, session)
            if self._cancelled is not None:
                cut(session, Status.CANCELLED, Failure(title="Cancelled", message=self._cancelled))
            elif known is not None and known.cause is not None:
                cut(session, *known.cause)
            elif ends is not None:
                cut(session, Status.CANCELLED, Failure(title=RESTARTED, message=ends))
            try:
                await session.ended.wait()
            except anyio.get_cancelled_exc_class():
                message = "whoever waited for it was cancelled"
                cut(session, Status.CANCELLED, Failure(title="Cancelled", message=message))
                with anyio.CancelScope(shield=True):
                    await session.ended.wait()
                raise
            finally:
                self._ended[spec.id] = session.status
                del self._live[spec.id]
                if parent is not None:
                    parent.children.remove(session)
        return Ended(
            status=session.status,
            error=session.error,
            value=session.submitted,
            result=session.result,
            text=last_text(session),
        )

    async def restart(self, sessions: Iterable[str], reason: str) -> None:
        """End live sessions for their tasks to begin again; returns when they have ended."""
        found = [self._live[name] for name in sessions if name in self._live]
        for session in found:
            if not session.closing:
                cut(session, Status.CANCELLED, Failure(title=RESTARTED, message=reason))
        for session in found:
            await session.ended.wait()

    async def spawn(self, parent: Session, request: SpawnRequest, call: str) -> SpawnOutcome:
        """Run a child session for a call of the tool `spawn_agent`.

        Raises:
            SpawnError: A limit is reached.
        """
        agent = self._plan.library[request.agent]
        spec = self.spec(
            agent,
            id=self._child(parent.spec.id, agent.name, call),
            call=call,
            role=agent.name,
            prompt=request.prompt,
            tools=allowed_tools(agent.tools, requested=request.tools, parent=parent.spec.tools),
            depth=parent.spec.depth + 1,
            parent=parent.spec.id,
            task=parent.spec.task,
            title=self._gist(request.prompt),
        )
        child = await self.run(spec, parent)
        completed = child.status is Status.COMPLETED
        return SpawnOutcome(
            session=spec.id,
            status=child.status.value,
            value=child.value if completed else None,
            text=child.text,
        )

    def _gist(self, prompt: str) -> str:
        """What a child is asked, as the journal tells it; secrets go before it is cut."""
        return self._env.recorder.redact.plain(prompt)[:GIST]

    def _child(self, parent: str, agent: str, call: str) -> str:
        """The id of the session that a call spawns, or has spawned."""
        history, folder = self._history, self._env.recorder.folder
        known = history.child(parent, call) if history is not None else None
        if known is not None:
            return known
        while True:
            self._spawned[parent, agent] += 1
            name = f"{parent}.{agent}-{self._spawned[parent, agent]}"
            # A transcript that the journal does not know was begun just before a loss.
            if history is None or not folder.transcript(name).exists():
                return name

    def _read(self, ended: SessionEnded) -> Ended:
        """How a session of an earlier process ended."""
        session, store = ended.session or "", self._env.recorder.artifacts
        value, text = None, ""
        if ended.result is not None:
            data = store.get(ended.result.name)
            if ended.status is Status.COMPLETED:
                value = from_json(data)
            else:
                text = data.decode("utf-8", "replace")
        self._ended[session] = ended.status
        return Ended(
            status=ended.status, error=ended.error, value=value, result=ended.result, text=text
        )

    def spec(
        self,
        agent: Agent,
        *,
        id: str,
        role: str,
        prompt: str,
        tools: tuple[str, ...],
        depth: int = 0,
        parent: str | None = None,
        call: str | None = None,
        task: str | None = None,
        attempt: int = 1,
        title: str = "",
    ) -> SessionSpec:
        """What a session of this agent is made of."""
        return SessionSpec(
            id=id,
            role=role,
            agent=agent,
            parent=parent,
            call=call,
            task=task,
            depth=depth,
            attempt=attempt,
            system=system_prompt(agent, self._plan),
            prompt=prompt,
            models=self._models.names(agent.model),
            tools=tools,
            spawns=self._spawns(agent, depth),
            timeout=agent.timeout,
            title=title,
        )

    def _spawns(self, agent: Agent, depth: int) -> dict[str, str]:
        if depth >= self._ledger.limits.depth:
            return {}
        library = self._plan.library
        names = library if agent.spawns == ("*",) else agent.spawns
        return {name: library[name].description for name in names}

    # The run's own pause and cancel.

    @property
    def paused(self) -> bool:
        """Whether the run's latch is closed."""
        return self._latch is not Latch.OPEN

    def pause(self, *, hard: bool) -> None:
        """Hold every session, those to come too, at its next checkpoint."""
        self._latch = max(self._latch, Latch.HARD if hard else Latch.SOFT)
        for session in self._live.values():
            session.gate.pause_run(self._latch)
            if hard:
                cut_request(session)

    def resume(self) -> None:
        """Let sessions go on that were not paused by themselves.

        Raises:
            NotPausedError: The run is not paused.
        """
        if not self.paused:
            raise NotPausedError("the run is not paused")
        self._latch = Latch.OPEN
        for session in self._live.values():
            session.gate.resume_run()

    def cancel(self, reason: str) -> None:
        """Cut every session, those that are about to begin too; children end before parents."""
        self._cancelled = reason
        for session in list(self._live.values()):
            cut(session, Status.CANCELLED, Failure(title="Cancelled", message=reason))
