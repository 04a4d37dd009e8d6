"""Where definitions are on disk: the folders in their order, the files in each, by name."""

import os
from dataclasses import dataclass
from pathlib import Path

import crew
from crew.definitions.fields import NAME, NAME_RULE
from crew.definitions.parsed import Kind
from crew.definitions.parser import name_of
from crew.definitions.report import display_path, shown
from crew.definitions.types import Layer, Problem

MAX_FILES = 1_000

_LEFT_BY_RUNS = frozenset({".gitignore", "runs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """A folder that has `agents/`, `teams/` and `workflows/`."""

    root: Path
    layer: Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A file that defines something of this name, read or not.

    Attributes:
        problem: Why it is not read; None when it may be.
    """

    name: str
    path: Path
    layer: Layer
    problem: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The files of one kind on one shelf, by name, and what is wrong with their folder."""

    files: tuple[Candidate, ...]
    problems: tuple[Problem, ...] = ()


def bundled_root() -> Path:
    """The library that ships with crew: inside an installed package, beside a checked-out one."""
    package = Path(crew.__file__).parent
    installed = package / "library"
    return installed if installed.is_dir() else package.parent


def shelves(project: Path | None, user: Path | None, bundled: Path) -> tuple[Shelf, ...]:
    """The folders that count, first wins."""
    found: list[Shelf] = []
    if project is not None and _is_set_up(project):
        found.append(Shelf(root=project / ".crew", layer="project"))
        # In crew's own checkout the library is itself, not a project's copy of it.
        if os.path.realpath(project) != os.path.realpath(bundled):
            found.append(Shelf(root=project, layer="project-root"))
    if user is not None:
        found.append(Shelf(root=user, layer="user"))
    return (*found, Shelf(root=bundled, layer="bundled"))


def _is_set_up(project: Path) -> bool:
    """Whether somebody set the project up for crew: its `.crew/` is more than what runs leave.

    A repository may have an `agents/` of its own kind; running a team there must not change what
    the next run is made of.
    """
    try:
        names = set(os.listdir(project / ".crew"))
    except OSError:
        return False
    return not names or not names <= _LEFT_BY_RUNS


def scan(shelf: Shelf, kind: Kind) -> Scan:
    """List the definition files of one kind; subfolders, hidden files and READMEs are none."""
    folder = shelf.root / f"{kind}s"
    try:
        with os.scandir(folder) as entries:
            paths = sorted(folder / entry.name for entry in entries if _counts(entry))
    except (FileNotFoundError, NotADirectoryError):
        return Scan(files=())
    except OSError as error:
        return Scan(files=(), problems=(_about(folder, f"can't be listed: {error.strerror}"),))
    if len(paths) > MAX_FILES:
        problem = _about(folder, f"more than {MAX_FILES:,} definitions", "remove what is not used")
        return Scan(files=(), problems=(problem,))
    names = [name_of(path, kind) for path in paths]
    return Scan(
        files=tuple(
            Candidate(
                name=name,
                path=path,
                layer=shelf.layer,
                problem=_name_problem(path, name, names) or _link_problem(path, shelf),
            )
            for path, name in zip(paths, names, strict=True)
        )
    )


def _counts(entry: os.DirEntry[str]) -> bool:
    name = entry.name
    if not name.endswith(".md") or name.startswith(".") or name.lower() == "readme.md":
        return False
    return not entry.is_dir(follow_symlinks=False)


def _name_problem(path: Path, name: str, names: list[str]) -> Problem | None:
    if not NAME.match(name):
        return _about(path, f"a definition can't be named `{shown(name)}`", NAME_RULE)
    if names.count(name) > 1:
        return _about(path, f"another file of this folder defines `{name}` too", "remove one")
    return None


def _link_problem(path: Path, shelf: Shelf) -> Problem | None:
    # What ships with crew may be linked into place by whatever installed it.
    if shelf.layer == "bundled":
        return None
    folder = os.path.realpath(path.parent)
    root = os.path.realpath(shelf.root)
    if os.path.dirname(os.path.realpath(path)) == folder and folder.startswith(root + os.sep):
        return None
    return _about(path, "a link that leads out of the folder of definitions", "copy the file")


def _about(path: Path, message: str, hint: str = "") -> Problem:
    return Problem(path=display_path(path), line=0, column=0, message=message, hint=hint)
