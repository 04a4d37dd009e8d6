"""A child process whose output, time and life are bounded; cancelling the caller kills it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE

import anyio
from anyio.abc import ByteReceiveStream, Process

_STDERR_LIMIT = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a process ended.

    Attributes:
        cut: It wrote more than the limit and was ended; `stdout` is what came before.
    """

    code: int
    stdout: bytes
    stderr: str
    cut: bool


async def run_bounded(
    command: Sequence[str],
    *,
    cwd: Path,
    limit: int,
    seconds: float,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> Finished:
    """Run a program without a shell and keep at most `limit` bytes of its output.

    Raises:
        OSError: It could not be started.
        TimeoutError: It took longer than `seconds`; it was killed.
    """
    with anyio.fail_after(seconds):
        async with await anyio.open_process(
            command,
            cwd=cwd,
            env=env,
            stdin=PIPE if stdin else DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
        ) as process:
            return await _drain(process, limit, stdin)


async def _drain(process: Process, limit: int, stdin: bytes) -> Finished:
    output, errors = bytearray(), bytearray()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_feed, process, stdin)
        if process.stderr:
            tasks.start_soon(_read, process.stderr, errors, _STDERR_LIMIT)
        over = False
        if process.stdout:
            over = await _read(process.stdout, output, limit, stop=True)
        if over:
            process.kill()
        code = await process.wait()
    return Finished(
        code=code,
        stdout=bytes(output),
        stderr=errors.decode("utf-8", "backslashreplace"),
        cut=over,
    )


async def _feed(process: Process, data: bytes) -> None:
    if process.stdin is None:
        return
    try:
        await process.stdin.send(data)
        await process.stdin.aclose()
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        return  # it ended without reading everything, which its exit code explains


async def _read(
    stream: ByteReceiveStream, into: bytearray, limit: int, *, stop: bool = False
) -> bool:
    """Keep `limit` bytes; past them stop, or go on reading so that the writer never blocks."""
    async for chunk in stream:
        into += chunk[: max(0, limit - len(into) + 1)]
        if stop and len(into) > limit:
            del into[limit:]
            return True
    del into[limit:]
    return False
