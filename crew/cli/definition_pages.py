"""What `crew agents|teams|workflows|check|new` put on standard output."""

import json as json_text
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from crew.budget import Budget, budget_words, limit_words
from crew.console import print_whole
from crew.definitions import KINDS, Entry, Kind, Library
from crew.definitions.report import display_path
from crew.definitions.types import (
    Agent,
    Definition,
    Plan,
    Problem,
    Source,
    SpawnLimits,
    Supervision,
    Team,
    Workflow,
)
from crew.errors import DefinitionError
from crew.service.resolved import Resolve

_HIDDEN_KEYS = {"name", "description", "source", "prompt", "briefing", "members", "steps"}


def print_list(kind: Kind, entries: Sequence[Entry], *, json: bool) -> None:
    """Print every definition of a kind."""
    if json:
        _put([_summary(kind, entry) for entry in entries])
        return
    table = _table("name", "description", "from")
    for entry in entries:
        table.add_row(Text(entry.name, "bold"), _description(entry), _origin(entry))
    console = _console()
    print_whole(table, console)
    console.print(Text(f"one of them whole: crew {kind}s NAME", "dim"), soft_wrap=True)


def print_one(kind: Kind, library: Library, name: str, *, resolve: Resolve, json: bool) -> None:
    """Print one definition whole.

    Args:
        resolve: Says which models the names mean that it asks for.

    Raises:
        DefinitionError: There is none of this name, or it has problems.
    """
    entry = library.entry(kind, name)
    if entry.definition is None and not json:
        raise DefinitionError("\n".join(str(problem) for problem in entry.problems))
    plan = library.plan(name) if kind == "team" and entry.definition is not None else None
    if json:
        value = _summary(kind, entry) | {"definition": _dumped(entry.definition)}
        _put(value | _resolved(kind, entry, plan, resolve))
        return
    console = _console()
    description = entry.definition.description if entry.definition else ""
    console.print(Text.assemble((name, "bold"), f"  {description}"), soft_wrap=True)
    print_whole(_settings(entry, resolve), console)
    match entry.definition:
        case Agent(prompt=prompt):
            _print_text(console, prompt)
        case Team(briefing=briefing) if plan is not None:
            for table in (_roles(plan, resolve), _steps(plan.workflow)):
                console.print()
                print_whole(table, console)
            _print_text(console, briefing)
        case Workflow() as workflow:
            console.print()
            print_whole(_steps(workflow), console)
            for step in workflow.steps:
                console.print(Text(f"\n## {step.id}", "bold"))
                _print_text(console, step.prompt)


def print_check(
    library: Library,
    problems: Sequence[Problem],
    *,
    path: str | None,
    config: Path | None,
    json: bool,
) -> None:
    """Print the problems, or that there are none, and what shadows what.

    Args:
        path: What was asked for; None for everything.
        config: The settings that were checked as well.
    """
    entries = {kind: library.entries(kind) for kind in KINDS}
    shadowing = [(kind, each) for kind in KINDS for each in entries[kind] if each.shadows]
    if json:
        _put(
            {
                "problems": [_dumped(problem) for problem in problems],
                "shadowed": [_shadowed(kind, entry) for kind, entry in shadowing],
                "counts": {kind: len(entries[kind]) for kind in KINDS},
                "config": None if config is None else str(config),
            }
        )
        return
    console = _console()
    for problem in problems:
        console.print(Text(str(problem)), soft_wrap=True)
    for kind, entry in shadowing if path is None else ():
        used = f"note: {kind} {entry.name} of {_shown(entry.source)}"
        unused = ", ".join(_shown(source) for source in entry.shadows)
        console.print(Text(f"{used} shadows {unused}", "dim"), soft_wrap=True)
    if problems:
        files = _counted(len({problem.path for problem in problems}), "file")
        total = f"{_counted(len(problems), 'problem')} in {files}"
        Console(stderr=True, highlight=False).print(total)
    elif path is not None:
        console.print(Text(f"{path}: no problems"), soft_wrap=True)
    else:
        counts = [_counted(len(entries[kind]), kind) for kind in KINDS]
        if config is not None:
            counts.append(display_path(config))
        console.print(Text(f"{', '.join(counts)}: no problems"), soft_wrap=True)


def print_new(entry: Entry) -> None:
    """Print where the new file is."""
    console = _console()
    path = display_path(Path(entry.source.path))
    console.print(Text(path), soft_wrap=True)
    notes = Console(stderr=True, highlight=False)
    if entry.shadows:
        unused = ", ".join(_shown(source) for source in entry.shadows)
        notes.print(Text(f"note: it shadows {unused}"), soft_wrap=True)
    notes.print(Text(f"edit it, then: crew check {path}"), soft_wrap=True)


def _console() -> Console:
    return Console(highlight=False)


def _put(value: Any) -> None:
    sys.stdout.write(json_text.dumps(value, indent=2) + "\n")


