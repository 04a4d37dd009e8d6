"""The project's own files, as the tests of its shape read them."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = (".ci", "agents", "bench", "crew", "teams", "tests", "workflows")


def own_files() -> Iterator[Path]:
    """Every file that belongs to the project, none that a tool made."""
    yield from (path for path in ROOT.glob("*.*") if path.suffix in {".md", ".toml"})
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def modules() -> Iterator[Path]:
    """Every Python file of the project."""
    return (path for path in own_files() if path.suffix == ".py")


def name_of(path: Path) -> str:
    """A file as the project names it."""
    return path.relative_to(ROOT).as_posix()
