"""Old runs go when a person says so: never a live one, never what is no run, never half."""

import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from crew.errors import CrewError, StoreError
from crew.records import TERMINAL, Status
from crew.service.runs import ended_by_journal
from crew.service.unpack import STAGED
from crew.store.folder import RunFolder, runs
from crew.store.lock import RunLock, holder
from crew.store.manifest import read

OLDER_THAN = timedelta(days=30)
KEPT = 20
_ASIDE = ".pruned-"
_LEFT_BEHIND = re.compile(rf"{re.escape(_ASIDE)}.+|{re.escape(STAGED)}.+")
_SURELY_LEFT = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prunable:
    """A folder that would go, or went.

    Attributes:
        run: The run's id; the folder's name for what an interrupted prune or import left.
        status: None for such a rest.
        used: When something was last written to it.
        size: Bytes of its files.
    """

    run: str
    folder: Path
    status: Status | None
    used: datetime
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftAlone:
    """A folder that looks old but stays, and why."""

    run: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """What a prune would do, or did."""

    going: tuple[Prunable, ...]
    left: tuple[LeftAlone, ...]

    @property
    def size(self) -> int:
        """Bytes of all that goes."""
        return sum(each.size for each in self.going)


def plan_prune(
    home: Path, *, older_than: timedelta | None, keep: int | None, now: datetime
) -> Pruning:
    """Find what a prune would delete; a bound that is None does not count.

    Args:
        home: The folder of all runs.
        older_than: Only runs that nothing was written to for so long.
        keep: Never the newest so many.
        now: The wall clock in UTC.

    Raises:
        StoreError: The folder of runs can't be read.
    """
    going: list[Prunable] = list(_rests(home, now))
    left: list[LeftAlone] = []
    for place, folder in enumerate(runs(home)):
        if place < (keep or 0):
            continue
        try:
            found = _judged(folder)
        except CrewError as error:
            left.append(LeftAlone(run=folder.id, why=error.message))
            continue
        if older_than is None or now - found.used >= older_than:
            going.append(found)
    return Pruning(going=tuple(going), left=tuple(left))


def prune(plan: Pruning, now: Callable[[], datetime]) -> Pruning:
    """Delete what was planned; a run that came to life meanwhile stays.

    A folder first gets a name under which it is no run any more, so that nobody finds half of
    one. Links in it are deleted, not followed.

    Returns:
        What went, and what stayed with its reason.
    """
    gone: list[Prunable] = []
    left = list(plan.left)
    for each in plan.going:
        try:
            if each.status is None:
                shutil.rmtree(each.folder)
            else:
                _delete(RunFolder(each.folder.parent.parent, each.run), now())
        except CrewError as error:
            left.append(LeftAlone(run=each.run, why=error.message))
        except OSError as error:
            reason = error.strerror or str(error)
            left.append(LeftAlone(run=each.run, why=f"deleting {error.filename}: {reason}"))
        else:
            gone.append(each)
    return Pruning(going=tuple(gone), left=tuple(left))


def _judged(folder: RunFolder) -> Prunable:
    """The run, if it is one that may go.

    Raises:
        CrewError: It may not; the message says why.
    """
    if folder.root.is_symlink():
        raise StoreError("it is a link, not a folder")
    manifest = read(folder)
    if manifest.run != folder.id:
        raise StoreError(f"its run.json is that of {manifest.run!r}")
    if os.path.lexists(folder.lock) and not S_ISREG(folder.lock.lstat().st_mode):
        raise StoreError("its lock is no file")
    held = holder(folder)
    if held is not None and held.live:
        raise StoreError(f"process {held.pid} on {held.host} runs it")
    if manifest.status not in TERMINAL:
        manifest = ended_by_journal(folder, manifest)
    return Prunable(
        run=folder.id,
        folder=folder.root,
        status=manifest.status if manifest.status in TERMINAL else Status.INTERRUPTED,
        used=max(manifest.updated, _written(folder.journal)),
        size=_size(folder.root),
    )


def _delete(folder: RunFolder, now: datetime) -> None:
    _judged(folder)
    lock = RunLock.acquire(folder, now)  # nobody takes it up while it goes
    try:
        aside = folder.root.with_name(f"{_ASIDE}{folder.id}-{secrets.token_hex(4)}")
        folder.root.rename(aside)
        shutil.rmtree(aside)
    finally:
        lock.release()


def _rests(home: Path, now: datetime) -> Iterator[Prunable]:
    """What a prune or an import that was interrupted left behind."""
    with suppress(FileNotFoundError):
        for path in sorted((home / "runs").iterdir()):
            if not _LEFT_BEHIND.fullmatch(path.name) or not S_ISDIR(path.lstat().st_mode):
                continue
            used = _written(path)
            if path.name.startswith(_ASIDE) or now - used > _SURELY_LEFT:
                yield Prunable(run=path.name, folder=path, status=None, used=used, size=_size(path))


def _written(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    except OSError:
        return datetime.fromtimestamp(0, UTC)


def _size(root: Path) -> int:
    """Bytes of the files below a folder; links count for themselves."""
    total = 0
    for place, _, names in os.walk(root):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total
