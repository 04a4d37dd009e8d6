"""Start a run: everything that can be refused is refused before a folder exists."""

import os
import random
import secrets
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from crew.budget import Budget
from crew.config import load_config
from crew.definitions import Library
from crew.definitions.types import Plan, SpawnLimits
from crew.errors import ToolError, UsageError, WorkspaceError
from crew.models.registry import Models
from crew.orchestration.engine import RunOptions, Sources
from crew.records import Status, utc_now
from crew.service.library import default_library
from crew.service.live import LiveRun, Prepared, conduct
from crew.service.request import Request
from crew.service.suited import check_actors, check_goal
from crew.service.trust import grants
from crew.store.folder import RunFolder, create_new, runs_of
from crew.store.lock import RunLock
from crew.store.manifest import Manifest
from crew.store.redact import Redactor
from crew.tools.changes import survey
from crew.tools.changes.types import is_under
from crew.tools.protocol import Effect
from crew.tools.registry import TOOL_NAMES
from crew.tools.workspace import ReviewScope, Workspace, shown

EPOCH = 1
_BEAT = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest(Request):
    """A run that somebody wants.

    Attributes:
        model: Used by every session instead of what its agent asks for.
        scope: What of the workspace is looked at.
    """

    team: str
    goal: str = ""
    model: str | None = None
    scope: ReviewScope = field(default_factory=ReviewScope)


@asynccontextmanager
async def start(
    request: RunRequest,
    *,
    library: Library | None = None,
    sources: Sources | None = None,
    environ: Mapping[str, str] = os.environ,
) -> AsyncIterator[LiveRun]:
    """Start a run; leaving the context cancels it if it still goes on, and waits for its end.

    Args:
        library: Definitions; by default those of the workspace, the user and the bundle.
        sources: Time, ids and randomness; by default the machine's.
        environ: Where keys and secrets to keep off the disk are looked for.

    Raises:
        UsageError: The request can't be met as it is.
        DefinitionError: A definition that the run needs is off.
        StoreError: The run folder can't be made.
    """
    sources = sources or machine_sources()
    workspace = open_folder(request.workspace)
    if library is None:
        library = default_library(workspace.root, environ, tools=request.tools)
    plan = library.plan(request.team)
    check_allow(request.allow, request.tools)
    check_goal(plan, request.goal)
    granted = grants(plan, request.allow, workspace.root, environ)
    config = request.config if request.config is not None else load_config(environ)
    models = Models(request.model, request.clients, config=config, environ=environ)
    check_models(models, plan)
    check_actors(models, plan)
    check_prices(models, plan, plan.team.budget.changed_by(request.budget))
    await _check_scope(workspace, _scope(request))
    redact = Redactor.from_environ(environ, known=config.secrets(environ))
    folder = create_new(request.home, request.team, sources.now(), sources.new_id)
    prepared = Prepared(
        folder=folder,
        lock=RunLock.acquire(folder, sources.now()),
        manifest=_manifest(request, folder, plan, sources.now()),
        written=0,
        plan=plan,
        options=_options(request, plan, granted),
        models=models,
        workspace=workspace,
        redact=redact,
        sources=sources,
    )
    async with conduct(prepared) as run:
        yield run


def machine_sources() -> Sources:
    """The machine's clock and randomness."""
    return Sources(
        now=utc_now, new_id=lambda: secrets.token_hex(6), jitter=random.SystemRandom().random
    )


def open_folder(root: Path) -> Workspace:
    """The folder that a run works in.

    Raises:
        WorkspaceError: It is none.
    """
    if not root.is_dir():
        raise WorkspaceError(f"{root} is not a folder", hint="run crew where your project is")
    return Workspace(root)


def check_models(models: Models, plan: Plan) -> None:
    """Refuse a plan whose models can't be had.

    Raises:
        ModelError: One of them can't.
    """
    for agent in (*plan.roles.values(), *plan.library.values()):
        for name in models.names(agent.model):
            models.client(name)


def check_prices(models: Models, plan: Plan, run: Budget) -> None:
    """Refuse a limit of the cost where no price is known: what is unknown is never nothing.

    Raises:
        UsageError: There is such a limit.
    """
    steps = any(step.budget.cost is not None for step in plan.workflow.steps)
    everywhere = steps or run.cost is not None
    for agent in (*plan.roles.values(), *plan.library.values()):
        if not everywhere and agent.budget.cost is None:
            continue
        for name in (*models.names(agent.model), *models.names(["fast"])):
            if not models.tells_cost(name) and models.price(name) is None:
                raise UsageError(
                    f"a budget limits the cost, and the price of {name} is unknown",
                    hint="set `price` for its provider in config.toml, or remove `cost`",
                )


async def _check_scope(workspace: Workspace, scope: ReviewScope) -> None:
    """Refuse a scope that can't be found: a review of nothing would approve of it."""
    if scope.base is None and not scope.paths:
        return
    try:
        found = await survey(workspace, scope)
    except ToolError as error:
        raise UsageError(error.message, hint=error.hint or "see: git log --oneline") from error
    unchanged = [
        path
        for path in scope.paths
        if not any(is_under(change.path, (path,)) for change in found.set.changes)
    ]
    _check_paths(workspace, unchanged)


def _check_paths(workspace: Workspace, unchanged: Iterable[str]) -> None:
    for path in unchanged:
        if not os.path.lexists(workspace.root / path):
            raise UsageError(
                f"{shown(path)}: there is no such file or folder, and no change of one",
                hint="name a file or folder that exists, or one that the change deletes",
            )


def check_allow(allow: Collection[str], tools: Collection[str], *more: str) -> None:
    """Refuse to allow what there is not.

    Args:
        tools: Tools by name beside the built-in ones.
        more: What else may be allowed.

    Raises:
        UsageError: A name is no effect and no tool.
    """
    known = (Effect.WRITE.value, Effect.EXECUTE.value, *more, *TOOL_NAMES, *tools)
    unknown = [name for name in allow if name not in known]
    if unknown:
        raise UsageError(
            f"--allow {unknown[0]}: there is no such effect or tool",
            hint=f"one of: {', '.join(known)}",
        )


def _scope(request: RunRequest) -> ReviewScope:
    return replace(request.scope, runs=runs_of(request.home))


def _options(request: RunRequest, plan: Plan, granted: frozenset[str]) -> RunOptions:
    limits = request.limits or plan.team.limits or SpawnLimits()
    return RunOptions(
        goal=request.goal,
        scope=_scope(request),
        max_concurrency=min(request.max_concurrency or plan.team.max_concurrency, limits.sessions),
        budget=plan.team.budget.changed_by(request.budget),
        grants=granted,
        interactive=request.interactive,
        limits=limits,
        middleware=request.middleware,
        tools=request.tools,
    )


def _manifest(request: RunRequest, folder: RunFolder, plan: Plan, now: datetime) -> Manifest:
    return Manifest(
        run=folder.id,
        status=Status.RUNNING,
        team=plan.team.name,
        workflow=plan.workflow.name,
        goal=request.goal,
        model=request.model or "default",
        workspace=str(request.workspace),
        created=now,
        updated=now,
        pid=os.getpid(),
        epoch=EPOCH,
        options={
            "base": request.scope.base,
            "paths": list(request.scope.paths),
            "max_concurrency": request.max_concurrency,
            "budget": request.budget.limits,
            "allow": list(request.allow),
            "fail_on": request.fail_on,
            "interactive": request.interactive,
        },
        plan=plan.model_dump(mode="json"),
    )
