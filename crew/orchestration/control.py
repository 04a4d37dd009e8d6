"""Commands to a live run: each applied once, each answered in the journal."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import anyio

from crew.bus.recorder import Recorder
from crew.commands import Answer, Cancel, Command, Pause, Receipt, Resume, Retry
from crew.errors import CommandError, SessionEndedError
from crew.events import CommandAccepted, CommandRefused, RunPaused, RunResumed, TasksReopened
from crew.orchestration.roster import Roster
from crew.records import UNSTAMPED
from crew.session.permissions import Approvals
from crew.session.reception import accept

REMEMBERED = 10_000
"""Command ids whose answer is kept for a sender that asks again."""


@dataclass(slots=True)
class _Reply:
    done: anyio.Event = field(default_factory=anyio.Event)
    receipt: Receipt | None = None
    error: Exception | None = None


class RunControl:
    """`Control` of the live process.

    Args:
        cancel: Cancels the whole run, given the reason.
        retry: Has a task run again, or with None all that did not complete; says what follows.

    Attributes:
        cancel: The same.
    """

    def __init__(
        self,
        *,
        roster: Roster,
        recorder: Recorder,
        approvals: Approvals,
        cancel: Callable[[str], None],
        retry: Callable[[str | None], TasksReopened],
        now: Callable[[], datetime],
    ) -> None:
        self._roster = roster
        self._recorder = recorder
        self._approvals = approvals
        self.cancel = cancel
        self._retry = retry
        self._now = now
        self._replies: OrderedDict[str, _Reply] = OrderedDict()
        self._closed = ""

    def remember(self, replies: Mapping[str, Receipt | str]) -> None:
        """Answer commands that an earlier process of the run has answered as it did."""
        for command, said in replies.items():
            reply = self._replies[command] = _Reply()
            if isinstance(said, Receipt):
                reply.receipt = said
            else:
                reply.error = CommandError(said)
            reply.done.set()

    def close(self, reason: str) -> None:
        """Take no more commands."""
        self._closed = reason

    async def send(self, command: Command) -> Receipt:
        """Apply a command, once per id; see `Control`."""
        known = self._replies.get(command.id)
        if known is not None:
            await known.done.wait()
            return _answer(known)
        reply = self._replies[command.id] = _Reply()
        while len(self._replies) > REMEMBERED:
            self._replies.popitem(last=False)
        try:
            reply.receipt = await self._take(command)
        except Exception as error:
            reply.error = error
        finally:
            reply.done.set()
        return _answer(reply)

    async def _take(self, command: Command) -> Receipt:
        if command.at == UNSTAMPED:
            command = command.model_copy(update={"at": self._now()})
        if self._closed:
            hint = "run it again: crew retry RUN/TASK" if isinstance(command, Retry) else ""
            raise SessionEndedError(f"the run has ended: {self._closed}", hint=hint)
        session = getattr(command, "session", None)
        try:
            consequences = self._apply(command)
        except CommandError as error:
            refused = CommandRefused(
                session=session, command=command, reason=error.message, hint=error.hint
            )
            self._recorder.record(refused)
            raise
        with anyio.CancelScope(shield=True):
            accepted = CommandAccepted(session=session, command=command)
            event = await self._recorder.commit(accepted, *consequences)
        return Receipt(command=command.id, seq=event.seq)

    def _apply(self, command: Command) -> tuple[RunPaused | RunResumed | TasksReopened, ...]:
        """Act at once, without awaiting: what follows from it is journaled after its acceptance.

        Returns:
            What has happened to the run by it.
        """
        match command:
            case Answer():
                self._approvals.check(command)
                self._approvals.answer(command)
            case Pause(session=None):
                paused = self._roster.paused
                self._roster.pause(hard=command.hard)
                return () if paused else (RunPaused(),)
            case Resume(session=None):
                self._roster.resume()
                return (RunResumed(),)
            case Retry():
                return (self._retry(command.task),)
            case Cancel(session=None):
                self.cancel(command.why)
            case _:
                accept(self._roster.find(command.session or ""), command)
        return ()


def _answer(reply: _Reply) -> Receipt:
    if reply.error is not None:
        raise reply.error
    if reply.receipt is None:
        raise SessionEndedError("the run ended before the command was taken")
    return reply.receipt
