"""A run whose process is killed at any instant keeps what it promised."""

import random
from pathlib import Path

import pytest

from tests.doubles.kills import kill_and_resume


@pytest.mark.kills
def test_a_run_that_is_killed_again_and_again_comes_to_its_end_whole(tmp_path: Path) -> None:
    found = kill_and_resume(tmp_path, random.Random(3), kills=3)
    assert found.broken == []
    assert found.repeated == []
    assert found.attempts > 1
