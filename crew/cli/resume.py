"""`crew resume`, `retry` and `fork`: a run goes on, runs again, or another goes on from it."""

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crew.cli.control import Target, new_id, send
from crew.cli.run import (
    Allow,
    Ask,
    BudgetOption,
    Detach,
    FailOn,
    Folder,
    Json,
    MaxConcurrency,
    Plain,
    Report,
    carry_out,
    check_options,
    open_workspace,
    parse_members,
    parse_priority,
)
from crew.errors import CommandError, UsageError

if TYPE_CHECKING:
    from crew.service import ResumeRequest, StoredRun

_Tasks = Annotated[
    str,
    typer.Argument(metavar="RUN[/TASK]", help="A run's id, the head of it, or latest."),
]


_Run = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, the head of it, or latest.")]
_At = Annotated[
    str, typer.Option(metavar="TASK|SESSION:TURN", help="The point: verify, or code-review:3.")
]
_SteerText = Annotated[
    str | None,
    typer.Option("--steer", metavar="TEXT", help="Say this to the session before it goes on."),
]


def register(app: typer.Typer) -> None:
    """Add `resume`, `retry` and `fork`."""
    app.command("resume")(resume)
    app.command("retry")(retry)
    app.command("fork")(fork)


def resume(
    target: Target = "latest",
    *,
    plain: Plain = False,
    json: Json = False,
    max_concurrency: MaxConcurrency = None,
    budget: BudgetOption = None,
    allow: Allow = None,
    ask: Ask = False,
    fail_on: FailOn = None,
    report: Report = None,
    detach: Detach = False,
    folder: Folder = None,
) -> None:
    """Let a run go on: one that is paused, or one whose process was lost.

    A paused run, or session of it, is told to go on by its own process. An interrupted run goes on
    here: what it has finished stays, sessions continue from their transcripts. --allow is needed
    again, also as --allow repeat: run again what may have run before the interruption.
    Exit codes: those of crew run; of a pause 0 accepted, 2 refused.
    """
    from crew.cli.runs import open_target

    check_options(plain=plain, json=json, detach=detach, report=report)
    run, session = open_target(target, folder)
    if session or run.summary.live:
        _unpause(run, target, session, folder)
        return
    request = _request(
        run,
        folder,
        max_concurrency=max_concurrency,
        budget=budget,
        allow=allow,
        ask=ask,
        fail_on=fail_on,
    )
    raise typer.Exit(carry_out(request, plain=plain, json=json, report=report, detach=detach))


def retry(
    target: _Tasks = "latest",
    *,
    plain: Plain = False,
    json: Json = False,
    max_concurrency: MaxConcurrency = None,
    budget: BudgetOption = None,
    allow: Allow = None,
    ask: Ask = False,
    fail_on: FailOn = None,
    report: Report = None,
    detach: Detach = False,
    folder: Folder = None,
) -> None:
    """Run again what did not complete in a run, or one task of it, whatever it came to.

    With it runs again whatever depends on it; all else keeps its result. Earlier attempts stay,
    with their transcripts. A run that goes on is told so, and takes no options.
    Exit codes: those of crew run; of a run that goes on 0 accepted, 2 refused.
    """
    from crew.cli.runs import open_target
    from crew.records import TERMINAL

    check_options(plain=plain, json=json, detach=detach, report=report)
    run, task = open_target(target, folder)
    if run.summary.live and run.summary.status not in TERMINAL:
        given = {
            "--plain": plain,
            "--json": json,
            "--ask": ask,
            "--max-concurrency": max_concurrency,
            "--budget": budget,
            "--allow": allow,
            "--fail-on": fail_on,
            "--report": report,
            "--detach": detach,
        }
        _retry_there(run, target, task, folder, [name for name, value in given.items() if value])
        return
    request = _request(
        run,
        folder,
        max_concurrency=max_concurrency,
        budget=budget,
        allow=allow,
        ask=ask,
        fail_on=fail_on,
    )
    request = replace(request, retry=True, task=task or None)
    raise typer.Exit(carry_out(request, plain=plain, json=json, report=report, detach=detach))


def fork(
    target: _Run = "latest",
    *,
    at: _At,
    steer: _SteerText = None,
    plain: Plain = False,
    json: Json = False,
    max_concurrency: MaxConcurrency = None,
    budget: BudgetOption = None,
    allow: Allow = None,
    ask: Ask = False,
    fail_on: FailOn = None,
    report: Report = None,
    detach: Detach = False,
    folder: Folder = None,
) -> None:
    """Go back to a point in a run, and go on from there in a new one; the old run stays as it is.

    The new run keeps what was done but for the task at TASK and what depends on it. At SESSION:TURN
    that session goes on from the end of the turn, with --steer told something new first.
    What did not complete runs afresh. Exit codes: those of crew run.
    """
    from crew.cli.runs import open_target
    from crew.service import ForkRequest

    check_options(plain=plain, json=json, detach=detach, report=report)
    run, rest = open_target(target, folder)
    if rest:
        raise UsageError(f"{target}: it is runs that are forked", hint=f"use --at {rest}")
    request = _request(
        run,
        folder,
        max_concurrency=max_concurrency,
        budget=budget,
        allow=allow,
        ask=ask,
        fail_on=fail_on,
    )
    asked = {field.name: getattr(request, field.name) for field in fields(request)}
    forked = ForkRequest(**asked, at=at, steer=steer)
    raise typer.Exit(carry_out(forked, plain=plain, json=json, report=report, detach=detach))


def _unpause(run: "StoredRun", target: str, session: str | None, folder: Path | None) -> None:
    from crew.commands import Resume

    try:
        send(target, Resume(id=new_id(), session=session or None), folder)
    except CommandError as error:
        if session:
            raise
        who = run.runner or "its process"
        raise UsageError(
            f"run {run.id} is run by {who}: {error.message}",
            hint=f"follow it with crew watch {run.id}",
        ) from error


def _retry_there(
    run: "StoredRun", target: str, task: str, folder: Path | None, options: list[str]
) -> None:
    """Have the process that runs a run try a task again."""
    from crew.commands import Retry

    if options:
        raise UsageError(
            f"run {run.id} goes on in its own process, {options[0]} can't change it",
            hint=f"without options: crew retry {target}; or wait for its end: crew wait {run.id}",
        )
    send(target, Retry(id=new_id(), task=task or None), folder)


def _request(
    run: "StoredRun",
    folder: Path | None,
    *,
    max_concurrency: str | None,
    budget: str | None,
    allow: list[str] | None,
    ask: bool,
    fail_on: str | None,
) -> "ResumeRequest":
    from crew.definitions.budgets import parse_budget
    from crew.service import ResumeRequest, find_workspace

    return ResumeRequest(
        run=run.id,
        home=run.folder.parent.parent,
        workspace=find_workspace(open_workspace(folder)),
        max_concurrency=parse_members(max_concurrency),
        budget=parse_budget(budget),
        allow=tuple(allow or ()),
        interactive=ask,
        fail_on=parse_priority(fail_on) if fail_on is not None else run.fail_on,
    )
