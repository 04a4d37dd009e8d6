"""Every live session of a run, and the one function that makes sessions."""

from collections import Counter

import anyio

from crew.definitions.types import Agent, Plan
from crew.errors import NoSuchSessionError, NotPausedError, SessionEndedError
from crew.models.registry import Models
from crew.orchestration.ledger import SpawnLedger
from crew.orchestration.prompts import system_prompt
from crew.records import Failure, Status
from crew.session.ending import cut, last_text
from crew.session.environment import Environment
from crew.session.gate import Latch
from crew.session.loop import open_session, run_session
from crew.session.permissions import allowed_tools
from crew.session.reception import cut_request
from crew.session.session import Session
from crew.session.spec import SessionSpec
from crew.tools.protocol import SpawnOutcome, SpawnRequest


class Roster:
    """Tasks and tools spawn through `run`; whoever waits there gets a session that has ended."""

    def __init__(
        self, env: Environment, *, plan: Plan, models: Models, ledger: SpawnLedger
    ) -> None:
        self._env = env
        self._plan = plan
        self._models = models
        self._ledger = ledger
        self._live: dict[str, Session] = {}
        self._ended: dict[str, Status] = {}
        self._spawned: Counter[tuple[str, str]] = Counter()
        self._latch = Latch.OPEN
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

    async def run(self, spec: SessionSpec, parent: Session | None = None) -> Session:
        """Run a session to its end and return it; a cancelled waiter ends it first.

        Raises:
            SpawnError: A limit is reached.
        """
        with self._ledger.slot(parent=spec.parent, depth=spec.depth):
            session = open_session(spec, self._env, parent=parent, run_latch=self._latch)
            self._live[spec.id] = session
            self._env.nursery.start_soon(run_session, session)
            if self._cancelled is not None:
                cut(session, Status.CANCELLED, Failure(title="Cancelled", message=self._cancelled))
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
        return session

    async def spawn(self, parent: Session, request: SpawnRequest) -> SpawnOutcome:
        """Run a child session for the tool `spawn_agent`.

        Raises:
            SpawnError: A limit is reached.
        """
        agent = self._plan.library[request.agent]
        self._spawned[parent.spec.id, agent.name] += 1
        number = self._spawned[parent.spec.id, agent.name]
        spec = self.spec(
            agent,
            id=f"{parent.spec.id}.{agent.name}-{number}",
            role=agent.name,
            prompt=request.prompt,
            tools=allowed_tools(agent.tools, requested=request.tools, parent=parent.spec.tools),
            depth=parent.spec.depth + 1,
            parent=parent.spec.id,
            task=parent.spec.task,
        )
        child = await self.run(spec, parent)
        completed = child.status is Status.COMPLETED
        return SpawnOutcome(
            session=spec.id,
            status=child.status.value,
            value=child.submitted if completed else None,
            text=last_text(child),
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
