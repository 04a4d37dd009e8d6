"""`crew ps`, `crew show` and `crew logs`: what runs there are, and what happened in them."""

import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from crew.cli.run import Folder, open_workspace
from crew.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from crew.service import StoredRun

LISTED = 20
_ARCHIVE = re.compile(r"(?P<file>.+?\.(?:tar\.gz|tgz))(?:/(?P<session>[^/]*))?")

_Ref = Annotated[
    str,
    typer.Argument(
        metavar="RUN[/SESSION]",
        help="A run's id, the head of it, latest, or a file of crew export.",
    ),
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
    pages.list_runs(home, stored_runs(home), limit=None if every else LISTED, json=json)


def show(
    ref: _Ref = "latest", *, full: _Full = False, json: _Json = False, folder: Folder = None
) -> None:
    """Show a run, or one session's transcript.

    Without a RUN it is the newest; a session is named RUN/SESSION.
    """
    from crew.cli import pages

    with opened(ref, folder) as target:
        if target.session:
            pages.show_session(target, full=full, json=json)
        else:
            pages.show_run(target, json=json)


def logs(
    ref: _Ref = "latest", *, follow: _Follow = False, json: _Json = False, folder: Folder = None
) -> None:
    """Print a run's events, or one session's transcript.

    Without a RUN it is the newest; a session is named RUN/SESSION.
    """
    from crew.cli import pages

    with opened(ref, folder) as target:
        if target.session:
            pages.log_session(target, follow=follow, json=json)
        else:
            pages.log_run(target, follow=follow, json=json)


def home_of(folder: "Path | None") -> "Path":
    """Where the runs of a folder are kept."""
    from crew.service import default_home, find_workspace

    return default_home(find_workspace(open_workspace(folder)), os.environ)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a person named: a run, or one of its sessions.

    Attributes:
        name: What to call the run in a command that they may type next.
        place: Where it is kept: its folder, or the archive.
        session: The session's id; empty without one.
    """

    run: "StoredRun"
    name: str
    place: str
    session: str


@contextmanager
def opened(ref: str, folder: "Path | None") -> Iterator[Target]:
    """What `RUN[/SESSION]` or `FILE[/SESSION]` means, for as long as it is looked at."""
    with unpacked(ref) as kept:
        if kept is None:
            run, session = open_target(ref, folder)
            yield Target(run=run, name=run.id, place=str(run.folder), session=session)
            return
        file, session = _split(ref)
        yield Target(run=kept, name=file, place=os.path.abspath(file), session=session)


@contextmanager
def unpacked(ref: str) -> Iterator["StoredRun | None"]:
    """The run in the archive that `FILE[/SESSION]` names; None where it names no archive."""
    file, _ = _split(ref)
    if not file:
        yield None
        return
    from pathlib import Path

    from crew.service.unpack import opened_archive

    with _ended_in_order(), opened_archive(Path(file)) as run:
        yield run


def _split(ref: str) -> tuple[str, str]:
    """An archive and the session in it; both empty where no archive is named."""
    found = _ARCHIVE.fullmatch(ref)
    return (found["file"], found["session"] or "") if found is not None else ("", "")


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let a signal end the process by way of its cleanup: what was unpacked goes with it."""

    def leave(number: int, _: object) -> None:
        sys.exit(128 + number)

    wanted = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is signal.SIG_DFL
    ]
    for number in wanted:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in wanted:
            signal.signal(number, signal.SIG_DFL)


def workspace_of(folder: "Path | None") -> "Path":
    """The workspace that a folder is in."""
    from crew.service import find_workspace

    return find_workspace(open_workspace(folder))


def open_target(ref: str, folder: "Path | None") -> tuple["StoredRun", str]:
    """The run that `RUN[/SESSION]` means, and the session's id; empty without one."""
    from crew.service import open_run

    if file := _split(ref)[0]:
        raise UsageError(
            f"{file}: a run in an archive can only be looked at",
            hint="name a run of this folder, see crew ps",
        )
    name, _, session = ref.partition("/")
    return open_run(home_of(folder), name or "latest"), session
