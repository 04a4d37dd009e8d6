"""A repository with something to review, and the program to review it."""

from pathlib import Path

import pytest

from tests.doubles.repository import Repository
from tests.e2e.installed import Installed


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository whose one commit has nothing wrong with it."""
    made = Repository(tmp_path / "project")
    made.write("ledger.py", '"""Sums."""\n\n\ndef total(rows):\n    return sum(rows)\n')
    made.commit("Begin")
    return made


@pytest.fixture
def crew(tmp_path: Path, repository: Repository) -> Installed:
    """The program, in that repository."""
    home = tmp_path / "home"
    home.mkdir()
    return Installed(cwd=repository.root, home=home)
