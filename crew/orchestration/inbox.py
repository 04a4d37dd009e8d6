"""Takes the commands that other processes put into the run's folder."""

from contextlib import suppress

import anyio

from crew.commands import Command, Control
from crew.errors import CommandError, StoreError
from crew.store.folder import RunFolder
from crew.store.inbox import take

LOOK_INTERVAL = 0.05
"""Seconds between two looks; an answer is in the journal well within 250 ms."""


async def serve_inbox(folder: RunFolder, control: Control) -> None:
    """Hand every command to the run's control, in the order they were put, until cancelled.

    The answers are in the journal, where their senders look for them.
    """
    while True:
        for command in take(folder):
            await _send(control, command)
        await anyio.sleep(LOOK_INTERVAL)


async def _send(control: Control, command: Command) -> None:
    with suppress(CommandError, StoreError):  # refused in the journal, or the run is at its end
        await control.send(command)
