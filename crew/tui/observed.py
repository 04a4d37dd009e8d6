"""One run as the observer shows it: what it has told, and the last command that was sent to it."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import tzinfo
from typing import Literal

import anyio
import anyio.to_thread

from crew.commands import Answer, Command, Control, Retry
from crew.errors import CrewError
from crew.events import ResultSubmitted, RunEnded
from crew.feed import Feed
from crew.records import Status
from crew.tui.result_screen import ReadResult
from crew.tui.run_model import RunModel
from crew.view import (
    Deed,
    MessageView,
    RunView,
    command_for,
    outcome_words,
    possible,
    reply_words,
    works,
)

GLANCE = 1.0
"""Seconds between two looks whether the run's process lives."""

LARGE = 4 << 20
"""Bytes from which a result is not read for its findings alone."""

Decision = Literal["allow", "allow_session", "deny"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A run to be shown, and what may be done to it.

    Attributes:
        control: Takes commands; None where the run can only be looked at.
        alive: Whether the run's process still lives; None where that is known.
        read_result: Reads results; None where they can't be looked at.
        again: Has a run that is over go on with a task, or what did not complete, or where its
            process was lost; blocks, raises CrewError. None where that can't be.
    """

    feed: Feed
    control: Control | None
    alive: Callable[[], Awaitable[bool]] | None = None
    read_result: ReadResult | None = None
    again: Callable[[str], "Subject"] | None = None


class Observed:
    """Follows one run, and knows what became of what was asked of it.

    Attributes:
        outcome: The run's result in one line, once it was read.
        sent: Ids of the commands that were sent from here.

    Args:
        subject: The run.
        new_id: Ids of commands.
        tz: The time zone of the times.
        wake: Called when there is something new to show.
    """

    def __init__(
        self,
        subject: Subject,
        *,
        new_id: Callable[[], str],
        tz: tzinfo,
        wake: Callable[[], None],
    ) -> None:
        self.subject = subject
        self.model = RunModel(tz)
        self.outcome = ""
        self.sent: set[str] = set()
        self._new_id = new_id
        self._wake = wake
        self._last_command = ""
        self._failure = ""
        self._passed: tuple[bool, str] | None = None
        self._possible: tuple[RunView, str | None, frozenset[Deed]] | None = None

    @property
    def view(self) -> RunView:
        """The run as it is now."""
        return self.model.view

    @property
    def messages(self) -> tuple[MessageView, ...]:
        """What was said in the run so far, oldest first."""
        return self.model.messages

    @property
    def reply(self) -> tuple[bool, str] | None:
        """What became of the last command, unless passed over: whether it went well, and words."""
        reply = self._reply()
        return reply if reply != self._passed else None

    def pass_reply(self) -> None:
        """Something else is said now: the reply is told again only when it changes."""
        self._passed = self._reply() or self._passed

    def _reply(self) -> tuple[bool, str] | None:
        if self._failure:
            return False, self._failure
        known = self.view.commands.get(self._last_command)
        return reply_words(self.view, known) if known is not None else None

    def possible(self, session: str | None) -> frozenset[Deed]:
        """What a person can do now."""
        if self.subject.control is None:
            return frozenset()
        asked = (self.view, session)
        known = self._possible
        if known is None or known[0] is not self.view or known[1] != session:
            known = self._possible = (*asked, possible(*asked))
        return known[2]

    @property
    def quiet(self) -> bool:
        """Whether only a person can make something happen."""
        view = self.view
        if view.over or view.ended is not None:
            return True
        open_sessions = (known for known in view.sessions.values() if not known.over)
        return all(
            known.status is Status.PAUSED
            or (known.status is Status.RUNNING and not works(view, known))
            for known in open_sessions
        )

    # Following.

    async def follow(self) -> None:
        """Take all that the run tells, to its end."""
        async with self.subject.feed.subscribe() as items:
            async for item in items:
                self.model.apply(item)
                self._wake()

    async def watch_over(self) -> None:
        """Notice when the run's process is gone."""
        alive = self.subject.alive
        while alive is not None and not self.view.over:
            if not await alive():
                await anyio.sleep(GLANCE)  # what it wrote last is still to be read
                self.lost()
                return
            await anyio.sleep(GLANCE)

    def lost(self) -> None:
        """The run's process is gone."""
        self.model.interrupt()
        self._wake()

    async def read(self, results: Sequence[ResultSubmitted | RunEnded]) -> None:
        """Read results for what they tell; one that can't be read tells nothing."""
        read = self.subject.read_result
        for event in results:
            if read is None or event.result is None or event.result.size > LARGE:
                continue
            with suppress(CrewError):
                result = await anyio.to_thread.run_sync(read, event.result)
                if isinstance(event, RunEnded):
                    self.outcome = outcome_words(result)
                else:
                    self.model.found(event, result)
                self._wake()

    # Commands.

    def deed(self, deed: Deed, session: str, text: str) -> Command:
        """The command that a deed is; the last one from now on."""
        return self._asked(command_for(deed, command=self._new_id(), session=session, text=text))

    def word(self, request: str, decision: Decision, reason: str) -> Command:
        """A person's word on a permission request; the last command from now on."""
        return self._asked(
            Answer(id=self._new_id(), request=request, decision=decision, reason=reason)
        )

    def retry(self, task: str) -> Command:
        """Have a task run again; the last command from now on."""
        return self._asked(Retry(id=self._new_id(), task=task))

    def _asked(self, command: Command) -> Command:
        self._last_command, self._failure, self._passed = command.id, "", None
        self.sent.add(command.id)
        return command

    async def send(self, command: Command) -> None:
        """Send a command; what a journal does not answer is known from `reply`."""
        if self.subject.control is None:
            self._failure = "this run can only be looked at"
            return
        try:
            await self.subject.control.send(command)
        except CrewError as error:
            if command.id not in self.view.commands and self._last_command == command.id:
                self._failure = f"not done: {error.message}"
