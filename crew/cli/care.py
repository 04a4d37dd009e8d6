"""`crew prune`, `crew doctor`, `crew export` and `crew import`: the care for kept runs.

`crew prune --json` prints one object; `runs` would go, or went if `deleted` is true, `left` stays:

    {"deleted", "bytes", "runs": [{"run", "status", "used", "bytes"}], "left": [{"run", "why"}]}

`status` is null for what an interrupted prune or import left behind. `crew doctor --json` prints

    {"run", "wrong", "checks": [{"name", "state": "ok"|"note"|"wrong", "where", "what", "mend"}]}

with `run` null for the machine and `wrong` the number of checks that need a mend. `crew export
--json` prints `{"run", "file", "bytes", "files", "redacted", "left_out"}`, `crew import --json`
prints `{"run", "folder", "bytes", "files"}`.
"""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crew.cli.run import Folder, open_workspace
from crew.cli.usage import whole_number
from crew.errors import ConfigError, ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crew.service.doctor import Check

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(r"(?P<number>\d{1,6})(?P<unit>[hdw])")

_OlderThan = Annotated[
    str | None,
    typer.Option(help="Those unused for so long: 12h, 30d, 8w.", metavar="AGE"),
]
_Keep = Annotated[str | None, typer.Option(help="All but the newest so many.", metavar="N")]
_Yes = Annotated[bool, typer.Option("--yes", help="Delete them; without it nothing changes.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
_Examined = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="A run, or a file of crew export; by default this machine is examined.",
        show_default=False,
    ),
]
_Ref = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, the head of it, or latest.")]
_Target = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="The file; RUN.tar.gz by default.", metavar="FILE"),
]
_Live = Annotated[bool, typer.Option("--live", help="Take what a running one has so far.")]
_Source = Annotated[Path, typer.Argument(metavar="FILE", help="What crew export wrote.")]


def register(app: typer.Typer) -> None:
    """Add `prune`, `doctor`, `export` and `import`."""
    app.command("prune")(prune)
    app.command("doctor")(doctor)
    app.command("export")(export)
    app.command("import")(import_file)


def prune(
    *,
    older_than: _OlderThan = None,
    keep: _Keep = None,
    yes: _Yes = False,
    json: _Json = False,
    folder: Folder = None,
) -> None:
    """List old runs, and with --yes delete them; never one that runs.

    With both bounds a run must be outside of both; with neither they are 30d and 20.
    """
    from crew.cli import care_pages
    from crew.records import utc_now
    from crew.service.prune import KEPT, OLDER_THAN, plan_prune
    from crew.service.prune import prune as delete

    age = _age(older_than) if older_than is not None else None
    kept = _count(keep) if keep is not None else None
    if age is None and kept is None:
        age, kept = OLDER_THAN, KEPT
    planned = plan_prune(_home(folder), older_than=age, keep=kept, now=utc_now())
    done = delete(planned, utc_now) if yes else planned
    care_pages.print_pruning(done, deleted=yes, json=json)
    if yes and len(done.going) < len(planned.going):
        raise typer.Exit(ExitCode.RUN_FAILED)


def doctor(ref: _Examined = None, *, json: _Json = False, folder: Folder = None) -> None:
    """Examine this machine, or a run's folder: what is wrong, where, and the mend.

    Exit codes: 0 nothing is wrong, 3 something is.
    """
    from crew.cli import care_pages
    from crew.cli.runs import unpacked
    from crew.service import find_workspace
    from crew.service.doctor import examine_machine, examine_run

    run: str | None = None
    if ref is None:
        workspace = find_workspace(open_workspace(folder))
        checks = [*examine_machine(workspace, _home(folder), os.environ), *_keys()]
    else:
        # A run is not opened for it: what is wrong may be that it can't be.
        with unpacked(ref) as kept:
            home = kept.folder.parent.parent if kept is not None else _home(folder)
            run, checks = examine_run(home, kept.id if kept is not None else ref)
    care_pages.print_checks(run, checks, json=json)
    if any(check.state == "wrong" for check in checks):
        raise typer.Exit(ExitCode.RUN_FAILED)


def export(
    ref: _Ref = "latest",
    *,
    output: _Target = None,
    live: _Live = False,
    json: _Json = False,
    folder: Folder = None,
) -> None:
    """Write a run into one archive, without secrets, to be imported elsewhere."""
    from crew.cli import care_pages
    from crew.service.archive import export_run

    done = export_run(_home(folder), ref, output, live=live, environ=os.environ)
    care_pages.print_exported(done, json=json)


def import_file(source: _Source, *, json: _Json = False, folder: Folder = None) -> None:
    """Unpack an exported run, to be shown and watched here like any other."""
    from crew.cli import care_pages
    from crew.service.unpack import import_run

    care_pages.print_imported(import_run(_home(folder), source), json=json)


def _keys() -> "Iterator[Check]":
    """Whether the observer takes the keys of the settings; only it knows which there are."""
    from crew.cli.settings import key_problems
    from crew.config import config_path, load_config
    from crew.service.doctor import Check

    try:
        chosen = load_config(os.environ).keys
    except ConfigError:  # the look at the models tells of it
        return
    problems = key_problems()
    for problem in problems:
        where = f"{problem.path}:{problem.line}"
        yield Check(
            name="keys", state="wrong", where=where, what=problem.message, mend=problem.hint
        )
    if chosen and not problems:
        place = str(config_path(os.environ) or "")
        yield Check(name="keys", where=place, what=f"{len(chosen)} of your own")


def _age(text: str) -> timedelta:
    found = _AGE.fullmatch(text)
    if found is None:
        raise UsageError(
            f"--older-than {text[:40]}: not an age",
            hint="write a number with h, d or w for hours, days or weeks: 12h, 30d, 8w",
        )
    return timedelta(**{_UNITS[found["unit"]]: int(found["number"])})


def _count(text: str) -> int:
    number = whole_number(text)
    if number is None:
        raise UsageError(
            f"--keep {text[:40]}: not a number of runs",
            hint="write a whole number from 0, such as 20",
        )
    return number


def _home(folder: Path | None) -> Path:
    from crew.service import default_home, find_workspace

    return default_home(find_workspace(open_workspace(folder)), os.environ)
