"""Takes the commands that other processes put into the run's folder."""

from collections.abc import Callable
from contextlib import suppress

import anyio

from crew.commands import Command, Control
from crew.errors import CommandError, StoreError
from crew.store.folder import RunFolder
from crew.store.inbox import take

LOOK_INTERVAL = 0.05
"""Seconds between two looks; an answer is in the journal well within 250 ms."""

CALM_INTERVAL = 0.15
"""Seconds between two looks while nothing else happens, and so nothing else holds up an answer."""

_CALM = 40


async def serve_inbox(folder: RunFolder, control: Control, told: Callable[[], int]) -> None:
    """Hand every command to the run's control, in the order they were put, until cancelled.

    The answers are in the journal, where their senders look for them.

    Args:
        folder: The run.
        control: Takes the commands.
        told: Grows with all that the run tells; while it does not, looks are rarer.
    """
    known, still = told(), 0
    while True:
        commands = take(folder)
        for command in commands:
            await _send(control, command)
        before, known = known, told()
        still = 0 if commands or known != before else still + 1
        await anyio.sleep(LOOK_INTERVAL if still < _CALM else max(LOOK_INTERVAL, CALM_INTERVAL))


async def _send(control: Control, command: Command) -> None:
    with suppress(CommandError, StoreError):  # refused in the journal, or the run is at its end
        await control.send(command)
