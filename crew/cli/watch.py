"""`crew watch`: the observer on a run that is live elsewhere, over, or was interrupted."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from crew.cli.run import Folder
from crew.errors import UsageError

_Ref = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN", help="A run's id, the head of it, latest, or a file of crew export."
    ),
]
_All = Annotated[bool, typer.Option("--all", "-a", help="Show the list of runs, to open any.")]


def register(app: typer.Typer) -> None:
    """Add `watch`."""
    app.command("watch")(watch)


def watch(ref: _Ref = None, *, every: _All = False, folder: Folder = None) -> None:
    """Open the observer on a run, live or over; without a RUN on the newest.

    Leaving it (q) changes nothing: a live run goes on.
    """
    if every and ref is not None:
        raise UsageError("--all and a RUN exclude each other", hint="use one of them")
    if every:
        _watch_all(folder)
        return
    from crew.cli.runs import opened, workspace_of

    with opened(ref or "latest", folder) as target:
        run = target.run
        _check_terminal(f"use crew logs -f {target.name}")

        from crew.cli.observe import watch as observe

        # What an archive holds was unpacked for now: there is no run to go on.
        kept = target.place == str(run.folder)
        workspace = workspace_of(folder) if kept else None
        observed = observe(run, workspace, session=target.session)
    if not observed.view.over and run.summary.live:
        typer.echo(f"the run goes on; look again: crew watch {run.id}", err=True)


def _watch_all(folder: Path | None) -> None:
    from crew.cli.runs import home_of, workspace_of

    home = home_of(folder)
    _check_terminal("use crew ps")

    from crew.cli.observe import watch_all

    watch_all(home, workspace_of(folder))


def _check_terminal(hint: str) -> None:
    able = sys.stdin.isatty() and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if not able:
        raise UsageError("crew watch needs a terminal", hint=hint)
