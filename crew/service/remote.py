"""Commands to a run of another process: put into its folder, answered in its journal."""

from collections.abc import Callable
from datetime import datetime

import anyio
import anyio.to_thread

from crew.bus.disk import DiskFeed
from crew.commands import Command, Receipt, Retry
from crew.errors import CommandError, RunGoneError, SessionEndedError
from crew.events import CommandAccepted, CommandRefused, Event, RunEnded, parse_event
from crew.feed import Grew
from crew.progress import Progress
from crew.records import UNSTAMPED, utc_now
from crew.store.folder import RunFolder
from crew.store.inbox import put, withdraw
from crew.store.journal import sync
from crew.store.lock import holder
from crew.store.redact import Redactor
from crew.store.tail import read_back

PATIENCE = 10.0
"""Seconds that a live process has for its answer."""

_GLANCE = 0.5
_SHAPES_ONLY = Redactor()


class RemoteControl:
    """`Control` of a run that another process runs.

    Args:
        folder: The run.
        redact: Keeps the sender's secrets out of the file that a command is until it is taken.
        now: The wall clock in UTC.
        patience: Seconds to wait for an answer.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        redact: Redactor = _SHAPES_ONLY,
        now: Callable[[], datetime] = utc_now,
        patience: float = PATIENCE,
    ) -> None:
        self._folder = folder
        self._redact = redact
        self._now = now
        self._patience = patience
        self._count = 0

    async def send(self, command: Command) -> Receipt:
        """Leave a command for the run's process and wait for its answer; see `Control`.

        Raises:
            RunGoneError: No live process runs it; the command was not taken.
            CommandError: It was refused.
            StoreError: It can't be written, or its acceptance is not on the disk.
        """
        last = self._last()
        after = last.seq if last is not None else 0
        self._check_alive(command)
        if command.at == UNSTAMPED:
            command = command.model_copy(update={"at": self._now()})
        self._count += 1
        order = f"{self._now():%Y%m%d%H%M%S%f}-{self._count:06}"
        path = put(self._folder, command, order, redact=self._redact)
        answer: Event | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._until_gone, tasks.cancel_scope)
            answer = await self._answer(command.id, after)
            tasks.cancel_scope.cancel()
        if isinstance(answer, CommandAccepted):  # whoever wrote that may be lost before its sync
            await anyio.to_thread.run_sync(sync, self._folder)
        return self._receipt(command, answer, taken=answer is not None or not withdraw(path))

    def _receipt(self, command: Command, answer: Event | None, *, taken: bool) -> Receipt:
        match answer:
            case CommandAccepted():
                return Receipt(command=command.id, seq=answer.seq)
            case CommandRefused():
                raise CommandError(answer.reason, hint=answer.hint)
            case RunEnded():
                raise self._ended(command, answer)
        self._check_alive(command)
        if taken:
            raise CommandError(
                "the run's process took it and has not answered yet",
                hint=f"see crew logs {self._folder.id}",
            )
        raise CommandError(
            f"the run's process did not answer within {self._patience:.0f} s; it was taken back",
            hint="try again; it may be stopped or too busy",
        )

    async def _answer(self, command: str, after: int) -> Event | None:
        with anyio.move_on_after(self._patience):
            async with DiskFeed(self._folder).subscribe(after=after) as items:
                async for item in items:
                    if isinstance(item, Progress | Grew):
                        continue
                    if isinstance(item, RunEnded):
                        return item
                    if not isinstance(item, CommandAccepted | CommandRefused):
                        continue
                    if item.command.id == command:
                        return item
        return None

    async def _until_gone(self, scope: anyio.CancelScope) -> None:
        while True:
            held = holder(self._folder)
            if held is None or not held.live:
                break
            await anyio.sleep(_GLANCE)
        await anyio.sleep(_GLANCE)  # its last words are still to be read
        scope.cancel()

    def _ended(self, command: Command, end: RunEnded) -> SessionEndedError:
        hint = f"see what it came to: crew show {self._folder.id}"
        if isinstance(command, Retry):
            task = f"/{command.task}" if command.task else ""
            hint = f"run it again: crew retry {self._folder.id}{task}"
        return SessionEndedError(f"the run has ended: {end.status.value}", hint=hint)

    def _check_alive(self, command: Command) -> None:
        last = self._last()
        if isinstance(last, RunEnded):
            raise self._ended(command, last)
        held = holder(self._folder)
        if held is not None and held.live:
            return
        raise RunGoneError(
            f"the process of run {self._folder.id} is gone, it was interrupted",
            hint=f"take it up: crew resume {self._folder.id}",
        )

    def _last(self) -> Event | None:
        _, lines = read_back(self._folder.journal, None, 1)
        try:
            return parse_event(lines[0]) if lines else None
        except ValueError:
            return None
