"""What a session may do: tool lists that only shrink, grants, and asking a person."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from crew.commands import Answer
from crew.entries import PermissionEntry
from crew.errors import DeniedError, NoSuchRequestError, ToolError
from crew.events import Notice, PermissionAnswered, PermissionAsked
from crew.records import FileChange, Status
from crew.session.middleware import Call, Middleware, RunTool
from crew.tools.protocol import Effect, ToolOutput
from crew.tools.registry import READ_ONLY

if TYPE_CHECKING:
    from crew.session.session import Session


def allowed_tools(
    ceiling: Sequence[str] | None,
    *,
    requested: Sequence[str] | None = None,
    parent: Sequence[str] | None = None,
) -> tuple[str, ...]:
    """The tools of a session: parent ∩ requested ∩ its agent's own ceiling, in ceiling order.

    Args:
        ceiling: The agent's list; None means the read-only tools, empty means none.
        requested: What the member or the spawn asks for; None asks for all.
        parent: The spawning session's tools; None for a task's session.
    """
    names = READ_ONLY if ceiling is None else ceiling
    limits = [set(limit) for limit in (requested, parent) if limit is not None]
    return tuple(name for name in names if all(name in limit for limit in limits))


@dataclass(slots=True)
class _Request:
    session: str
    answered: anyio.Event = field(default_factory=anyio.Event)
    answer: Answer | None = None


class Approvals:
    """The open permission requests of a run.

    Args:
        interactive: Whether a person is there to answer; if not, nothing is asked.
        asked: How many requests earlier processes of the run have made.
    """

    def __init__(self, *, interactive: bool, asked: int = 0) -> None:
        self.interactive = interactive
        self._open: dict[str, _Request] = {}
        self._count = asked
        self._unasked: dict[tuple[str, str], int] = {}

    async def ask(self, session: "Session", call: Call, *, repeated: bool) -> Answer:
        """Put a request to the person and wait for the word on it."""
        self._count += 1
        name = f"permission-{self._count}"
        request = self._open[name] = _Request(session.spec.id)
        session.record(
            PermissionAsked(
                request=name,
                tool=call.tool.name,
                preview=call.preview,
                args=call.entry.args,
                repeated=repeated,
                change=_change(session, call),
            )
        )
        session.enter(Status.WAITING, f"permission for {call.tool.name}")
        try:
            await request.answered.wait()
        finally:
            self._open.pop(name, None)
            session.leave_waiting()
        word = request.answer or _deny(name, "it was not answered")
        session.record(PermissionAnswered(request=name, decision=word.decision, reason=word.reason))
        return word

    def unasked(self, tool: str, flag: str) -> None:
        """Take note of a call that was denied because nobody is there to ask."""
        self._unasked[tool, flag] = self._unasked.get((tool, flag), 0) + 1

    @property
    def denied(self) -> str:
        """What was denied because nobody is there to ask, in words; empty for nothing."""
        count = sum(self._unasked.values())
        if not count:
            return ""
        calls = "1 call was" if count == 1 else f"{count} calls were"
        tools = ", ".join(sorted({tool for tool, _ in self._unasked}))
        flags = " ".join(sorted({f"--allow {flag}" for _, flag in self._unasked}))
        return f"{calls} denied ({tools}), nobody was there to ask: give {flags}"

    def check(self, answer: Answer) -> None:
        """Refuse an answer that nothing waits for.

        Raises:
            NoSuchRequestError: The request is unknown or already answered.
        """
        request = self._open.get(answer.request)
        if request is None or request.answer is not None:
            raise NoSuchRequestError(f"{answer.request} is unknown or already answered")

    def answer(self, answer: Answer) -> None:
        """Give the word to the session that waits, if it still does."""
        request = self._open.get(answer.request)
        if request is not None and request.answer is None:
            request.answer = answer
            request.answered.set()

    def deny(self, session: str, reason: str) -> None:
        """Deny whatever the session still asks for; it ends."""
        for name, request in list(self._open.items()):
            if request.session == session:
                self.answer(_deny(name, reason))


REPEAT = "repeat"
"""The grant to run again what may have run before an interruption."""


class Permission(Middleware):
    """Tools that write or execute need a grant, from the run or from a person.

    Args:
        grants: What needs no asking.
        uncertain: Digests of calls that may have run when an earlier process was lost; the same
            call again is asked for whatever else is granted.
    """

    def __init__(
        self, grants: frozenset[str], approvals: Approvals, uncertain: frozenset[str] = frozenset()
    ) -> None:
        self._grants = grants
        self._approvals = approvals
        self._uncertain = set() if REPEAT in grants else set(uncertain)
        self._told: set[tuple[str, str, str]] = set()

    async def tool(self, session: "Session", call: Call, proceed: RunTool) -> ToolOutput:
        """Run the call if it is granted, or ask, or deny."""
        if call.tool.effect in (Effect.WRITE, Effect.EXECUTE):
            digest = self._repeated(session, call)
            if digest or not self._granted(session, call):
                await self._ask(session, call, repeated=bool(digest))
            self._uncertain.discard(digest)
        return await proceed(call)

    def _granted(self, session: "Session", call: Call) -> bool:
        names = {call.tool.name, call.tool.effect.value}
        return bool(names & self._grants or names & session.granted)

    def _repeated(self, session: "Session", call: Call) -> str:
        """The call's digest if it may have run already, else nothing."""
        if not self._uncertain:
            return ""
        digest = call.digest
        return digest if digest in self._uncertain else ""

    async def _ask(self, session: "Session", call: Call, *, repeated: bool) -> None:
        name, effect = call.tool.name, call.tool.effect.value
        if not self._approvals.interactive:
            _note(session, call, "denied", "nobody is there to ask")
            why = "may have run before the interruption" if repeated else "is not allowed"
            flag = REPEAT if repeated else effect
            self._tell_unasked(session, name, flag)
            raise DeniedError(
                f"{name} {why}" if repeated else f"{name} {why} in this run",
                hint=f"the person can start it with --allow {flag}",
            )
        with session.interruptible(call.entry.call_id):
            word = await self._approvals.ask(session, call, repeated=repeated)
        if word.decision == "deny":
            _note(session, call, "denied", word.reason)
            raise DeniedError(f"{name} was denied" + (f": {word.reason}" if word.reason else ""))
        if word.decision == "allow_session":
            session.granted.add(name)
        _note(session, call, "allowed", word.reason)

    def _tell_unasked(self, session: "Session", tool: str, flag: str) -> None:
        """Tell whoever reads the journal: once a session and tool, not at every try."""
        self._approvals.unasked(tool, flag)
        if (session.spec.id, tool, flag) not in self._told:
            self._told.add((session.spec.id, tool, flag))
            said = f"{tool} denied: nobody is there to ask; give --allow {flag}"
            session.record(Notice(text=said))


def _change(session: "Session", call: Call) -> FileChange | None:
    env = session.env
    try:
        return call.tool.change(call.args, env.workspace, env.recorder.redact.plain)
    except ToolError:
        return None  # the call will fail by itself and say why


def _deny(request: str, reason: str) -> Answer:
    return Answer(
        id=f"{request}-denied", by="crew", request=request, decision="deny", reason=reason
    )


def _note(session: "Session", call: Call, decision: str, reason: str) -> None:
    session.append(
        PermissionEntry(
            call_id=call.entry.call_id,
            tool=call.tool.name,
            preview=call.preview,
            decision="allowed" if decision == "allowed" else "denied",
            reason=reason,
        )
    )
