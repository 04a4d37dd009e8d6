"""Child processes in a group of their own, which ends whole, whatever happens to the caller."""

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream, Process

from crew.errors import ToolError

GRACE = 1.5
"""Seconds between asking a group to end and ending it."""

REAP = 0.5
"""Seconds to wait for a killed process to be gone."""

_GLANCE = 0.02

_PROC = Path("/proc/self")

Argument = str | bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What a program said. `whole` is False when its output was longer than what was kept."""

    code: int
    out: bytes
    err: bytes
    whole: bool


@asynccontextmanager
async def process_group(
    command: Sequence[Argument],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.PIPE,
    stderr: int | IO[bytes] = subprocess.PIPE,
) -> AsyncIterator[Process]:
    """Run a program as the leader of a new session; on leaving, all of its group ends.

    Raises:
        ToolError: It can't be started.
    """
    try:
        with anyio.CancelScope(shield=True):
            process = await anyio.open_process(
                command,
                cwd=cwd,
                env=env,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ToolError(f"{os.fsdecode(command[0])} could not be started: {reason}") from error
    try:
        yield process
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process)
            with anyio.move_on_after(REAP):
                await process.aclose()


async def capture(
    command: Sequence[Argument],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    max_bytes: int = 64 * 1024 * 1024,
) -> Captured:
    """Run a program to its end and keep what it says, up to a bound.

    Raises:
        ToolError: It can't be started.
    """
    out, err = _Kept(max_bytes), _Kept(64 * 1024)
    async with process_group(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
    ) as process:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(out.read, process.stdout)
            tasks.start_soon(err.read, process.stderr)
            if stdin is not None:
                tasks.start_soon(_feed, process.stdin, stdin)
        code = await process.wait()
    return Captured(code=code, out=bytes(out.data), err=bytes(err.data), whole=out.whole)


class _Kept:
    """The head of a stream, which is read to its end so that the writer never waits."""

    def __init__(self, limit: int) -> None:
        self.data = bytearray()
        self.whole = True
        self._limit = limit

    async def read(self, stream: ByteReceiveStream | None) -> None:
        if stream is None:
            return
        async for chunk in stream:
            room = self._limit - len(self.data)
            self.data += chunk[:room]
            self.whole = self.whole and len(chunk) <= room


async def _feed(stream: ByteSendStream | None, data: bytes) -> None:
    if stream is None:
        return
    # A program may end without reading everything; its exit code tells the rest.
    with suppress(anyio.BrokenResourceError, BrokenPipeError, ConnectionResetError):
        await stream.send(data)
    with suppress(anyio.BrokenResourceError, BrokenPipeError, ConnectionResetError):
        await stream.aclose()


async def _end(process: Process) -> None:
    """End what is left of the group, and reap the leader."""
    if process.returncode is None or _lives(process.pid):
        await end_group(process.pid, process.wait)


async def end_group(group: int, reaped: Callable[[], Awaitable[object]]) -> None:
    """End all of a group of processes: first asked, then forced.

    Args:
        group: Its number.
        reaped: Returns when its leader is reaped.
    """
    _signal(group, signal.SIGTERM)
    # A stopped process sees the first signal only when it goes on.
    _signal(group, signal.SIGCONT)
    if not await _gone(group, reaped, within=GRACE):
        _signal(group, signal.SIGKILL)
        await _gone(group, reaped, within=REAP)


async def _gone(group: int, reaped: Callable[[], Awaitable[object]], *, within: float) -> bool:
    """Wait until the leader is reaped and nobody of its group runs."""
    with anyio.move_on_after(within):
        await reaped()
        while _lives(group):  # noqa: ASYNC110 - the kernel tells nobody of grandchildren
            await anyio.sleep(_GLANCE)
        return True
    return False


def _lives(group: int) -> bool:
    """Whether anybody of the group runs.

    Where nobody reaps orphans, as in many containers, the dead stay members of their group;
    Linux tells them from the living.
    """
    if not _signal(group, 0):
        return False
    if not _PROC.is_dir():
        return True
    with os.scandir(_PROC.parent) as entries:
        return any(entry.name.isdigit() and _runs_in(group, entry.path) for entry in entries)


def _runs_in(group: int, process: str) -> bool:
    try:
        stat = Path(process, "stat").read_bytes()
    except OSError:
        return False
    state, _parent, member_of = stat.rpartition(b")")[2].split(maxsplit=3)[:3]
    return int(member_of) == group and state not in {b"Z", b"X"}


def _signal(group: int, number: int) -> bool:
    """Send a signal to the group; False when nobody is left who takes it.

    The number of a group is not given away while a member lives, and numbers go round in a
    circle: just behind the leader's end it can't have become somebody else's.
    """
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
