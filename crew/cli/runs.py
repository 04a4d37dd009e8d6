"""`crew ps`, `crew show` and `crew logs`: what runs there are, and what happened in them."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from crew.cli.run import Folder, open_workspace

if TYPE_CHECKING:
    from pathlib import Path

    from crew.service import StoredRun

LISTED = 20

_Ref = Annotated[
    str,
    typer.Argument(metavar="RUN[/SESSION]", help="A run's id, the head of it, or latest."),
]
_All = Annotated[bool, typer.Option("--all", "-a", help=f"List more than the newest {LISTED}.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
_Full = Annotated[bool, typer.Option("--full", help="Print long outputs whole.")]
_Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")]


def register(app: typer.Typer) -> None:
    """Add `ps`, `show` and `logs`."""
    app.command("ps")(list_runs)
    app.command("show")(show)
    app.command("logs")(logs)


def list_runs(*, every: _All = False, json: _Json = False, folder: Folder = None) -> None:
    """List the runs of this folder, newest first."""
    from crew.cli import pages
    from crew.service import list_runs as stored_runs

    home = home_of(folder)
    pages.list_runs(stored_runs(home), limit=None if every else LISTED, json=json)


def show(
    ref: _Ref = "latest", *, full: _Full = False, json: _Json = False, folder: Folder = None
) -> None:
    """Show a run, or one session's transcript.

    Without a RUN it is the newest; a session is named RUN/SESSION.
    """
    from crew.cli import pages

    run, session = open_target(ref, folder)
    if session:
        pages.show_session(run, session, full=full, json=json)
    else:
        pages.show_run(run, json=json)


def logs(
    ref: _Ref = "latest", *, follow: _Follow = False, json: _Json = False, folder: Folder = None
) -> None:
    """Print a run's events, or one session's transcript.

    Without a RUN it is the newest; a session is named RUN/SESSION.
    """
    from crew.cli import pages

    run, session = open_target(ref, folder)
    if session:
        pages.log_session(run, session, follow=follow, json=json)
    else:
        pages.log_run(run, follow=follow, json=json)


def home_of(folder: "Path | None") -> "Path":
    """Where the runs of a folder are kept."""
    from crew.service import default_home, find_workspace

    return default_home(find_workspace(open_workspace(folder)), os.environ)


def open_target(ref: str, folder: "Path | None") -> tuple["StoredRun", str]:
    """The run that `RUN[/SESSION]` means, and the session's id; empty without one."""
    from crew.service import open_run

    name, _, session = ref.partition("/")
    return open_run(home_of(folder), name or "latest"), session
