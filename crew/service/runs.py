"""Runs that are kept: the list of them, and one of them opened for reading."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from crew.bus.disk import DiskFeed
from crew.bus.progress_file import read_progress
from crew.commands import Control
from crew.errors import StoreError, ToolError
from crew.events import Event, RunEnded, SessionStarted, parse_event
from crew.feed import Feed, FeedItem
from crew.orchestration.outcome import RunOutcome
from crew.records import TERMINAL, ArtifactRef, Status, Usage
from crew.service.redaction import machine_redactor
from crew.service.remote import RemoteControl
from crew.service.spent import Spent
from crew.store.artifacts import ArtifactStore
from crew.store.folder import RunFolder, find, home_for, runs
from crew.store.journal import read as read_journal
from crew.store.journal import sync
from crew.store.lock import holder
from crew.store.manifest import Manifest, read
from crew.store.redact import Redactor
from crew.store.tail import read_back


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run in a list.

    Attributes:
        status: `interrupted` when it should run and no live process holds it.
        live: Whether a process runs it now.
        forked_from: The run and the point in it that it went on from; empty for others.
    """

    id: str
    team: str
    goal: str
    status: Status
    created: datetime
    updated: datetime
    usage: Usage
    model: str
    live: bool
    forked_from: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run's folder, opened."""

    id: str
    folder: Path
    summary: RunSummary
    feed: Feed
    _folder: RunFolder
    _manifest: Manifest

    def alive(self) -> bool:
        """Whether a process runs it at this moment; cheap enough to be asked every second."""
        held = holder(self._folder)
        return held is not None and held.live

    @property
    def control(self) -> Control:
        """Takes commands for the run's process, wherever it is."""
        return RemoteControl(self._folder, redact=machine_redactor(os.environ))

    @property
    def runner(self) -> str:
        """The process that runs it now; empty when none does."""
        held = holder(self._folder)
        return f"process {held.pid} on {held.host}" if held is not None and held.live else ""

    @property
    def fail_on(self) -> str | None:
        """The priority from which a finding fails the run's verdict, as it was started."""
        chosen = self._manifest.options.get("fail_on")
        return chosen if isinstance(chosen, str) else None

    def events(self) -> list[Event]:
        """What has happened so far, in order."""
        return list(read_journal(self._folder))

    def items(self) -> list[FeedItem]:
        """What has happened so far, and what each session did last."""
        return [*self.events(), *read_progress(self._folder.progress).values()]

    def sessions(self) -> list[str]:
        """Ids of its sessions, in the order they began."""
        return [
            event.session
            for event in self.events()
            if isinstance(event, SessionStarted) and event.session
        ]

    def report(self) -> str:
        """The final report, Markdown; empty while there is none."""
        try:
            return self._folder.report.read_text(encoding="utf-8", errors="backslashreplace")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise StoreError.from_os(f"reading {self._folder.report}", error) from error

    def outcome(self) -> RunOutcome | None:
        """How the run ended; None while it has not."""
        if self._manifest.status not in TERMINAL:
            return None
        return RunOutcome(
            run=self.id,
            folder=self.folder,
            status=self._manifest.status,
            result=self._result(),
            report=self.report(),
            error=self._manifest.error,
            usage=self._manifest.usage,
            artifact=self._manifest.result,
        )

    def _result(self) -> Any:
        ref = self._manifest.result
        return None if ref is None else read_result(self.folder, ref)


def read_result(folder: Path, ref: ArtifactRef) -> Any:
    """A result of a run or of one of its sessions.

    Args:
        folder: The run's folder.
        ref: The result, as an event tells it.

    Raises:
        StoreError: It can't be read.
    """
    run = RunFolder(folder.parent.parent, folder.name)
    try:
        return json.loads(ArtifactStore(run, Redactor()).get(ref.name))
    except (ToolError, ValueError) as error:
        raise StoreError(f"run {run.id}: its result can't be read: {error}") from error


def list_runs(home: Path) -> list[RunSummary]:
    """Every run that is kept and can be read, newest first.

    Raises:
        StoreError: The folder of runs can't be read.
    """
    found = []
    for folder in runs(home):
        try:
            summary, manifest = opened(folder)
        except StoreError:
            continue
        if manifest.status not in TERMINAL:
            summary = replace(summary, usage=Spent(folder).usage())
        found.append(summary)
    return found


def open_run(home: Path, ref: str) -> StoredRun:
    """Open a run by its id, the start of it, or `latest`.

    Raises:
        RunNotFoundError: There is none such.
        StoreError: Its manifest can't be read.
    """
    folder = find(home, ref)
    summary, manifest = opened(folder)
    return StoredRun(
        id=folder.id,
        folder=folder.root,
        summary=summary,
        feed=DiskFeed(folder),
        _folder=folder,
        _manifest=manifest,
    )


def default_home(workspace: Path, environ: Mapping[str, str]) -> Path:
    """Where runs of a workspace are kept: `CREW_HOME`, or `.crew` at the top of its repository."""
    return home_for(workspace, environ)


def opened(folder: RunFolder) -> tuple[RunSummary, Manifest]:
    """A run as its folder has it now."""
    # The lock first: a run that ends in between has its end in the manifest that is read then.
    held = holder(folder)
    live = held is not None and held.live
    manifest = read(folder)
    if manifest.status not in TERMINAL and not live:
        manifest = ended_by_journal(folder, manifest)
    return _summary(manifest, live=live), manifest


def ended_by_journal(folder: RunFolder, manifest: Manifest) -> Manifest:
    """The manifest with the end that the journal tells of, where its own was never written."""
    _, lines = read_back(folder.journal, None, 1)
    try:
        last = parse_event(lines[0]) if lines else None
    except ValueError:
        return manifest
    if not isinstance(last, RunEnded):
        return manifest
    with suppress(StoreError):  # its process may have died before that was on the disk
        sync(folder)
    said = {"status": last.status, "error": last.error, "usage": last.usage}
    return manifest.model_copy(update={**said, "result": last.result, "updated": last.at})


def _summary(manifest: Manifest, *, live: bool) -> RunSummary:
    gone = manifest.status not in TERMINAL and not live
    return RunSummary(
        id=manifest.run,
        team=manifest.team,
        goal=manifest.goal,
        status=Status.INTERRUPTED if gone else manifest.status,
        created=manifest.created,
        updated=manifest.updated,
        usage=manifest.usage,
        model=manifest.model,
        live=live,
        forked_from=manifest.forked_from,
    )
