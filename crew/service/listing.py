"""The list of runs as it changes: who lives, how each stands, what it came to."""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from watchfiles import awatch

from crew.errors import StoreError
from crew.records import TERMINAL
from crew.service.runs import RunSummary, opened, read_result
from crew.service.spent import Spent
from crew.store.folder import RunFolder, runs
from crew.store.manifest import Manifest

INTERVAL = 1.0
"""Seconds between two looks at what no change of the folder tells: who lives, what it came to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunListing:
    """A run in a list that is looked at for a while.

    Attributes:
        sessions: How many it has had so far.
        outcome: What it came to, as `describe` put it; why it failed, where there is no result.
    """

    summary: RunSummary
    sessions: int
    outcome: str


async def follow_runs(
    home: Path, describe: Callable[[Any], str]
) -> AsyncGenerator[list[RunListing], None]:
    """Every run that is kept and can be read, newest first, again whenever one changed.

    Args:
        home: Where they are kept.
        describe: Puts a result into words; called in a thread, once for each run that ended.

    Raises:
        StoreError: The folder of runs can't be read.
    """
    look = _Look(home, describe)
    known: list[RunListing] | None = None
    async with aclosing(_moments(home / "runs")) as moments:
        async for _ in moments:
            found = await anyio.to_thread.run_sync(look, abandon_on_cancel=True)
            if found != known:
                known = found
                yield found


async def _moments(folder: Path) -> AsyncGenerator[None, None]:
    """Now, whenever a run comes or goes, and at intervals."""
    yield
    while True:
        changes = awatch(
            folder,
            watch_filter=None,
            recursive=False,
            rust_timeout=int(INTERVAL * 1000),
            yield_on_timeout=True,
        )
        # Where the system can't tell of changes, or nothing is there yet, intervals have to do.
        with suppress(OSError, RuntimeError):
            async with aclosing(changes):
                async for _ in changes:
                    yield
        await anyio.sleep(INTERVAL)
        yield


class _Look:
    """Reads what changed since the last look."""

    def __init__(self, home: Path, describe: Callable[[Any], str]) -> None:
        self._home = home
        self._describe = describe
        self._ended: dict[str, tuple[tuple[int, int], RunListing]] = {}
        self._spent: dict[str, Spent] = {}

    def __call__(self) -> list[RunListing]:
        found, ended, spent = [], {}, {}
        for folder in runs(self._home):
            known = self._ended.get(folder.id)
            version = _version(folder)
            if known is None or known[0] != version:
                try:
                    summary, manifest = opened(folder)
                except StoreError:
                    continue
                if manifest.status not in TERMINAL:
                    spent[folder.id] = self._spent.get(folder.id) or Spent(folder)
                    summary = replace(summary, usage=spent[folder.id].usage())
                known = (version, self._listing(folder, summary, manifest))
                if manifest.status not in TERMINAL or summary.live:
                    found.append(known[1])
                    continue
            ended[folder.id] = known
            found.append(known[1])
        self._ended, self._spent = ended, spent
        return found

    def _listing(self, folder: RunFolder, summary: RunSummary, manifest: Manifest) -> RunListing:
        return RunListing(
            summary=summary, sessions=_sessions(folder), outcome=self._outcome(folder, manifest)
        )

    def _outcome(self, folder: RunFolder, manifest: Manifest) -> str:
        if manifest.result is None:
            return manifest.error.message if manifest.error is not None else ""
        try:
            return self._describe(read_result(folder.root, manifest.result))
        except StoreError:
            return "its result can't be read"


def _version(folder: RunFolder) -> tuple[int, int]:
    try:
        status = os.stat(folder.manifest)
    except OSError:
        return (0, 0)
    return status.st_mtime_ns, status.st_size


def _sessions(folder: RunFolder) -> int:
    try:
        names = os.listdir(folder.sessions)
    except OSError:
        return 0
    return sum(name.endswith(".jsonl") and not name.endswith(".live.jsonl") for name in names)
