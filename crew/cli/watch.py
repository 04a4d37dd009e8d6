"""`crew watch`: the observer on a run that is live elsewhere, over, or was interrupted."""

import os
import sys
from typing import Annotated

import typer

from crew.cli.run import Folder
from crew.errors import UsageError

_Ref = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, the head of it, or latest.")]


def register(app: typer.Typer) -> None:
    """Add `watch`."""
    app.command("watch")(watch)


def watch(ref: _Ref = "latest", *, folder: Folder = None) -> None:
    """Open the observer on a run, live or over; without a RUN on the newest.

    Leaving it (q) changes nothing: a live run goes on.
    """
    from crew.cli.runs import open_target

    run, session = open_target(ref, folder)
    able = sys.stdin.isatty() and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if not able:
        raise UsageError("crew watch needs a terminal", hint=f"use crew logs -f {run.id}")

    from crew.cli.observe import watch as observe

    observed = observe(run, run.control if run.summary.live else None, session=session)
    if not observed.view.over and run.summary.live:
        typer.echo(f"the run goes on; look again: crew watch {run.id}", err=True)
