"""Pictures of each screen and state; `pytest --snapshot-update` draws them anew."""

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from crew.feed import FeedItem
from tests.doubles.observers import Remembering, observer, settle, until

Compare = Callable[..., bool]

ASKED, RUNNING, ENDED = 17, 35, 50


def steps(*keys: str) -> Callable[[Pilot[None]], object]:
    async def run_before(pilot: Pilot[None]) -> None:
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)

    return run_before


def items(seq: int) -> list[FeedItem]:
    return until(seq) if seq else []


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["small", "large"])
@pytest.mark.parametrize(
    ("seq", "keys"),
    [
        pytest.param(0, "", id="nothing-yet"),
        pytest.param(RUNNING, "g j", id="running"),
        pytest.param(ENDED, "j", id="ended"),
        pytest.param(RUNNING, "g j enter g j j j enter", id="session"),
        pytest.param(ASKED, "a", id="permission"),
        pytest.param(RUNNING, "g j x", id="cancel-asked"),
        pytest.param(RUNNING, "g j s h i", id="steer"),
        pytest.param(RUNNING, "question_mark", id="help"),
        pytest.param(RUNNING, "t g j j", id="tasks"),
        pytest.param(0, "m", id="no-messages"),
        pytest.param(ASKED, "m", id="messages-open"),
        pytest.param(ENDED, "m k k k", id="messages"),
        pytest.param(RUNNING, "g j enter F F", id="only-tools"),
    ],
)
def test_it_looks_as_it_did(
    snap_compare: Compare, size: tuple[int, int], seq: int, keys: str
) -> None:
    app = observer(items(seq), control=Remembering())
    assert snap_compare(app, terminal_size=size, run_before=steps(*keys.split()))


@pytest.mark.parametrize("theme", ["crew-light", "crew-contrast"])
def test_every_theme_shows_it(snap_compare: Compare, theme: str) -> None:
    app = observer(items(RUNNING), control=Remembering())
    app.theme = theme
    assert snap_compare(app, terminal_size=(80, 24), run_before=steps("g", "j", "enter"))


DOCUMENT = {
    "summary": "How a share is split, and where cents go.",
    "document": "## How it works\n\n`split()` rounds **each part** by itself:\n\n1. one\n2. two",
    "answers": [{"claim": "Cents are lost", "file": "ledger/split.py", "line": 3, "evidence": "x"}],
}


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["small", "large"])
def test_a_result_that_is_to_be_read_looks_as_it_did(
    snap_compare: Compare, size: tuple[int, int]
) -> None:
    app = observer(items(ENDED), read_result=lambda _ref: DOCUMENT)
    assert snap_compare(app, terminal_size=size, run_before=steps("r"))


def test_without_colour_it_is_still_told(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = observer(items(ENDED), control=Remembering())
    assert snap_compare(app, terminal_size=(80, 24), run_before=steps("g", "j"))
