"""The observer and the engine in one process: keys reach a run that really runs."""

from datetime import UTC
from itertools import count
from pathlib import Path

import anyio
from textual.pilot import Pilot

from crew.commands import Steer
from crew.entries import Outcome, SteerEntry
from crew.events import CommandAccepted, PermissionAnswered, SessionStatus
from crew.records import Status, utc_now
from crew.service import LiveRun
from crew.tui import Observer, Subject
from tests.doubles.crews import Crew
from tests.doubles.models import calls, says, submits
from tests.doubles.observers import screen_text

SIZE = (100, 30)


def observing(run: LiveRun) -> Observer:
    ids = count(1)
    return Observer(
        Subject(feed=run.feed, control=run.control),
        now=utc_now,
        new_id=lambda: f"key-{next(ids)}",
        tz=UTC,
    )


async def seen(pilot: Pilot[None], app: Observer, words: str) -> None:
    """Wait until words are on the screen."""
    with anyio.fail_after(10):
        while not any(words in line for line in screen_text(app)):
            await pilot.pause(0.02)


async def test_a_permission_is_asked_on_the_screen_and_its_answer_lets_the_tool_run(
    tmp_path: Path,
) -> None:
    crew = Crew(tmp_path, {"worker": [calls("executes"), submits()]})
    async with crew.start(allow=(), interactive=True) as run:
        app = observing(run)
        async with app.run_test(size=SIZE) as pilot:
            await seen(pilot, app, "waits for 1 permission")
            await pilot.press("a")
            await seen(pilot, app, "work asks to use executes")
            await pilot.press("o")
            await seen(pilot, app, "✓ done")
        await run.wait()
    assert [event.decision for event in crew.events_of(PermissionAnswered)] == ["allow"]
    assert ("executes", Outcome.OK) in crew.results()


async def test_a_session_is_paused_steered_and_let_go_by_keys(tmp_path: Path) -> None:
    slow = says("one two three four five six seven eight nine ten", chunk=2, pace=0.05)
    crew = Crew(tmp_path, {"worker": [slow, submits(), submits()]})
    async with crew.start() as run:
        app = observing(run)
        async with app.run_test(size=SIZE) as pilot:
            await seen(pilot, app, "● work")
            await pilot.press("enter")
            await seen(pilot, app, "writing")
            await pilot.press("p")
            await seen(pilot, app, "holds at its next checkpoint")
            await pilot.press("p")
            await seen(pilot, app, "pause work: paused")
            await pilot.press("s", *"left", "enter")
            await seen(pilot, app, "steer work: accepted")
            await seen(pilot, app, "queued")
            await pilot.press("p")
            await seen(pilot, app, "delivered at turn")
            await seen(pilot, app, "✓ done")
        await run.wait()
    assert Status.PAUSED in [event.status for event in crew.events_of(SessionStatus)]
    steers = [e.command for e in crew.events_of(CommandAccepted) if isinstance(e.command, Steer)]
    assert [steer.text for steer in steers] == ["left"]
    told = [entry for entry in crew.transcript() if isinstance(entry, SteerEntry)]
    assert [entry.text for entry in told] == ["left"]
