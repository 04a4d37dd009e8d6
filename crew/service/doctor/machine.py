"""What crew needs of this machine: programs, a home that takes runs, definitions, models."""

import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ruff import find_ruff_bin

from crew.config import load_config
from crew.errors import CrewError
from crew.models.providers.names import ALIASES, RULES, resolve_alias
from crew.service.doctor.checks import Check, note, wrong
from crew.service.library import default_library
from crew.service.settings import check_settings

_OLDEST = (3, 11)
_TOO_FULL, _NEARLY_FULL = 50 << 20, 1 << 30
_PATIENCE = 10


def examine_machine(workspace: Path, home: Path, environ: Mapping[str, str]) -> list[Check]:
    """Look at what a run in this workspace would need.

    Args:
        workspace: The folder that a run would work in.
        home: The folder of all runs.
        environ: Where settings and keys are looked for.
    """
    looks: dict[str, Callable[[], Iterator[Check]]] = {
        "python": _python,
        "git": lambda: _program("git", needed=True),
        "ruff": _ruff,
        "ripgrep": lambda: _program("rg", needed=False),
        "home": lambda: _home(home),
        "disk": lambda: _disk(home),
        "definitions": lambda: _definitions(workspace, environ),
        "models": lambda: _models(environ),
    }
    found: list[Check] = []
    for name, look in looks.items():
        try:
            found += look()
        except CrewError as error:
            found.append(wrong(name, "", error.message, error.hint))
        except (OSError, subprocess.SubprocessError) as error:
            found.append(wrong(name, "", f"it can't be examined: {error}"))
    return found


def _python() -> Iterator[Check]:
    what = f"{platform.python_version()}, {sys.executable}"
    if sys.version_info < _OLDEST:
        yield wrong("python", "", what, "crew needs Python 3.11 or newer")
    else:
        yield Check(name="python", what=what)


def _program(program: str, *, needed: bool) -> Iterator[Check]:
    name = {"rg": "ripgrep"}.get(program, program)
    path = shutil.which(program)
    if path is not None:
        yield Check(name=name, what=f"{_version(path)}, {path}")
    elif needed:
        yield wrong(name, "", f"{program} is not on PATH", f"install {name}")
    else:
        yield note(name, "", "it is not installed; searches take longer without it")


def _ruff() -> Iterator[Check]:
    try:
        path = str(find_ruff_bin())
    except FileNotFoundError:
        yield wrong("ruff", "", "its program is not there", "install crew anew")
    else:
        yield Check(name="ruff", what=f"{_version(path)}, {path}")


def _version(path: str) -> str:
    done = subprocess.run(
        [path, "--version"], capture_output=True, text=True, check=True, timeout=_PATIENCE
    )
    return (done.stdout.splitlines() or ["no version"])[0].strip()


def _home(home: Path) -> Iterator[Check]:
    place = _there(home)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        what = f"{place} can't be written: {error.strerror}"
        yield wrong("home", str(home), what, "set CREW_HOME to a folder that you may write")
        return
    if place != home:
        yield Check(name="home", where=str(home), what="it is made when a run first needs it")
    elif home.stat().st_mode & 0o022:
        yield wrong("home", str(home), "others may write to it", f"chmod go-w '{home}'")
    else:
        yield Check(name="home", where=str(home), what="it can be written")


def _disk(home: Path) -> Iterator[Check]:
    free = shutil.disk_usage(_there(home)).free
    what = f"{free / (1 << 30):.1f} GiB free"
    mend = "free some space (crew prune shows old runs), or set CREW_HOME to another disk"
    if free < _TOO_FULL:
        yield wrong("disk", str(home), what, mend)
    elif free < _NEARLY_FULL:
        yield note("disk", str(home), what, mend)
    else:
        yield Check(name="disk", where=str(home), what=what)


def _there(path: Path) -> Path:
    """The folder itself, or the nearest above it that exists."""
    return next((place for place in (path, *path.parents) if place.is_dir()), Path("/"))


def _definitions(workspace: Path, environ: Mapping[str, str]) -> Iterator[Check]:
    problems = default_library(workspace, environ).check(None)
    if problems:
        files = len({problem.path for problem in problems})
        what = f"problems: {len(problems)}, in files: {files}"
        yield wrong("definitions", str(problems[0].path), what, "see them: crew check")
    else:
        yield Check(name="definitions", what="no problems")


def _models(environ: Mapping[str, str]) -> Iterator[Check]:
    problems = check_settings(environ)
    for problem in problems:
        where = f"{problem.path}:{problem.line}" if problem.line else problem.path
        yield wrong("models", where, problem.message, problem.hint)
    if problems:
        return
    config = load_config(environ)
    names = {alias: resolve_alias(alias, config, environ) for alias in ALIASES}
    said = ", ".join(f"{alias}: {' or '.join(found)}" for alias, found in names.items())
    if all(found == (RULES,) for found in names.values()):
        what = "no language model is set up; runs use rules, the built-in checks"
        yield note("models", "", what, "see crew models")
    else:
        yield Check(name="models", what=said)
