"""Where the engine meets a front end: a run, its display and the signals in one task group."""

import io
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path
from typing import Protocol, runtime_checkable

import anyio
from rich.console import Console

from crew.cli.complaints import complain, complain_of, complain_of_bug, sole_error
from crew.cli.interrupts import Interrupts
from crew.commands import Control
from crew.console import (
    Display,
    JsonDisplay,
    LiveDisplay,
    Output,
    PlainDisplay,
    outcome_json,
    report_path,
    short_path,
    write_report,
)
from crew.errors import CrewError, ExitCode, StoreError
from crew.feed import Feed
from crew.records import Status, utc_now
from crew.service import (
    ForkRequest,
    LiveRun,
    ResumeRequest,
    RunOutcome,
    RunRequest,
    fork,
    resume,
    start,
)
from crew.view import Priority, breaks, is_empty

_EXIT_CODES = {
    Status.COMPLETED: ExitCode.OK,
    Status.NEEDS_ATTENTION: ExitCode.NEEDS_ATTENTION,
    Status.MAX_TURNS: ExitCode.NEEDS_ATTENTION,
    Status.OVER_BUDGET: ExitCode.OVER_BUDGET,
    Status.CANCELLED: ExitCode.CANCELLED,
}

Request = RunRequest | ResumeRequest
"""A run that is to begin, or to go on."""

Attend = Callable[[LiveRun, Interrupts], Awaitable[RunOutcome]]
"""Stays with a run until it has ended."""


class Style(Enum):
    """How a run is shown while it goes on."""

    OBSERVER = auto()
    LIVE = auto()
    PLAIN = auto()
    JSON = auto()


@runtime_checkable
class Interactive(Display, Protocol):
    """A display that a person acts through."""

    control: Control | None
    folder: Path | None

    def restore(self) -> None:
        """Give the terminal back as it was, from anywhere."""
        ...


def choose_style(*, plain: bool, json: bool) -> Style:
    """The style that was asked for, or the one that suits standard error and input."""
    if json:
        return Style.JSON
    able = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if plain or not able:
        return Style.PLAIN
    # Keys need a terminal to come from.
    return Style.OBSERVER if sys.stdin.isatty() else Style.LIVE


def execute(request: Request, style: Style, *, report: Path | None) -> ExitCode:
    """Carry a run to its end, show it, write its result, and say what that means.

    Args:
        request: The run.
        style: How to show it while it goes on.
        report: A file that gets the Markdown report as well.

    Raises:
        CrewError: The run could not start, or its result could not be written.
    """
    out = Output(sys.stdout)
    if style is Style.JSON and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    if style is Style.OBSERVER:
        request = replace(request, interactive=True)
    troubles: list[Exception] = []
    display = _display(style, out)

    async def attend(run: LiveRun, interrupts: Interrupts) -> RunOutcome:
        if isinstance(display, Interactive):
            display.control = run.control
            display.folder = run.folder
            interrupts.restore = display.restore
        if isinstance(display, PlainDisplay) and not isinstance(request, ForkRequest):
            display.begin_after(run.before)  # what was told once needs no second telling
        return await _watched(run, display, troubles)

    outcome = carry_out(request, display.say, attend)
    if outcome is None:
        return cancelled_early()
    code = exit_code(outcome, request.fail_on)
    if outcome.error is not None:
        complain(outcome.error.title, outcome.error.message, outcome.error.hint)
    warn_of_nothing(outcome, request.fail_on)
    if report is not None:
        save_report(outcome, report)
    if style is Style.JSON:
        out.put(f"{outcome_json(outcome, code)}\n")
    else:
        console = Console(highlight=False, markup=False, emoji=False)
        write_report(outcome, out, console)
        _say_where(outcome, shown=console.is_terminal)
    return _tell(troubles) or code


def carry_out(request: Request, say: Callable[[str], None], attend: Attend) -> RunOutcome | None:
    """Run a team to its end; a signal cancels it.

    Args:
        request: The run.
        say: Tells that a signal has come.
        attend: Waits for the end of the run, once it has begun.

    Returns:
        None when a signal came before there was a run to cancel.

    Raises:
        CrewError: The run could not start.
    """
    try:
        return anyio.run(_attempt, request, say, attend)
    except BaseExceptionGroup as group:
        raise sole_error(group) from group


