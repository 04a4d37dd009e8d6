"""Commands from other processes: one file each in the run's `control/`, taken once."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from crew.commands import Command
from crew.store.atomic import replace
from crew.store.folder import RunFolder
from crew.store.redact import Redactor

LARGEST = 1 << 20
"""Bytes of a command's file; a larger one is not read."""

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_SHAPES_ONLY = Redactor()
_TAKEN = ".taken-"
_COMMAND: TypeAdapter[Command] = TypeAdapter(Command)


def put(
    folder: RunFolder, command: Command, order: str, *, redact: Redactor = _SHAPES_ONLY
) -> Path:
    """Leave a command for the process that runs the run.

    Args:
        folder: The run.
        command: What is asked.
        order: Sorts before whatever is put later.
        redact: Keeps secrets out of the file.

    Returns:
        The file, for `withdraw`.

    Raises:
        StoreError: It can't be written.
    """
    path = folder.control / f"{order}-{os.getpid()}.json"
    replace(path, redact.line(command.model_dump_json().encode()), sync=False)
    return path


def withdraw(path: Path) -> bool:
    """Take a command back; False when the run's process has it already."""
    try:
        path.unlink()
    except OSError:
        return False
    return True


def take(folder: RunFolder) -> list[Command]:
    """The commands that were put since the last call, oldest first; their files are gone.

    What is not a command is dropped, and so is what another user put there: who put it sees that
    nobody answers.
    """
    try:
        names = sorted(name for name in os.listdir(folder.control) if name.endswith(".json"))
    except OSError:
        return []
    taken = (_take(folder.control / name) for name in names if not name.startswith("."))
    return [command for command in taken if command is not None]


def _take(path: Path) -> Command | None:
    claimed = path.with_name(f"{_TAKEN}{path.name}")
    try:
        os.rename(path, claimed)
        # A pipe or a link in the place of a command must neither hold nor mislead its reader.
        with open(os.open(claimed, _FLAGS), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
                return None
            data = file.read(LARGEST + 1)
    except OSError:
        return None
    finally:
        with suppress(OSError):
            claimed.unlink(missing_ok=True)
    if len(data) > LARGEST:
        return None
    try:
        return _COMMAND.validate_json(data)
    except ValidationError:
        return None
