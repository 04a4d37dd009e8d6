"""The `crew` command: every failure ends as one clear line and the right exit code."""

import contextlib
import errno
import io
import os
import sys
from typing import Annotated, NoReturn, TextIO

import typer

from crew import __version__
from crew.cli.commands import Commands
from crew.cli.complaints import complain, complain_of, complain_of_bug, sole_error
from crew.errors import CrewError, ExitCode

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

app = typer.Typer(
    cls=Commands,
    name="crew",
    help="Run teams of AI agents from a shell, watch each of them live, and steer any of them.",
    epilog="Start with: crew run review",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help is there twice as fast
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"crew {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            expose_value=False,
            help="Show the version.",
        ),
    ] = False,
) -> None:
    if context.invoked_subcommand is None and (text := context.get_help()):
        typer.echo(text)


def main() -> NoReturn:
    """Run the command line of this process and leave with its exit code."""
    _occupy_standard_handles()
    sys.stdout = _writable(sys.stdout)
    sys.stderr = _writable(sys.stderr)
    try:
        app(prog_name="crew")
    except SystemExit as leaving:
        code = _code(leaving)
    except BaseException as error:
        code = _report(sole_error(error))
    else:
        code = ExitCode.OK
    _close(sys.stdout)
    _close(sys.stderr)
    sys.exit(code)


def _occupy_standard_handles() -> None:
    # Where a standard stream came closed, the next file opened would take its place, and get
    # what a child process prints.
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)


def _writable(stream: TextIO | None) -> TextIO:
    if stream is None:  # the parent closed it (`>&-`)
        return open(os.devnull, "w", encoding="utf-8")
    # What the terminal's encoding lacks is shown escaped, never an error.
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _code(leaving: SystemExit) -> int:
    # Typer makes a 1 of a reader that has gone; to stop reading is no failure.
    if isinstance(leaving.__context__, BrokenPipeError):
        return ExitCode.OK
    return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)


def _report(error: BaseException) -> int:
    match error:
        case KeyboardInterrupt():
            return ExitCode.CANCELLED
        case BrokenPipeError():
            return ExitCode.OK
        case CrewError():
            complain_of(error)
            return error.exit_code
        case OSError(filename=None) if error.errno in _FULL:  # of a file it would be StoreError
            complain("Output", f"writing to standard output: {error.strerror}")
            return ExitCode.RUN_FAILED
        case _:
            complain_of_bug(error)
            return ExitCode.RUN_FAILED


def _close(stream: TextIO) -> None:
    try:
        stream.flush()
    except (OSError, ValueError):
        # The reader has gone; without this the interpreter fails at exit on what is left.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