def cancelled_early() -> ExitCode:
    """Say that a signal came before there was a run, and what that means."""
    complain("Cancelled", "the run had not begun, nothing was kept")
    return ExitCode.CANCELLED


def exit_code(outcome: RunOutcome, fail_on: str | None) -> ExitCode:
    """What the process says: the verdict for a completed run, else why it did not complete."""
    done = outcome.status is Status.COMPLETED
    if done and fail_on is not None and breaks(outcome.result, Priority(fail_on)):
        return ExitCode.VERDICT_FAILED
    return _EXIT_CODES.get(outcome.status, ExitCode.RUN_FAILED)


def warn_of_nothing(outcome: RunOutcome, fail_on: str | None) -> None:
    """Say that a gate let nothing pass because there was nothing: in CI that is rarely meant."""
    if fail_on is not None and outcome.status is Status.COMPLETED and is_empty(outcome.result):
        complain(
            "Warning",
            f"there was nothing to review, so --fail-on {fail_on} had nothing to find",
            "name what to compare with --base, and in a shallow clone fetch all of it",
        )


def _display(style: Style, out: Output) -> Display:
    err = Output(sys.stderr, name="standard error")
    match style:
        case Style.OBSERVER:
            from crew.cli.observe import ObserverDisplay

            return ObserverDisplay()
        case Style.LIVE:
            console = Console(stderr=True, highlight=False, markup=False, emoji=False)
            return LiveDisplay(console, clock=utc_now)
        case Style.JSON:
            return JsonDisplay(out, err)
        case Style.PLAIN:
            return PlainDisplay(err, tz=datetime.now(UTC).astimezone().tzinfo or UTC)


async def _attempt(
    request: Request, say: Callable[[str], None], attend: Attend
) -> RunOutcome | None:
    outcome: RunOutcome | None = None
    async with anyio.create_task_group() as tasks:
        interrupts = Interrupts(say, tasks.cancel_scope)
        await tasks.start(interrupts.obey)
        async with _begun(request) as run:
            interrupts.control = run.control
            outcome = await attend(run, interrupts)
        tasks.cancel_scope.cancel()
    return outcome


def _begun(request: Request) -> AbstractAsyncContextManager[LiveRun]:
    match request:
        case RunRequest():
            return start(request)
        case ForkRequest():
            return fork(request)
        case ResumeRequest():
            return resume(request)


async def _watched(run: LiveRun, display: Display, troubles: list[Exception]) -> RunOutcome:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_show, display, run.feed, troubles)
        outcome = await run.wait()
    return outcome


async def _show(display: Display, feed: Feed, troubles: list[Exception]) -> None:
    # A display that fails is told about afterwards; it never fails the run that it shows.
    try:
        await display.follow(feed)
    except Exception as error:
        troubles.append(error)


def _tell(troubles: list[Exception]) -> ExitCode | None:
    for trouble in troubles:
        error = sole_error(trouble)
        if isinstance(error, CrewError):
            complain_of(error)
        else:
            complain_of_bug(error)
    return ExitCode.RUN_FAILED if troubles else None


def save_report(outcome: RunOutcome, report: Path) -> None:
    """Write the report to a file of the person's choice.

    Raises:
        StoreError: It can't be written.
    """
    try:
        report.write_text(outcome.report, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        reason = error.strerror or str(error)
        kept = f"it is kept as {report_path(outcome)}" if report_path(outcome) else ""
        raise StoreError(f"writing the report to {report}: {reason}", hint=kept) from error


def _say_where(outcome: RunOutcome, *, shown: bool) -> None:
    lines = []
    if outcome.status is not Status.COMPLETED:
        lines += [f"kept: {short_path(outcome.folder)}", f"see:  crew show {outcome.run}"]
    elif not shown and (path := report_path(outcome)) is not None:
        lines.append(f"report: {short_path(path)}")
    Output(sys.stderr, name="standard error").put("".join(f"{line}\n" for line in lines))
