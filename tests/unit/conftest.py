"""Runs for the unit tests: virtual time, a recorded model, tools that take their time."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from crew.models.script import Turn
from tests.doubles.crews import Crew

Arrange = Callable[..., Crew]


@pytest.fixture
def arrange(tmp_path: Path) -> Arrange:
    """Make a crew from its script, in a folder of its own."""

    def make(script: Mapping[str, Sequence[Turn]] | Sequence[Turn], **options: Any) -> Crew:
        by_session = script if isinstance(script, Mapping) else {"*": script}
        return Crew(tmp_path, by_session, **options)

    return make
