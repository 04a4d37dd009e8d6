"""`crew run`: reads the command line into a request and hands it to the wiring."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crew.cli.usage import whole_number
from crew.errors import UsageError, WorkspaceError

if TYPE_CHECKING:
    from crew.cli.wiring import Request

_PRIORITIES = ("P0", "P1", "P2", "P3")


_Team = Annotated[str, typer.Argument(help="The team: see crew teams.", metavar="TEAM")]
_Goal = Annotated[
    list[str] | None,
    typer.Argument(help="What to do, for a team that needs to be told.", metavar="GOAL"),
]
_Model = Annotated[
    str | None, typer.Option("--model", "-m", help="The model for every member.", metavar="NAME")
]
Plain = Annotated[bool, typer.Option("--plain", help="Show one line an event.")]
Json = Annotated[bool, typer.Option("--json", help="Print events as JSON lines.")]
_Base = Annotated[
    str | None, typer.Option(help="Review the change since this commit.", metavar="COMMIT")
]
_Paths = Annotated[
    list[str] | None,
    typer.Option(help="Review only this file or folder; may be repeated.", metavar="PATH"),
]
MaxConcurrency = Annotated[
    str | None, typer.Option(help="Members at work at the same time.", metavar="N")
]
BudgetOption = Annotated[
    str | None,
    typer.Option(
        help="What the run may spend: 200k tokens, or tokens=200k,cost=2.50,turns=100,time=10m,"
        "errors=50%, or some of these.",
        metavar="LIMITS",
    ),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(help="Grant write, execute or one tool; may be repeated.", metavar="WHAT"),
]
Ask = Annotated[
    bool,
    typer.Option(
        "--ask", help="Wait for crew answer, or an observer, where a grant is missing; not deny."
    ),
]
FailOn = Annotated[
    str | None,
    typer.Option(help="Exit 1 on a finding of this priority or worse.", metavar="P0..P3"),
]
Report = Annotated[Path | None, typer.Option(help="Write the report there too.", metavar="FILE")]
Detach = Annotated[
    bool, typer.Option("--detach", help="Return at once; the run goes on without this terminal.")
]
Folder = Annotated[
    Path | None, typer.Option("-C", help="Use this folder, not the current one.", metavar="DIR")
]


def register(app: typer.Typer) -> None:
    """Add `run`."""
    app.command("run")(run)


def run(
    *,
    team: _Team,
    goal: _Goal = None,
    model: _Model = None,
    plain: Plain = False,
    json: Json = False,
    base: _Base = None,
    paths: _Paths = None,
    max_concurrency: MaxConcurrency = None,
    budget: BudgetOption = None,
    allow: Allow = None,
    ask: Ask = False,
    fail_on: FailOn = None,
    report: Report = None,
    detach: Detach = False,
    folder: Folder = None,
) -> None:
    """Run a team in this folder and print its report.

    Progress goes to stderr, the report to stdout. Exit codes: 0 done, 1 a finding of --fail-on,
    2 usage or definitions, 3 the run failed, 4 it needs attention, 5 over budget, 130 cancelled.
    """
    check_options(plain=plain, json=json, detach=detach, report=report)
    if not team.strip():
        raise UsageError("no team is named", hint="see what there is: crew teams")
    here = open_workspace(folder)

    from crew.definitions.budgets import parse_budget
    from crew.service import ReviewScope, RunRequest, default_home, find_workspace

    workspace = find_workspace(here)
    request = RunRequest(
        team=team,
        goal=" ".join(goal or []),
        workspace=workspace,
        home=default_home(workspace, os.environ),
        model=model,
        scope=ReviewScope(
            base=base, paths=tuple(seen_from_top(path, here, workspace) for path in paths or ())
        ),
        max_concurrency=parse_members(max_concurrency),
        budget=parse_budget(budget),
        allow=tuple(allow or ()),
        interactive=ask,
        fail_on=parse_priority(fail_on) if fail_on is not None else None,
    )
    raise typer.Exit(carry_out(request, plain=plain, json=json, report=report, detach=detach))


def check_options(*, plain: bool, json: bool, detach: bool, report: Path | None) -> None:
    """Refuse what can't go together, or would fail only after the run.

    Raises:
        UsageError: Something is off.
    """
    if plain and (json or detach):
        other = "--json" if json else "--detach"
        raise UsageError(f"--plain and {other} exclude each other", hint="use one of them")
    if report is not None:
        _check_report(report)


def carry_out(
    request: "Request", *, plain: bool, json: bool, report: Path | None, detach: bool
) -> int:
    """Run it here, or in a process of its own; gives the exit code."""
    if detach:
        from crew.cli.detach import start_runner

        return start_runner(request, report=report, json_wanted=json)
    from crew.cli import wiring

    style = wiring.choose_style(plain=plain, json=json)
    return wiring.execute(request, style, report=report)


def open_workspace(folder: Path | None) -> Path:
    """The folder to work in: `folder`, or the current one.

    Raises:
        WorkspaceError: It does not exist, or is not a folder that can be used.
    """
    try:
        workspace = (folder or Path.cwd()).absolute()
    except FileNotFoundError as error:
        raise WorkspaceError(
            "the current folder no longer exists", hint="cd to one that does, or use -C DIR"
        ) from error
    if not workspace.is_dir():
        problem = "is not a folder" if workspace.exists() else "does not exist"
        raise WorkspaceError(f"{workspace} {problem}", hint="name a folder that exists")
    if not os.access(workspace, os.R_OK | os.X_OK):
        raise WorkspaceError(f"{workspace} can't be read", hint="check its permissions")
    return workspace


def parse_members(text: str | None) -> int | None:
    """Read a number of members: a whole one, from 1; None for none.

    Raises:
        UsageError: It is not one.
    """
    if text is None:
        return None
    number = whole_number(text)
    if not number:
        raise UsageError(
            f"--max-concurrency {text[:40]}: not a number of members",
            hint="write a whole number from 1, such as 4",
        )
    return number


def parse_priority(text: str) -> str:
    """Read a priority: `P0` to `P3`, in either case.

    Raises:
        UsageError: It is not one.
    """
    priority = text.strip().upper()
    if priority not in _PRIORITIES:
        raise UsageError(
            f"--fail-on {text}: not a priority", hint=f"one of: {', '.join(_PRIORITIES)}"
        )
    return priority


def seen_from_top(path: str, here: Path, workspace: Path) -> str:
    """A path as the person means it, seen from the workspace's top."""
    if not path:
        raise UsageError("--paths names nothing", hint="leave it out to review everything")
    relative = os.path.relpath(here / path, workspace)
    if relative.split(os.sep, 1)[0] == os.pardir:
        raise UsageError(
            f"--paths {path}: it is outside {workspace}", hint="name a file or folder inside it"
        )
    return Path(relative).as_posix()


def _check_report(report: Path) -> None:
    # Found out now, not after the run that was to fill it.
    if report.is_dir():
        raise UsageError(f"--report {report}: is a folder", hint="name a file")
    if not report.absolute().parent.is_dir():
        raise UsageError(
            f"--report {report}: the folder {report.parent} does not exist", hint="create it first"
        )
