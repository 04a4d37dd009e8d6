"""Runs without a terminal: `crew run --detach`, the runner that it starts, and `crew wait`."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from crew.cli.complaints import complain
from crew.cli.run import FailOn, Folder, parse_priority
from crew.errors import ExitCode, StoreError, UsageError

if TYPE_CHECKING:
    from crew.cli.interrupts import Interrupts
    from crew.cli.wiring import Request
    from crew.service import LiveRun, RunOutcome, StoredRun

_GLANCE = 0.25
_LAST_WORDS = 3.0
_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12}")

# The workspace is never a place to import from, and crew need not be where others look for it.
_BOOT = (
    "import sys; root = sys.argv.pop(1); root in sys.path or sys.path.insert(0, root); "
    "from crew.cli import main; main()"
)
_AS_THEY_ARE = (
    *("team", "goal", "model", "run", "retry", "task", "at", "steer"),
    *("max_concurrency", "allow", "interactive", "fail_on"),
)

_Ref = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, the head of it, or latest.")]
_Timeout = Annotated[
    str | None,
    typer.Option(help="Exit 124 if the run still goes on then.", metavar="SECONDS"),
]


def register(app: typer.Typer) -> None:
    """Add `wait`, and the runner for crew itself."""
    app.command("wait")(wait)
    app.command("runner", hidden=True)(runner)


def launch(request: "Request") -> None:
    """Start a run in a process of its own, without a word here.

    Raises:
        UsageError: It could not begin; the message is what the runner said.
        StoreError: No process could be started.
    """
    process = _start(stderr=subprocess.PIPE)
    if _order(process, _packed(request, None)):
        return
    said = process.stderr.read().decode("utf-8", "replace") if process.stderr else ""
    code = process.wait()
    words = [line.strip().removeprefix("crew: ") for line in said.splitlines() if line.strip()]
    raise UsageError(" · ".join(words) or f"the runner ended with {code}")


def _start(stderr: int | None = None) -> subprocess.Popen[bytes]:
    import crew

    root = str(Path(crew.__file__).parents[1])
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", _BOOT, root, "runner"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )
    except OSError as error:
        raise StoreError(f"starting the runner: {error.strerror or error}") from error


def start_runner(request: "Request", *, report: Path | None, json_wanted: bool) -> ExitCode | int:
    """Start a run in a process of its own and say which it is.

    What the runner refuses it says on this process's standard error, as if it were this one.

    Args:
        request: The run.
        report: A file that gets the Markdown report once the run has ended.
        json_wanted: Whether to say it for programs.

    Returns:
        The exit code: the runner's where the run could not start.
    """
    process = _start()
    told = _order(process, _packed(request, report))
    if not told:
        return _end_of(process)
    said = json.loads(told)
    if json_wanted:
        typer.echo(json.dumps(said))
    else:
        typer.echo(said["run"])
        typer.echo(f"watch it:    crew watch {said['run']}", err=True)
        typer.echo(f"wait for it: crew wait {said['run']}", err=True)
    return ExitCode.OK


def _order(process: subprocess.Popen[bytes], order: bytes) -> bytes:
    """Hand the order over; what the runner says once the run has begun, or nothing."""
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        raise AssertionError("both were asked for")
    try:
        with suppress(BrokenPipeError), stdin:
            stdin.write(order)
        with stdout:
            return stdout.read()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise


def _end_of(process: subprocess.Popen[bytes]) -> ExitCode | int:
    code = process.wait()
    if code < 0:
        name = signal.Signals(-code).name
        complain("Runner", f"it was ended by {name} before the run had begun")
    return code if code > 0 else ExitCode.RUN_FAILED


def _packed(request: "Request", report: Path | None) -> bytes:
    said = {
        **{name: getattr(request, name) for name in _AS_THEY_ARE if hasattr(request, name)},
        "workspace": str(request.workspace),
        "home": str(request.home),
        "budget": request.budget.limits,
        "report": str(report.absolute()) if report is not None else None,
    }
    if (scope := getattr(request, "scope", None)) is not None:
        said |= {"base": scope.base, "paths": scope.paths}
    return json.dumps(said).encode("ascii")  # names of files may be bytes that no encoding knows


def _unpacked(order: bytes) -> tuple["Request", Path | None]:
    from crew.budget import Budget
    from crew.service import ForkRequest, ResumeRequest, ReviewScope, RunRequest

    said: dict[str, Any] = json.loads(order)
    report = said.pop("report")
    said |= {
        "allow": tuple(said["allow"]),
        "workspace": Path(said["workspace"]),
        "home": Path(said["home"]),
        "budget": Budget(**said["budget"]),
    }
    request: Request
    if "team" in said:
        said["scope"] = ReviewScope(base=said.pop("base"), paths=tuple(said.pop("paths")))
        request = RunRequest(**said)
    else:
        request = ForkRequest(**said) if "at" in said else ResumeRequest(**said)
    return request, Path(report) if report is not None else None


def runner() -> NoReturn:
    """Run what `crew run --detach` writes to standard input.

    Until the run has begun it speaks through its starter; from then on into its log.
    """
    try:
        request, report = _unpacked(b"" if sys.stdin.isatty() else sys.stdin.buffer.read())
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            "the runner is started by crew run, not by people", hint="use crew run TEAM --detach"
        ) from error
    _forget_input()
    # It has no terminal, so a hang-up can't be meant for it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    from crew.cli import wiring

    async def attend(run: "LiveRun", _: "Interrupts") -> "RunOutcome":
        _settle(run, request.workspace)
        outcome = await run.wait()
        if report is not None:  # who waits for the run waits until its lock is let go
            wiring.save_report(outcome, report)
        return outcome

    outcome = wiring.carry_out(request, lambda note: typer.echo(note, err=True), attend)
    if outcome is None:
        raise typer.Exit(wiring.cancelled_early())
    typer.echo(_verdict(outcome), err=True)
    raise typer.Exit(wiring.exit_code(outcome, request.fail_on))


def _forget_input() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def _settle(run: "LiveRun", workspace: Path) -> None:
    """Say that the run has begun, then go on without whoever started it.

    Raises:
        StoreError: The log can't be written, or the workspace is gone.
    """
    from crew.service.runner_log import speak_into

    try:
        os.chdir(workspace)
    except OSError as error:
        raise StoreError.from_os(f"going to {workspace}", error) from error
    told, speaker = json.dumps({"run": run.id, "folder": str(run.folder)}), os.dup(1)
    speak_into(run.folder, os.environ)
    with suppress(OSError):  # whoever started it may have gone already
        os.write(speaker, told.encode("ascii"))
    os.close(speaker)


def wait(
    ref: _Ref = "latest",
    *,
    timeout: _Timeout = None,
    fail_on: FailOn = None,
    folder: Folder = None,
) -> None:
    """Wait until a run has ended; without a RUN for the newest.

    Ctrl+C ends the waiting, not the run. Exit codes: those of crew run, 3 also for a run whose
    process is gone, 124 when --timeout came first. --fail-on is the run's own if not given.
    """
    from crew.cli.runs import open_target

    bound = _seconds(timeout) if timeout is not None else None
    run, session = open_target(ref, folder)
    if session:
        raise UsageError(
            f"{ref}: it is runs that are waited for", hint=f"use crew wait {run.id}, without it"
        )
    priority = parse_priority(fail_on) if fail_on is not None else run.fail_on
    ended = _until_over(run, bound)
    if ended is None:
        typer.echo(f"{run.id}: still {run.summary.status} after {bound:g} s", err=True)
        raise typer.Exit(ExitCode.TIMED_OUT)
    outcome = ended.outcome()
    if outcome is None:
        typer.echo(
            f"{run.id}: interrupted, its process is gone; go on: crew resume {run.id}", err=True
        )
        raise typer.Exit(ExitCode.RUN_FAILED)

    from crew.cli import wiring

    typer.echo(_verdict(outcome), err=True)
    wiring.warn_of_nothing(outcome, priority)
    raise typer.Exit(wiring.exit_code(outcome, priority))


def _seconds(text: str) -> float:
    if _SECONDS.fullmatch(text) is None:
        raise UsageError(
            f"--timeout {text[:40]}: not a number of seconds",
            hint="write seconds from 0, such as 90 or 0.5",
        )
    return float(text)


def _until_over(run: "StoredRun", timeout: float | None) -> "StoredRun | None":
    """The run once it has ended or its process is gone; None when `timeout` came first."""
    from crew.records import TERMINAL
    from crew.service import open_run

    home, began, ended = run.folder.parent.parent, time.monotonic(), None
    while run.summary.live:
        now = time.monotonic()
        # A run that has ended has its report to write yet; another program may keep it open.
        if run.summary.status in TERMINAL:
            ended = ended if ended is not None else now
            if now - ended >= _LAST_WORDS:
                return run
        elif timeout is not None and now - began >= timeout:
            return None
        left = _GLANCE if timeout is None else began + timeout - now
        # Nobody tells of a process that has gone: its lock has to be looked at.
        time.sleep(min(_GLANCE, max(left, 0.01)))
        run = open_run(home, run.id)
    return run


def _verdict(outcome: "RunOutcome") -> str:
    """How a run ended, in one line."""
    from crew.records import Status
    from crew.view import one_line, outcome_words, status_words

    words = status_words(outcome.status)
    if outcome.status is not Status.COMPLETED:
        error = outcome.error
        why = [error.title, one_line(error.message)] if error is not None else []
        why = [part for part in why if part.casefold() != words]  # each word once
        return ": ".join([outcome.run, words, *why])
    parts = [words, outcome_words(outcome.result)]
    return f"{outcome.run}: {', '.join(part for part in parts if part)}"
