"""Other keys for the same actions."""

import pytest

from crew.errors import UsageError
from crew.tui.keys import keymap


def test_a_key_that_is_taken_is_refused_with_both_names() -> None:
    with pytest.raises(UsageError, match="s would mean both") as refusal:
        keymap({"pause": "s"})
    assert {"steer", "pause"} <= set(str(refusal.value).split())


def test_an_action_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="no action 'fly'"):
        keymap({"fly": "f"})
