"""Every state that a run or a session may be in has its words, and a picture."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from textual.pilot import Pilot

from crew.commands import Pause
from crew.entries import ErrorEntry
from crew.events import CommandAccepted, Event, RunEnded, SessionEnded, SessionStatus
from crew.feed import FeedItem
from crew.progress import Progress, Retry
from crew.records import Failure, Status, Usage
from crew.tui.palette import SIGNS
from tests.doubles.feeds import MemoryFeed
from tests.doubles.observers import NOW, Remembering, observer, screen_text, settle, until
from tests.doubles.transcripts import golden_transcripts

SIZES = {"small": (80, 24), "large": (120, 40)}
BEGUN, PAUSED, RUNNING, ENDED = 14, 30, 35, 50
"""Events of the golden run: two sessions at work, its pause, at work again, its end."""


def progress(**changes: object) -> Progress:
    """Where the reviewer is, a second ago."""
    fields: dict[str, object] = {
        "session": "code-review",
        "status": Status.RUNNING,
        "turn": 2,
        "max_turns": 30,
        "tools": 1,
        "usage": Usage(input_tokens=9_000),
        "started": NOW - timedelta(seconds=14),
        "updated": NOW - timedelta(seconds=1),
    }
    return Progress.model_validate(fields | changes)


RETRY = Retry(why="rate limited", at=NOW + timedelta(minutes=26), attempt=2, attempts=5)
HELD = CommandAccepted(
    seq=61, session="code-review", command=Pause(id="p", session="code-review", hard=False)
)
FAILURE = Failure(
    title="Model",
    message="the provider refused the key",
    hint="set ANTHROPIC_API_KEY to a key that is valid",
)


def ended(status: Status, error: Failure | None = None) -> list[Event]:
    """The end of a run whose sessions end the same way."""
    names = ("code-review", "security-review~2", "code-review.explorer-1", "security-review")
    ends: list[Event] = [
        SessionEnded(seq=70 + n, at=NOW, session=name, status=status, error=error)
        for n, name in enumerate(names)
    ]
    return [*ends, RunEnded(seq=90, at=NOW, status=status, error=error)]


STATES: dict[str, tuple[Sequence[FeedItem], str, str]] = {
    "waiting-for-the-model": ([*until(BEGUN), progress()], "", "waiting for the model"),
    "rate-limited": (
        [*until(BEGUN), progress(retry=RETRY)],
        "",
        "rate limited, again at 12:30:48",
    ),
    "rate-limited-session": (
        [*until(BEGUN), progress(retry=RETRY)],
        "g j enter",
        "rate limited, again at 12:30:48 (try 2 of 5)",
    ),
    "pausing": ([*until(RUNNING), HELD], "", "pausing: reading ledger/split.py"),
    "paused": (
        [
            *until(RUNNING),
            HELD,
            SessionStatus(seq=62, session="code-review", status=Status.PAUSED, reason="paused"),
        ],
        "g j enter",
        "= paused",
    ),
    "run-paused": (
        [
            *until(PAUSED),
            SessionStatus(
                seq=60,
                session="security-review~2",
                status=Status.PAUSED,
                reason="the run is paused",
            ),
        ],
        "",
        "paused: nothing runs",
    ),
    "failed": (
        [*until(RUNNING), *ended(Status.FAILED, FAILURE)],
        "",
        "failed: the provider refused the key · set ANTHROPIC_API_KEY",
    ),
    "failed-session": (
        [*until(RUNNING), *ended(Status.FAILED, FAILURE)],
        "g j enter",
        "set ANTHROPIC_API_KEY to a key that is valid",
    ),
    "cancelled": ([*until(RUNNING), *ended(Status.CANCELLED)], "", "- cancelled"),
}


async def press(pilot: Pilot[None], keys: str) -> None:
    await settle(pilot)
    for key in keys.split():
        await pilot.press(key)
        await settle(pilot)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("state", STATES)
def test_a_state_is_told_in_words_and_looks_as_it_did(
    snap_compare: Callable[..., bool], state: str, size: str
) -> None:
    items, keys, words = STATES[state]
    app = observer(items, control=Remembering())
    seen: list[str] = []

    async def look(pilot: Pilot[None]) -> None:
        await press(pilot, keys)
        seen.extend(screen_text(app))

    assert snap_compare(app, terminal_size=SIZES[size], run_before=look)
    assert any(words in line for line in seen), "\n".join(seen)


@pytest.mark.parametrize("size", SIZES)
def test_a_run_whose_process_is_gone_says_how_to_go_on(
    snap_compare: Callable[..., bool], size: str
) -> None:
    app = observer(until(RUNNING), control=Remembering())

    async def look(pilot: Pilot[None]) -> None:
        await settle(pilot)
        app.lost()
        await settle(pilot)
        assert "interrupted" in screen_text(app)[0]
        assert "go on: crew resume 20260131-120430-review-7f3a" in screen_text(app)[-2]

    assert snap_compare(app, terminal_size=SIZES[size], run_before=look)


@pytest.mark.parametrize("size", SIZES)
def test_a_run_that_is_over_shows_its_verdict(snap_compare: Callable[..., bool], size: str) -> None:
    found = [{"title": "Cents are lost", "priority": "P1", "file": "ledger/split.py", "line": 3}]
    app = observer(read_result=lambda _: {"verdict": "request_changes", "findings": found})

    async def look(pilot: Pilot[None]) -> None:
        await settle(pilot)
        assert screen_text(app)[-2] == " request changes, 1 finding: 1 P1"

    assert snap_compare(app, terminal_size=SIZES[size], run_before=look)


@pytest.mark.parametrize("size", SIZES)
def test_a_transcript_that_is_gone_is_missed(snap_compare: Callable[..., bool], size: str) -> None:
    app = observer(feed=MemoryFeed(until(ENDED), {}))

    async def look(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("g", "enter")
        await settle(pilot)
        assert any("the transcript of this session is missing" in each for each in screen_text(app))

    assert snap_compare(app, terminal_size=SIZES[size], run_before=look)


@pytest.mark.parametrize("size", SIZES)
def test_a_damaged_line_of_a_transcript_is_an_error_where_it_stands(
    snap_compare: Callable[..., bool], size: str
) -> None:
    books = dict(golden_transcripts())
    books["explore"] = [
        *books["explore"],
        ErrorEntry(title="Unreadable line", text="Expecting value: line 1: \\xff\\x00{"),
    ]
    app = observer(feed=MemoryFeed(until(ENDED), books))

    async def look(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("g", "enter")
        await settle(pilot)
        assert any("✗ error" in each and "Unreadable line" in each for each in screen_text(app))

    assert snap_compare(app, terminal_size=SIZES[size], run_before=look)


def test_a_terminal_that_is_too_small_says_so(snap_compare: Callable[..., bool]) -> None:
    app = observer(until(RUNNING))
    assert snap_compare(app, terminal_size=(44, 12), run_before=settle)


async def test_what_has_not_come_yet_is_named() -> None:
    app = observer(feed=MemoryFeed(until(BEGUN), {}))
    async with app.run_test(size=SIZES["small"]) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert any("nothing is written yet" in line for line in screen_text(app))


def test_signs_tell_states_apart_without_colour() -> None:
    assert len(set(SIGNS.values())) == len(SIGNS)
