"""Take a run up again: one whose process was lost, or tasks of one that has ended."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from crew.budget import NO_BUDGET, Budget
from crew.config import load_config
from crew.definitions import Library
from crew.definitions.types import Plan, SpawnLimits
from crew.errors import DefinitionError, StoreError, UsageError
from crew.events import RunEnded
from crew.models.registry import Models
from crew.orchestration.engine import RunOptions, Sources
from crew.orchestration.history import History
from crew.records import Status
from crew.service.library import default_library
from crew.service.live import LiveRun, Prepared, conduct
from crew.service.request import Request
from crew.service.start import (
    EPOCH,
    check_allow,
    check_models,
    check_prices,
    machine_sources,
    open_folder,
)
from crew.service.suited import check_actors
from crew.service.trust import grants
from crew.session.permissions import REPEAT
from crew.store.folder import RunFolder, find, runs_of
from crew.store.journal import sync
from crew.store.jsonl import AppendLog
from crew.store.lock import Holder, RunLock, holder
from crew.store.manifest import Manifest, read, write
from crew.store.redact import Redactor
from crew.tools.leftovers import end_leftovers
from crew.tools.workspace import ReviewScope


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeRequest(Request):
    """A run that somebody wants to go on, in the workspace that it was started in.

    What it was started with as `allow` does not count: whoever wrote its folder could have put
    that there. `allow` takes `repeat` as well: calls that may have run before the interruption.

    Attributes:
        run: Its id, the start of it, or `latest`.
        retry: Run tasks of a run that has ended again, instead of taking up an interrupted one.
        task: The task to run again; None for all that did not complete.
    """

    run: str
    retry: bool = False
    task: str | None = None


@asynccontextmanager
async def resume(
    request: ResumeRequest,
    *,
    library: Library | None = None,
    sources: Sources | None = None,
    environ: Mapping[str, str] = os.environ,
) -> AsyncIterator[LiveRun]:
    """Have a run go on in this process; leaving the context cancels it, and waits for its end.

    Tasks that have ended keep their results. Sessions that have not go on from their transcripts.

    Args:
        library: Definitions, which the run's own are compared with; by default those of the
            workspace, the user and the bundle.
        sources: Time, ids and randomness; by default the machine's.
        environ: Where keys and secrets to keep off the disk are looked for.

    Raises:
        RunNotFoundError: There is no such run.
        RunLockedError: A live process runs it; the message names it.
        UsageError: It can't go on, or not as it is asked for.
        StoreError: The run folder can't be read or written.
    """
    sources = sources or machine_sources()
    check_allow(request.allow, request.tools, REPEAT)
    folder = find(request.home, request.run)
    before = holder(folder, sources.now())
    lock = RunLock.acquire(folder, sources.now())
    try:
        prepared = _prepare(
            request, folder, lock, library=library, sources=sources, environ=environ
        )
        await _tell_of_the_last(prepared, before)
    except BaseException:
        lock.release()
        raise
    async with conduct(prepared) as run:
        yield run


async def _tell_of_the_last(run: Prepared, before: Holder | None) -> None:
    """End what the lost process has left running; have the run say so, and when it was lost."""
    history = run.history
    if history is not None and history.continued is not None:
        leftovers = await end_leftovers(run.folder.mark)
        said = {"leftovers": leftovers, "left": before.beat if before is not None else None}
        history.continued = history.continued.model_copy(update=said)


def _prepare(
    request: ResumeRequest,
    folder: RunFolder,
    lock: RunLock,
    *,
    library: Library | None,
    sources: Sources,
    environ: Mapping[str, str],
) -> Prepared:
    manifest = read(folder)
    check_place(request, manifest)
    config = request.config if request.config is not None else load_config(environ)
    redact = Redactor.from_environ(environ, known=config.secrets(environ))
    AppendLog(folder.journal, redact=redact).close()  # heals it, before it is believed
    history = History(folder, redact)
    manifest = _mended(folder, manifest, history.ended, redact)
    _decide(request, manifest, history)
    plan = _plan(manifest, folder)
    workspace = open_folder(Path(manifest.workspace))
    if library is None:
        library = default_library(workspace.root, environ, tools=request.tools)
    model = None if manifest.model == "default" else manifest.model
    models = Models(model, request.clients, config=config, environ=environ)
    check_models(models, plan)
    check_actors(models, plan)
    options = _options(request, manifest, plan, _granted(request, plan, library, environ))
    check_prices(models, plan, options.budget)
    return Prepared(
        folder=folder,
        lock=lock,
        manifest=_taken_up(request, manifest, history, sources),
        written=manifest.generation,
        plan=plan,
        options=options,
        models=models,
        workspace=workspace,
        redact=redact,
        sources=sources,
        history=history,
    )


def check_place(request: ResumeRequest, manifest: Manifest) -> None:
    """Refuse to let a run go on in another folder than its own.

    Raises:
        UsageError: It works elsewhere.
    """
    where = Path(manifest.workspace)
    if where.resolve() != request.workspace.resolve():
        raise UsageError(
            f"run {manifest.run} works in {where}, this is {request.workspace}",
            hint="a run goes on only where it began: use -C, or start a new one",
        )


def _mended(
    folder: RunFolder, manifest: Manifest, ended: RunEnded | None, redact: Redactor
) -> Manifest:
    """The manifest as the journal has it, whose process may not have lived to write it."""
    if ended is None or manifest.status is ended.status:
        return manifest
    sync(folder)  # a loss of power must not take an end that somebody was told of
    changes = {
        "status": ended.status,
        "error": ended.error,
        "usage": ended.usage,
        "result": ended.result,
        "updated": ended.at,
    }
    mended = manifest.model_copy(update=changes)
    return write(folder, mended, expected=manifest.generation, redact=redact)


def _decide(request: ResumeRequest, manifest: Manifest, history: History) -> None:
    """Settle how the run goes on."""
    ended, run = history.ended, manifest.run
    if request.retry:
        if ended is None:
            raise UsageError(f"run {run} was interrupted", hint=f"take it up: crew resume {run}")
        history.go_on(history.to_retry(request.task), reason="retry")
        return
    if ended is not None:
        done = ended.status is Status.COMPLETED
        raise UsageError(
            f"run {run} has ended: {ended.status.value}",
            hint=f"run a task again: crew retry {run}{'/TASK' if done else ''}",
        )
    # What a fork was made of is all of one attempt: no process has taken it up yet.
    new = bool(manifest.forked_from) and history.epoch == EPOCH
    history.go_on(reason="fork" if new else "interrupted")


def _plan(manifest: Manifest, folder: RunFolder) -> Plan:
    try:
        return Plan.model_validate(manifest.plan)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StoreError(f"{folder.manifest} is damaged: plan.{where}: {first['msg']}") from error


def _granted(
    request: ResumeRequest, plan: Plan, library: Library, environ: Mapping[str, str]
) -> frozenset[str]:
    """What needs no asking: what today's definitions grant, if the run's are still the same."""
    allow = frozenset(request.allow)
    try:
        same = library.plan(plan.team.name) == plan
    except DefinitionError:
        same = False
    return grants(plan, allow, request.workspace.resolve(), environ) if same else allow


def _options(
    request: ResumeRequest, manifest: Manifest, plan: Plan, granted: frozenset[str]
) -> RunOptions:
    said = manifest.options
    wanted = request.max_concurrency or _number(said, "max_concurrency")
    limits = request.limits or plan.team.limits or SpawnLimits()
    return RunOptions(
        goal=manifest.goal,
        scope=ReviewScope(
            base=_text(said, "base"), paths=_texts(said, "paths"), runs=runs_of(request.home)
        ),
        max_concurrency=min(wanted or plan.team.max_concurrency, limits.sessions),
        budget=_budget(request, said, plan),
        grants=granted,
        interactive=request.interactive,
        limits=limits,
        middleware=request.middleware,
        tools=request.tools,
    )


def _taken_up(
    request: ResumeRequest, manifest: Manifest, history: History, sources: Sources
) -> Manifest:
    said = {"fail_on": request.fail_on} if request.fail_on is not None else {}
    changes = {
        "options": {**manifest.options, **said},
        "status": Status.RUNNING,
        "error": None,
        "result": None,
        "updated": sources.now(),
        "pid": os.getpid(),
        "epoch": max(manifest.epoch, history.epoch) + 1,
    }
    return manifest.model_copy(update=changes)


# A manifest is a file, and may say anything.


def _budget(request: ResumeRequest, said: Mapping[str, Any], plan: Plan) -> Budget:
    try:
        started = Budget.model_validate(said.get("budget") or {})
    except ValidationError:
        started = NO_BUDGET
    return plan.team.budget.changed_by(started).changed_by(request.budget)


def _number(said: Mapping[str, Any], name: str) -> int | None:
    value = said.get(name)
    return value if isinstance(value, int) and value > 0 else None


def _text(said: Mapping[str, Any], name: str) -> str | None:
    value = said.get(name)
    return value if isinstance(value, str) else None


def _texts(said: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = said.get(name)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
