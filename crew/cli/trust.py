"""`crew trust`: what a folder's own definitions ask for, and the person's word on it.

`--json` prints one object and asks nothing; `teams` are those that would act without asking:

    {"folder", "trusted": at or null, "teams": [{"team", "effects", "files":
     [{"path", "line", "key", "says", "state": "trusted" | "changed" | "new"}]}]}

`--list --json` prints an array of `{"folder", "at", "files", "there"}`.
"""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from crew.cli.run import open_workspace
from crew.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from crew.service.trust import Claim
    from crew.service.trusted import TrustedFolder

_Path = Annotated[
    str | None,
    typer.Argument(metavar="PATH", help="A folder; this one by default.", show_default=False),
]
_Yes = Annotated[bool, typer.Option("--yes", help="Trust it without being asked.")]
_List = Annotated[bool, typer.Option("--list", help="List the folders that are trusted.")]
_Revoke = Annotated[bool, typer.Option("--revoke", help="Trust the folder no more.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def register(app: typer.Typer) -> None:
    """Add `trust`."""
    app.command("trust")(trust)


def trust(
    path: _Path = None,
    *,
    yes: _Yes = False,
    every: _List = False,
    revoke: _Revoke = False,
    json: _Json = False,
) -> None:
    """Show what a folder's own teams would do without asking, and trust them as they are now.

    Definitions that came with a repository can't grant themselves anything before. What is
    trusted is kept outside the repository; a change of one of these files asks again.
    Exit codes: 0 trusted or nothing to trust, 1 you said no, 2 there is nobody to ask.
    """
    if every + revoke + yes > 1:
        raise UsageError("--list, --revoke and --yes exclude each other", hint="use one of them")
    if every:
        _list(path, json=json)
    elif revoke:
        _revoke(path)
    else:
        _show(path, yes=yes, json=json)


def _list(path: str | None, *, json: bool) -> None:
    from crew.cli import trust_pages
    from crew.service.trusted import read_trusted

    if path is not None:
        raise UsageError("--list lists every folder", hint="leave PATH out")
    trust_pages.print_trusted(read_trusted(os.environ), json=json)


def _revoke(path: str | None) -> None:
    from pathlib import Path

    from crew.service.trusted import revoke

    # A folder that is gone can be revoked too.
    given = Path(os.path.realpath(path if path is not None else "."))
    folder = _top(path) if given.is_dir() else given
    said = "is trusted no more" if revoke(folder, os.environ) else "was not trusted"
    typer.echo(f"{folder}: {said}")


def _show(path: str | None, *, yes: bool, json: bool) -> None:
    from crew.cli import trust_pages
    from crew.service import default_library
    from crew.service.trust import claims
    from crew.service.trusted import read_trusted

    folder = _top(path)
    library = default_library(folder, os.environ)
    claimed, before = claims(library, folder), read_trusted(os.environ).get(os.fspath(folder))
    told = trust_pages.Told(folder=folder, claims=claimed, before=before, line=library.line)
    if json:
        if yes:
            before = _keep(folder, claimed)
            told = trust_pages.Told(folder=folder, claims=claimed, before=before, line=library.line)
        trust_pages.print_json(told)
        return
    trust_pages.print_claims(told)
    if not any(claim.unlike(before) for claim in claimed):
        return
    if not yes and not _agreed():
        raise typer.Exit(ExitCode.VERDICT_FAILED)
    _keep(folder, claimed)
    typer.echo(f"{folder}: trusted", err=True)


def _agreed() -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "nothing was trusted: there is no terminal to ask at", hint="add --yes in a script"
        )
    return typer.confirm("Trust these files as they are?", err=True)


def _keep(folder: "Path", claimed: "tuple[Claim, ...]") -> "TrustedFolder":
    from crew.records import utc_now
    from crew.service.trusted import TrustedFolder, trust

    files = {file.name: file.source.sha256 for claim in claimed for file in claim.files}
    trusted = TrustedFolder(at=utc_now(), files=files)
    trust(folder, trusted, os.environ)
    return trusted


def _top(path: str | None) -> "Path":
    """The folder that a run started there works in, every link followed."""
    from pathlib import Path

    from crew.service import find_workspace

    here = open_workspace(Path(path) if path is not None else None)
    return Path(os.path.realpath(find_workspace(here)))
