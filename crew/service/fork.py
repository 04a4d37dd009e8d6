"""Fork a run: a new one that keeps what an old one had done up to a point, and goes on from there.

The old run's folder is read and never changed.
"""

import os
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import chain
from pathlib import Path

import anyio
import anyio.to_thread
from pydantic_core import to_json

from crew.bus.transcript import DiskTranscript
from crew.commands import Steer
from crew.config import load_config
from crew.definitions import Library
from crew.entries import Entry, ResultEntry, ToolResultEntry
from crew.errors import StoreError, UsageError
from crew.events import (
    CommandAccepted,
    Event,
    EventBase,
    Notice,
    ResultSubmitted,
    RunStarted,
    SessionEnded,
    TaskEnded,
)
from crew.orchestration.engine import Sources
from crew.orchestration.history import History
from crew.records import NO_USAGE, ArtifactRef, Status
from crew.service.fork_point import Kept, kept_at, kept_events
from crew.service.live import LiveRun
from crew.service.resume import ResumeRequest, check_place, resume
from crew.service.start import EPOCH, machine_sources
from crew.store import atomic, manifest
from crew.store.artifacts import ArtifactStore, named_in
from crew.store.folder import RunFolder, create_new, find
from crew.store.journal import read
from crew.store.redact import Redactor


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkRequest(ResumeRequest):
    """A run that somebody wants to go back to; the options are those of the new run.

    Attributes:
        at: `TASK`: it runs afresh with all that depends on it. `SESSION:TURN`: the session goes
            on from the end of that turn, all that depends on it runs afresh.
        steer: What to say to that session before its next request.
    """

    at: str
    steer: str | None = None


@asynccontextmanager
async def fork(
    request: ForkRequest,
    *,
    library: Library | None = None,
    sources: Sources | None = None,
    environ: Mapping[str, str] = os.environ,
) -> AsyncIterator[LiveRun]:
    """Have a new run go on from a point of an old one, in this process; see `resume`.

    Raises:
        RunNotFoundError: There is no such run.
        UsageError: There is no such point, or it can't go on as it is asked for.
        StoreError: The old run can't be read, or the new one not written.
    """
    sources = sources or machine_sources()
    config = request.config if request.config is not None else load_config(environ)
    redact = Redactor.from_environ(environ, known=config.secrets(environ))
    now = sources.now()
    made = replace(sources, now=lambda: now)  # a loop's clock is not told in a thread
    folder = await anyio.to_thread.run_sync(_made, request, made, redact)
    begun = False
    try:
        async with resume(
            _onward(request, folder), library=library, sources=sources, environ=environ
        ) as run:
            begun = True
            yield run
    finally:
        if not begun:
            shutil.rmtree(folder.root, ignore_errors=True)


def _onward(request: ForkRequest, folder: RunFolder) -> ResumeRequest:
    said = {field.name: getattr(request, field.name) for field in fields(ResumeRequest)}
    return ResumeRequest(**{**said, "run": folder.id})


def _made(request: ForkRequest, sources: Sources, redact: Redactor) -> RunFolder:
    """The new run's folder, as if its process had been lost just when it reached the point.

    The manifest comes last, when all else is on the disk: without one there is no run.
    """
    old = find(request.home, request.run)
    known = manifest.read(old)
    check_place(request, known)
    history = History(old, redact)
    events = list(read(old))
    if not events or not isinstance(begun := events[0], RunStarted):
        raise StoreError(
            f"{old.journal} does not begin with run.started", hint=f"see: crew doctor {old.id}"
        )
    kept = kept_at(history, request.at)
    if request.steer is not None and (kept.cut is None or not request.steer.strip()):
        raise UsageError(
            "there is nobody to say it to" if kept.cut is None else "there is nothing to say",
            hint="--steer goes with the turn of a session: --at SESSION:TURN --steer TEXT",
        )
    now = sources.now()
    folder = create_new(request.home, known.team, now, sources.new_id)
    try:
        stays = list(kept_events(events, kept))
        _copy(old, folder, kept, stays, redact)
        story = (_beginning(begun, old, request, kept, now), stays, _word(request, kept, sources))
        lines = (
            to_json(event.model_copy(update={"seq": seq, "run": folder.id, "epoch": EPOCH}))
            for seq, event in enumerate(chain(*story), start=1)
        )
        _write(folder.journal, lines, redact)
        changed = known.model_copy(update=_changes(request, old, folder, now))
        manifest.write(folder, changed, expected=0, redact=redact)
    except BaseException:
        shutil.rmtree(folder.root, ignore_errors=True)
        raise
    return folder


