"""`shell`: runs a command in the workspace, bounded in time and output, and ends all of it."""

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from signal import Signals
from typing import Annotated

import anyio
import anyio.to_thread
from anyio.abc import Process
from pydantic import Field

from crew.tools.leftovers import MARK
from crew.tools.output import Output
from crew.tools.process import process_group
from crew.tools.protocol import Effect, Tool, ToolArgs, ToolContext, ToolOutput

DRAIN = 0.5
"""Seconds that output is still read when the command is over but its pipe is held open."""

_CHUNK = 64 * 1024
_SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL")


_Line = Annotated[str, Field(min_length=1)]
_Words = Annotated[list[str], Field(min_length=1)]


class ShellArgs(ToolArgs):
    """Arguments of `shell`."""

    command: _Line | _Words = Field(
        description="A line for /bin/sh, or a list: program and arguments"
    )
    timeout: float = Field(default=120, gt=0, le=3600, description="Seconds")
    cwd: str = Field(default=".", description="Folder in the workspace to run in")


class Shell(Tool[ShellArgs]):
    """Runs one command to its end, and ends what it left in the background."""

    name = "shell"
    description = (
        "Run a command and read its output (stdout and stderr in one). There is no input; "
        "background processes end with the command; secrets are not in its environment."
    )
    effect = Effect.EXECUTE
    interruptible = True
    path_args = ("cwd",)
    args = ShellArgs

    def preview(self, args: ShellArgs) -> str:
        """The command line."""
        line = args.command if isinstance(args.command, str) else shlex.join(args.command)
        return " ".join(line.split())[:120]

    async def run(self, args: ShellArgs, ctx: ToolContext) -> ToolOutput:
        """Run it.

        Raises:
            ToolError: It can't be started, or the folder is none of the workspace.
        """
        command = ["/bin/sh", "-c", args.command] if isinstance(args.command, str) else args.command
        cwd = ctx.workspace.folder(args.cwd)
        output = Output(ctx.on_output)
        with _Pipe.open() as pipe:
            async with process_group(
                command,
                cwd=cwd,
                env={**without_secrets(os.environ), MARK: ctx.mark},
                stdout=pipe.writer,
                stderr=subprocess.STDOUT,
            ) as process:
                pipe.close_writer()
                timed_out = await _follow(process, pipe, output, args.timeout)
            pipe.drain(output)
        output.close()
        ending = f"timed out after {args.timeout:g} s" if timed_out else _ending(process)
        return await _report(output, ending, ok=ending == "exit 0", ctx=ctx)


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without the variables whose names look like secrets."""
    return {
        name: value
        for name, value in environ.items()
        if not any(word in name.upper() for word in _SECRET_WORDS)
    }


class _Pipe:
    """A pipe of our own: the event loop's waits for a process until nobody holds its pipes."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self._writing = True

    @classmethod
    @contextmanager
    def open(cls) -> Iterator["_Pipe"]:
        pipe = cls()
        try:
            yield pipe
        finally:
            pipe.close_writer()
            os.close(pipe.reader)

    def close_writer(self) -> None:
        if self._writing:
            self._writing = False
            os.close(self.writer)

    async def collect(self, output: Output) -> None:
        """Read until nobody can write any more."""
        while True:
            await anyio.wait_readable(self.reader)
            try:
                data = os.read(self.reader, _CHUNK)
            except BlockingIOError:
                continue
            if not data:
                return
            output.add(data)

    def drain(self, output: Output) -> None:
        """Take what is in the pipe now; it holds no more than a few chunks."""
        for _ in range(64):
            try:
                data = os.read(self.reader, _CHUNK)
            except BlockingIOError:
                return
            if not data:
                return
            output.add(data)


async def _follow(process: Process, pipe: _Pipe, output: Output, seconds: float) -> bool:
    """Collect output until the command is over; True when its time was over first."""
    with anyio.move_on_after(seconds):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pipe.collect, output)
            await process.wait()
            tasks.cancel_scope.deadline = anyio.current_time() + DRAIN
    return process.returncode is None


def _ending(process: Process) -> str:
    code = process.returncode
    if code is None:
        return "could not be ended"
    if code >= 0:
        return f"exit {code}"
    try:
        return f"ended by {Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"


async def _report(output: Output, ending: str, *, ok: bool, ctx: ToolContext) -> ToolOutput:
    text = output.text().removesuffix("\n") or "(no output)"
    parts = [text, f"({ending})"]
    if output.cut:
        name = f"{ctx.session}-{ctx.call_id}-output.txt"
        ref = await anyio.to_thread.run_sync(ctx.artifacts.put, name, output.spooled)
        kept = "all" if len(output.spooled) == output.size else f"the first {ref.size:,} bytes"
        parts.append(f"({kept} of the output: read artifact:{ref.name})")
    count = f"{output.lines:,} line{'' if output.lines == 1 else 's'}"
    return ToolOutput(text="\n".join(parts), summary=f"{ending}, {count}", ok=ok)
