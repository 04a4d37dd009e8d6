"""Where a run lives on disk: its folder, its names, and how a person's word finds it."""

import difflib
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from crew.errors import RunNotFoundError, StoreError, UsageError

_RUN_ID = re.compile(r"[a-z0-9][a-z0-9_.~-]{0,127}")
_SESSION_ID = re.compile(r"[a-z0-9_.~-]{1,200}")
_LIVE = ".live"
_TRIES = 16

# Definitions in the same folder belong to the project and stay visible to git.
_IGNORED = "/*\n!/agents/\n!/teams/\n!/workflows/\n"


@dataclass(frozen=True)
class RunFolder:
    """A run's folder and the names in it.

    Attributes:
        home: The folder of all runs' folder, `.crew` by default.
        id: The run's id.
    """

    home: Path
    id: str

    @cached_property
    def root(self) -> Path:
        """The run's own folder."""
        return self.home / "runs" / self.id

    @cached_property
    def mark(self) -> str:
        """What tells the commands that this run starts from all others of the machine."""
        return os.fspath(self.root.absolute())

    @cached_property
    def manifest(self) -> Path:
        """What the run is: definitions as resolved, goal, limits, status."""
        return self.root / "run.json"

    @cached_property
    def journal(self) -> Path:
        """The run's events."""
        return self.root / "events.jsonl"

    @cached_property
    def progress(self) -> Path:
        """All sessions' progress, replaced as a whole."""
        return self.root / "progress.json"

    @cached_property
    def sessions(self) -> Path:
        """The folder of transcripts."""
        return self.root / "sessions"

    @cached_property
    def artifacts(self) -> Path:
        """The folder of results, patches and whole tool outputs."""
        return self.root / "artifacts"

    @cached_property
    def control(self) -> Path:
        """The folder of commands from other processes."""
        return self.root / "control"

    @cached_property
    def report(self) -> Path:
        """The final report."""
        return self.root / "report.md"

    @cached_property
    def lock(self) -> Path:
        """Held by the live runner."""
        return self.root / "lock"

    def transcript(self, session: str) -> Path:
        """A session's transcript.

        Raises:
            UsageError: The id can't be a session's.
        """
        return self.sessions / f"{_checked(session)}.jsonl"

    def live(self, session: str) -> Path:
        """The part that a session streams now.

        Raises:
            UsageError: The id can't be a session's.
        """
        return self.sessions / f"{_checked(session)}{_LIVE}.jsonl"


def _checked(session: str) -> str:
    if not _SESSION_ID.fullmatch(session) or session.endswith(_LIVE):
        raise UsageError(
            f"{session[:80]!r} is not a session id",
            hint="session ids have small letters, digits and - _ . ~ only; see crew show RUN",
        )
    return session


def is_run_id(name: str) -> bool:
    """Whether a run's folder may have this name."""
    return _RUN_ID.fullmatch(name) is not None


def new_run_id(team: str, now: datetime, token: str) -> str:
    """A run's id, such as `20261121-094105-review-7f3a`; ids sort by time.

    Args:
        team: The team's name.
        now: When the run starts.
        token: Tells runs of the same second apart.

    Raises:
        UsageError: The team's name or the token has characters that a folder should not have.
    """
    run_id = f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{team}-{token}"
    if not _RUN_ID.fullmatch(run_id):
        raise UsageError(f"{team[:80]!r} is not a team's name", hint="use small letters, digits, -")
    return run_id


def home_for(workspace: Path, environ: Mapping[str, str]) -> Path:
    """Where runs of a workspace are kept: `CREW_HOME`, or `.crew` at the top of its repository."""
    if chosen := environ.get("CREW_HOME"):
        return workspace / Path(chosen).expanduser()
    return top_of(workspace) / ".crew"


def top_of(folder: Path) -> Path:
    """The top of the repository that a folder is in, or the folder itself."""
    if ".." in folder.parts:  # what stands before it is no folder that this one is in
        folder = folder.resolve()
    tops = (place for place in (folder, *folder.parents) if (place / ".git").exists())
    return next(tops, folder)