def _changes(
    request: ForkRequest, old: RunFolder, new: RunFolder, now: datetime
) -> dict[str, object]:
    return {
        "run": new.id,
        "status": Status.RUNNING,
        "created": now,
        "updated": now,
        "pid": os.getpid(),
        "epoch": EPOCH,
        "result": None,
        "error": None,
        "usage": NO_USAGE,
        "forked_from": f"{old.id} at {request.at}",
    }


def _beginning(
    begun: RunStarted, old: RunFolder, request: ForkRequest, kept: Kept, now: datetime
) -> Iterator[EventBase]:
    yield begun.model_copy(update={"at": now})
    yield Notice(text=f"forked from {old.id} at {request.at}, with {_amount(kept)}", at=now)


def _word(request: ForkRequest, kept: Kept, sources: Sources) -> Iterator[EventBase]:
    """What the cut session is told before its next request."""
    if request.steer is not None and kept.cut is not None:
        now, session = sources.now(), kept.cut.session
        steer = Steer(id=sources.new_id(), at=now, session=session, text=request.steer.strip())
        yield CommandAccepted(session=session, command=steer, at=now)


def _amount(kept: Kept) -> str:
    count = len(kept.tasks)
    done = f"{count or 'no'} task{'s' if count != 1 else ''} done"
    return f"{done} and {kept.cut.session} up to turn {kept.cut.turn}" if kept.cut else done


def _copy(
    old: RunFolder, new: RunFolder, kept: Kept, events: Iterable[Event], redact: Redactor
) -> None:
    """Copy what the kept part of a run is made of: transcripts, and the artifacts they name."""
    refs: dict[ArtifactRef, None] = dict.fromkeys(_refs_of_events(events))
    names: dict[str, None] = {}
    for session in kept.sessions:
        lines = _lines(old.transcript(session))
        if kept.cut is not None and session == kept.cut.session:
            lines = lines[: kept.cut.entries]
        _write(new.transcript(session), lines, redact)
        refs |= dict.fromkeys(_refs_of_entries(DiskTranscript(new, session).poll()))
        for line in lines:
            names |= dict.fromkeys(named_in(line))
    store = ArtifactStore(old, redact)
    for ref in refs:
        if not store.verify(ref):
            raise StoreError(
                f"run {old.id}: artifact {ref.name} is missing or damaged",
                hint=f"see: crew doctor {old.id}",
            )
    for name in dict.fromkeys([*(ref.name for ref in refs), *names]):
        if (old.artifacts / name).is_file():
            atomic.replace(new.artifacts / name, store.get(name))


def _refs_of_events(events: Iterable[Event]) -> Iterator[ArtifactRef]:
    for event in events:
        match event:
            case ResultSubmitted(result=ref):
                yield ref
            case SessionEnded(result=ArtifactRef() as ref) | TaskEnded(result=ArtifactRef() as ref):
                yield ref
            case _:
                pass


def _refs_of_entries(entries: Iterable[Entry]) -> Iterator[ArtifactRef]:
    for entry in entries:
        if isinstance(entry, ResultEntry | ToolResultEntry) and entry.artifact is not None:
            yield entry.artifact


def _lines(path: Path) -> list[bytes]:
    """A file's lines but for a last one that is not whole."""
    try:
        return path.read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise StoreError.from_os(f"reading {path}", error) from error


def _write(path: Path, lines: Iterable[bytes], redact: Redactor) -> None:
    data = b"".join(redact.line(line) + b"\n" for line in lines)
    atomic.replace(path, data)
