import os
import signal
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from crew.cli.interrupts import CANCELLING, Interrupts
from crew.commands import Cancel, Command, Receipt
from crew.errors import SessionEndedError


class Recorded:
    """A control that keeps what it was sent."""

    def __init__(self, *, ended: bool = False) -> None:
        self.commands: list[Command] = []
        self.arrived = anyio.Event()
        self._ended = ended

    async def send(self, command: Command) -> Receipt:
        self.commands.append(command)
        self.arrived.set()
        if self._ended:
            raise SessionEndedError("the run has ended")
        return Receipt(command=command.id, seq=1)


@pytest.mark.parametrize(
    ("number", "reason", "told"),
    [
        (signal.SIGINT, "interrupted at the terminal", CANCELLING),
        (signal.SIGTERM, "terminated", "terminated: cancelling"),
        (signal.SIGHUP, "its terminal was closed", "the terminal was closed: cancelling"),
    ],
)
async def test_the_first_signal_cancels_the_run_and_says_so(
    number: signal.Signals, reason: str, told: str
) -> None:
    said: list[str] = []
    control = Recorded()
    async with anyio.create_task_group() as tasks:
        interrupts = Interrupts(said.append, tasks.cancel_scope)
        await tasks.start(interrupts.obey)
        interrupts.control = control
        os.kill(os.getpid(), number)
        with anyio.fail_after(5):
            await control.arrived.wait()
        assert not tasks.cancel_scope.cancel_called
        tasks.cancel_scope.cancel()
    assert [line.startswith(told) for line in said] == [True]
    (sent,) = control.commands
    assert isinstance(sent, Cancel)
    assert (sent.session, sent.reason) == (None, reason)


async def test_a_signal_before_there_is_a_run_cancels_what_goes_on() -> None:
    async with anyio.create_task_group() as tasks:
        await tasks.start(Interrupts(_fail, tasks.cancel_scope).obey)
        os.kill(os.getpid(), signal.SIGINT)
        with anyio.fail_after(5):
            await anyio.sleep_forever()
    assert tasks.cancel_scope.cancelled_caught


async def test_a_signal_that_a_launcher_passes_on_as_well_counts_once() -> None:
    control = Recorded()
    said: list[str] = []
    async with anyio.create_task_group() as tasks:
        interrupts = Interrupts(said.append, tasks.cancel_scope)
        await tasks.start(interrupts.obey)
        interrupts.control = control
        os.kill(os.getpid(), signal.SIGINT)
        await control.arrived.wait()
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(20):
            await checkpoint()
        tasks.cancel_scope.cancel()
    assert len(control.commands) == 1


async def test_a_run_that_ended_by_itself_refuses_the_cancel_without_trouble() -> None:
    control = Recorded(ended=True)
    async with anyio.create_task_group() as tasks:
        interrupts = Interrupts(lambda _: None, tasks.cancel_scope)
        await tasks.start(interrupts.obey)
        interrupts.control = control
        os.kill(os.getpid(), signal.SIGINT)
        await control.arrived.wait()
        await checkpoint()
        tasks.cancel_scope.cancel()
    assert len(control.commands) == 1


async def test_a_signal_that_the_parent_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    went_on = False
    try:
        async with anyio.create_task_group() as tasks:
            await tasks.start(Interrupts(_fail, tasks.cancel_scope).obey)
            os.kill(os.getpid(), signal.SIGHUP)
            for _ in range(20):
                await checkpoint()
            went_on = True  # not reached once the scope is cancelled
            tasks.cancel_scope.cancel()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert went_on


def _fail(note: str) -> Any:
    raise AssertionError(note)
