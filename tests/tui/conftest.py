"""Terminals that look the same on every machine."""

import pytest


@pytest.fixture(autouse=True)
def _steady_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_FILTERS", "COLORFGBG"):
        monkeypatch.delenv(name, raising=False)
