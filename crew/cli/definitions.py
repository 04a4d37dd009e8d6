"""`crew agents|teams|workflows`, `crew check`, `crew new`: the definitions that runs are made of.

`--json` of a list is an array of objects, of one name that object with `definition` added:

    {"kind", "name", "description", "path", "layer", "shadows": [{"path", "layer"}],
     "problems": [{"path", "line", "column", "message", "hint"}]}

`definition` has the resolved values, defaults included; it is null where there are problems. One
agent has `runs_on` too, the models that would be tried in this order, and `own_tools`, those that
each session has beside `tools`. One team has `roles`, role to the agent that fills it, with the
team's changes applied, and `runs_on`, role to models.
`description` is empty where there are problems. Lines and columns count from 1; 0 means the whole
file or line.

`crew check --json` prints one object:

    {"problems": [...], "shadowed": [{"kind", "name", "used": {"path", "layer"},
     "unused": [{"path", "layer"}]}], "counts": {"agent", "team", "workflow"}, "config"}

`counts` and `shadowed` are about the whole library, also when one path is checked. `config` is the
`config.toml` that was checked as well, or null.
"""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from crew.cli.run import Folder, open_workspace
from crew.cli.usage import nearest
from crew.errors import ExitCode, StoreError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from crew.definitions import Kind, Library


_Name = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="Show this one whole.", show_default=False),
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
_Path = Annotated[
    str | None,
    typer.Argument(metavar="PATH", help="A file or a folder; all by default.", show_default=False),
]
_Sort = Annotated[str, typer.Argument(metavar="agent|team|workflow", show_default=False)]
_NewName = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add `agents`, `teams`, `workflows`, `check` and `new`."""
    app.command("agents")(agents)
    app.command("teams")(teams)
    app.command("workflows")(workflows)
    app.command("check")(check)
    app.command("new")(new)


def agents(name: _Name = None, *, json: _Json = False, folder: Folder = None) -> None:
    """List the agents, or show one."""
    _show("agent", name, json=json, folder=folder)


def teams(name: _Name = None, *, json: _Json = False, folder: Folder = None) -> None:
    """List the teams, or show one."""
    _show("team", name, json=json, folder=folder)


def workflows(name: _Name = None, *, json: _Json = False, folder: Folder = None) -> None:
    """List the workflows, or show one."""
    _show("workflow", name, json=json, folder=folder)


def check(path: _Path = None, *, json: _Json = False, folder: Folder = None) -> None:
    """Check all definitions and config.toml, or one file or folder.

    Exit codes: 0 no problems, 2 there are some.
    """
    from crew.cli import definition_pages
    from crew.cli.settings import settings_problems
    from crew.config import config_path

    here = open_workspace(folder)
    found = _library(here)
    given = here / path if path is not None else None
    config = config_path(os.environ)
    asked = config is not None and given is not None and _is_same(given, config)
    problems = [] if asked else found.check(given)
    looked = config if asked or (given is None and config and os.path.lexists(config)) else None
    if looked is not None:
        problems += settings_problems()
    definition_pages.print_check(found, problems, path=path, config=looked, json=json)
    if problems:
        raise typer.Exit(ExitCode.USAGE)


def new(sort: _Sort, name: _NewName, *, folder: Folder = None) -> None:
    """Write a new agent, team or workflow into .crew/, ready to be edited."""
    from crew.cli import definition_pages
    from crew.definitions import KINDS
    from crew.definitions.fields import NAME, NAME_RULE
    from crew.definitions.templates import template
    from crew.service import find_workspace

    if sort not in KINDS:
        near = nearest(sort, KINDS)
        hint = f"did you mean {near}?" if near else f"one of: {', '.join(KINDS)}"
        raise UsageError(f"crew new {sort}: there is no such kind of definition", hint=hint)
    if not NAME.match(name):
        raise UsageError(f"{sort} can't be named {name!r}", hint=NAME_RULE)
    here = open_workspace(folder)
    root = find_workspace(here) / ".crew"
    path = root / f"{sort}s" / f"{name}.md"
    _write_new(path, path.with_name(f"{name}.{sort}.md"), template(sort, name))
    definition_pages.print_new(_library(here).entry(sort, name))


def _show(kind: "Kind", name: str | None, *, json: bool, folder: "Path | None") -> None:
    from crew.cli import definition_pages

    found = _library(open_workspace(folder))
    if name is None:
        definition_pages.print_list(kind, found.entries(kind), json=json)
    else:
        from crew.service.resolved import model_resolver

        resolve = model_resolver(os.environ)
        definition_pages.print_one(kind, found, name, resolve=resolve, json=json)


def _library(here: "Path") -> "Library":
    """What a run started here sees."""
    from crew.service import default_library, find_workspace

    return default_library(find_workspace(here), os.environ)


def _is_same(path: "Path", other: "Path") -> bool:
    return os.path.lexists(path) and os.path.realpath(path) == os.path.realpath(other)


def _write_new(path: "Path", other: "Path", text: str) -> None:
    for taken in (path, other):
        if os.path.lexists(taken):
            raise UsageError(f"{taken} exists already", hint="choose another name, or edit it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise StoreError.from_os(f"writing {path}", error) from error