def create_new(home: Path, team: str, now: datetime, new_id: Callable[[], str]) -> RunFolder:
    """Make a new run's folder under a name that no other run has; see `create`.

    Args:
        home: The folder of all runs' folder.
        team: The team's name.
        now: When the run starts.
        new_id: Gives a fresh id at each call, whose beginning tells runs of one second apart.

    Raises:
        UsageError: The team's name or an id has characters that a folder should not have.
        StoreError: It can't be made.
    """
    for tries in range(_TRIES, 0, -1):
        try:
            return create(home, new_run_id(team, now, new_id()[:4]))
        except StoreError as error:
            if tries == 1 or not isinstance(error.__cause__, FileExistsError):
                raise
    raise AssertionError("the last try returns or raises")


def create(home: Path, run_id: str) -> RunFolder:
    """Make a new run's folder, readable by its owner only.

    Raises:
        StoreError: It can't be made, or is there already.
    """
    if not is_run_id(run_id):
        raise UsageError(f"{run_id[:80]!r} is not a run id")
    folder = RunFolder(home, run_id)
    make_home(home)
    try:
        folder.root.mkdir(mode=0o700)
        for inner in (folder.sessions, folder.artifacts, folder.control):
            inner.mkdir(mode=0o700)
    except OSError as error:
        raise _failure(f"making the run folder {folder.root}", home, error) from error
    return folder


def make_home(home: Path) -> None:
    """Make the folder of all runs' folder, if it is not there, readable by its owner only.

    Raises:
        StoreError: It can't be made.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        _hide_from_git(home)
        (home / "runs").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _failure(f"making {home / 'runs'}", home, error) from error


def _failure(doing: str, home: Path, error: OSError) -> StoreError:
    """Why a home can't be used; where a file has its place, which one, and the mend."""
    for place in (home / "runs", home, *home.parents):
        if os.path.lexists(place) and not os.path.isdir(place):
            return StoreError(
                f"{doing}: {place} is a file and must be a folder",
                hint="move it away, or set CREW_HOME to a folder",
            )
    return StoreError.from_os(doing, error)


def _hide_from_git(home: Path) -> None:
    """Keep runs out of commits, without hiding what else a chosen home may hold."""
    ignore = home / ".gitignore"
    ours = home.name == ".crew" or not any(home.iterdir())
    if not ours or os.path.lexists(ignore):
        return
    # A link that a repository brings along must not lead the pen elsewhere.
    with suppress(FileExistsError):
        handle = os.open(ignore, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(handle, "w", encoding="utf-8") as file:
            file.write(_IGNORED)


def runs_of(home: Path) -> Path:
    """Where the folders of a home's runs are."""
    return home.absolute() / "runs"


def runs(home: Path) -> list[RunFolder]:
    """Every run that is kept, newest first.

    Raises:
        StoreError: The folder of runs can't be read.
    """
    try:
        with os.scandir(home / "runs") as entries:
            names = [
                entry.name for entry in entries if _RUN_ID.fullmatch(entry.name) and entry.is_dir()
            ]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _failure(f"listing the runs in {home}", home, error) from error
    return [RunFolder(home, name) for name in sorted(names, reverse=True)]


def find(home: Path, ref: str) -> RunFolder:
    """The run that a person means: its id, the start of it, or `latest`.

    Raises:
        RunNotFoundError: No run fits, or several do.
    """
    if _RUN_ID.fullmatch(ref) and RunFolder(home, ref).root.is_dir():
        return RunFolder(home, ref)
    known = runs(home)
    if not known:
        raise RunNotFoundError(f"there are no runs in {home}", hint="start one with crew run TEAM")
    if ref == "latest":  # a folder whose run.json a loss of power took is of no run
        return next((folder for folder in known if os.path.exists(folder.manifest)), known[0])
    ids = [folder.id for folder in known]
    fitting = [name for name in ids if ref and name.startswith(ref)]
    if len(fitting) == 1:
        return RunFolder(home, fitting[0])
    if fitting:
        raise RunNotFoundError(
            f"{len(fitting)} runs start with {ref!r}: {_listed(fitting)}",
            hint="give more of the id",
        )
    near = [name for name in ids if ref and ref in name]
    near = near or difflib.get_close_matches(ref, ids, n=3, cutoff=0.3) or ids
    raise RunNotFoundError(f"no run {ref!r}", hint=f"there are {_listed(near)}; see crew ps")


def _listed(ids: list[str]) -> str:
    return ", ".join(ids[:3]) + (" and more" if len(ids) > 3 else "")