def _dumped(value: Definition | Plan | Problem | None) -> Any:
    return None if value is None else value.model_dump(mode="json")


def _place(source: Source) -> dict[str, str]:
    return {"path": source.path, "layer": source.layer}


def _summary(kind: Kind, entry: Entry) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": entry.name,
        "description": entry.definition.description if entry.definition else "",
        **_place(entry.source),
        "shadows": [_place(source) for source in entry.shadows],
        "problems": [_dumped(problem) for problem in entry.problems],
    }


def _shadowed(kind: Kind, entry: Entry) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": entry.name,
        "used": _place(entry.source),
        "unused": [_place(source) for source in entry.shadows],
    }


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column, no_wrap=column in {"name", "role", "step"}, overflow="fold")
    return table


def _description(entry: Entry) -> Text:
    if entry.definition is not None:
        return Text(entry.definition.description)
    first, *others = entry.problems
    where = f"{first.path}:{first.line}" if first.line else first.path
    more = f", and {_counted(len(others), 'more problem')}: see crew check" if others else ""
    return Text(f"broken: {where}: {first.message}{more}", "red")


def _origin(entry: Entry) -> Text:
    shadows = ", ".join(source.layer for source in entry.shadows)
    return Text(entry.source.layer + (f", shadows {shadows}" if shadows else ""), "dim")


def _resolved(kind: Kind, entry: Entry, plan: Plan | None, resolve: Resolve) -> dict[str, Any]:
    """What follows from a definition here, for programs."""
    match kind, entry.definition:
        case "team", _:
            roles = plan.roles if plan is not None else {}
            return {
                "roles": {} if plan is None else _dumped(plan)["roles"],
                "runs_on": {role: resolve(agent.model) for role, agent in roles.items()},
            }
        case "agent", Agent() as agent:
            return {"runs_on": resolve(agent.model), "own_tools": agent.own_tools}
        case "agent", _:
            return {"runs_on": [], "own_tools": []}
        case _:
            return {}


def _settings(entry: Entry, resolve: Resolve) -> Table:
    rows: dict[str, str] = {"source": _shown(entry.source)}
    if entry.shadows:
        rows["shadows"] = ", ".join(_shown(source) for source in entry.shadows)
    values: Mapping[str, Any] = _dumped(entry.definition) or {}
    rows |= {key: _value(key, value) for key, value in values.items() if key not in _HIDDEN_KEYS}
    if isinstance(agent := entry.definition, Agent):
        rows["model"] = _models(agent, resolve)
        rows["tools"] += f"; the session's own: {', '.join(agent.own_tools)}"
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for key, text in rows.items():
        table.add_row(key, Text(text))
    return table


def _models(agent: Agent, resolve: Resolve) -> str:
    """The names that an agent asks for, each with what it means here."""
    meant = {name: resolve([name]) for name in agent.model}
    return ", ".join(
        name if models == (name,) else f"{name} ({' or '.join(models)})"
        for name, models in meant.items()
    )


def _roles(plan: Plan, resolve: Resolve) -> Table:
    table = _table("role", "agent", "model", "tools")
    for role, agent in plan.roles.items():
        tools = _value("tools", agent.tools)
        table.add_row(Text(role, "bold"), agent.name, _models(agent, resolve), tools)
    return table


def _steps(workflow: Workflow) -> Table:
    table = _table("step", "role", "needs", "runs")
    for step in workflow.steps:
        runs = [f"when {step.when}"] if step.when else []
        runs += [f"for each of {step.foreach}"] if step.foreach else []
        runs = runs or ["once"]
        runs += [f"up to {words}"] if (words := budget_words(step.budget)) else []
        row = (step.role, ", ".join(step.needs), "; ".join(runs))
        table.add_row(Text(step.id, "bold"), *map(Text, row))
    return table


def _value(key: str, value: Any) -> str:
    match value:
        case None if key == "limits":
            return _value(key, SpawnLimits().model_dump())
        case None:
            return {"tools": "all that only read", "thinking": "as the model does"}.get(key, "none")
        case [] | ():
            return "none"
        case list() | tuple():
            return ", ".join(map(str, value))
        case dict() if key == "budget":
            return budget_words(Budget.model_validate(value)) or "none"
        case dict() if key == "supervision":
            rule = Supervision.model_validate(value)
            window = limit_words("time", rule.window)
            return f"{rule.strategy}, {rule.restart}, {rule.max_restarts} restarts in {window}"
        case dict() if key == "limits":
            return ", ".join(f"{name} {bound}" for name, bound in value.items())
        case dict():
            return json_text.dumps(value, ensure_ascii=False)
        case float():
            return f"{value:g} s"
        case _:
            return str(value)


def _shown(source: Source) -> str:
    return f"{display_path(Path(source.path))} ({source.layer})"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _print_text(console: Console, text: str) -> None:
    if text:
        console.print(Text(f"\n{text}"), soft_wrap=True)
