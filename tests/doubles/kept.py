"""Runs that are kept: small real ones, made once and copied."""

import shutil
from pathlib import Path

import anyio

from crew.store.folder import RunFolder
from tests.doubles.crews import Crew
from tests.doubles.models import calls, submits


def make_kept(root: Path) -> RunFolder:
    """Run a team of two sessions to its end, one of them with tool calls."""
    root.mkdir()
    crew = Crew(root, {"a": [calls("together", "work"), submits()], "b": [submits()]})
    crew.workflow({"a": {"role": "worker"}, "b": {"role": "worker", "needs": ["a"]}})
    anyio.run(crew.finish)
    return crew.folder


def copied(folder: RunFolder, home: Path, run: str = "") -> RunFolder:
    """The run in another home; under another id it is a run of that id."""
    copy = RunFolder(home, run or folder.id)
    shutil.copytree(folder.root, copy.root, symlinks=True)
    for place in (home, home / "runs"):
        place.chmod(0o700)
    for path in (copy.manifest, copy.journal):
        path.write_text(path.read_text().replace(folder.id, copy.id))
    return copy
