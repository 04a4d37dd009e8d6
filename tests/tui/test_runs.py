"""The list of runs, and one of them opened from it."""

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import timedelta

import anyio
import pytest
from textual.pilot import Pilot

from crew.errors import StoreError
from crew.records import Status, Usage
from crew.service import RunListing, RunSummary
from crew.tui import Observer, RunList, Subject
from crew.tui.run_screen import RunScreen
from crew.tui.runs_screen import RunsScreen
from crew.tui.session_screen import SessionScreen
from tests.doubles.feeds import MemoryFeed
from tests.doubles.observers import NOW, Remembering, observer, screen_text, settle, until
from tests.doubles.transcripts import golden_transcripts

SIZE = (100, 30)


def listing(number: int, status: Status = Status.COMPLETED, **changes: object) -> RunListing:
    """The run of that number, one a minute; the higher the newer."""
    began = NOW - timedelta(minutes=1_000 - number)
    summary = RunSummary(
        id=f"run-{number:04}",
        team="review",
        goal=str(changes.get("goal", "")),
        status=status,
        created=began,
        updated=began,
        usage=Usage(input_tokens=41_200),
        model="anthropic:claude-sonnet",
        live=status is Status.RUNNING,
    )
    outcome = "request changes, 2 findings: 2 P1" if status is Status.COMPLETED else ""
    return RunListing(summary=summary, sessions=number % 7, outcome=outcome)


class Shelf:
    """Runs that a test lists, and opens as the golden run."""

    def __init__(self, *lists: Sequence[RunListing]) -> None:
        self.opened: list[str] = []
        self.refusal = ""
        self._put, self._take = anyio.create_memory_object_stream[Sequence[RunListing]](100)
        for each in lists:
            self.put(each)

    def put(self, runs: Sequence[RunListing]) -> None:
        self._put.send_nowait(runs)

    async def follow(self) -> AsyncGenerator[Sequence[RunListing], None]:
        with self._put, self._take:
            async for runs in self._take:
                yield runs

    def open(self, run: str) -> Subject:
        if self.refusal:
            raise StoreError(self.refusal)
        self.opened.append(run)
        feed = MemoryFeed(until(35), golden_transcripts())
        return Subject(feed=feed, control=Remembering())


def watching(shelf: Shelf) -> Observer:
    return observer(runs=RunList(follow=shelf.follow, open=shelf.open))


def rows(app: Observer) -> list[str]:
    return [line for line in screen_text(app) if " review " in line and "runs >" not in line]


async def test_live_runs_come_first_and_enter_opens_one_and_escape_comes_back() -> None:
    shelf = Shelf([listing(3), listing(2, Status.RUNNING), listing(1, Status.FAILED)])
    app = watching(shelf)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        text = screen_text(app)
        assert text[0].startswith(" runs")
        assert text[0].endswith("3 runs, 1 live")
        assert [line[1:3] for line in rows(app)] == ["● ", "✓ ", "✗ "]
        assert "request changes, 2 findings: 2 P1" in rows(app)[1]
        await pilot.press("j", "enter")
        await settle(pilot)
        assert shelf.opened == ["run-0003"]
        assert screen_text(app)[0].startswith(" runs > review")
        assert "Esc back" in screen_text(app)[-1]
        await pilot.press("g", "j", "enter")
        await settle(pilot)
        assert isinstance(app.stage, SessionScreen)
        await pilot.press("escape", "escape")
        await settle(pilot)
        assert isinstance(app.front, RunsScreen)
        assert rows(app)[1].startswith("▌✓")
        await pilot.press("g", "enter")
        await settle(pilot)
        assert isinstance(app.stage, RunScreen)
        assert any("● code-review" in line for line in screen_text(app))
    assert shelf.opened == ["run-0003", "run-0002"]


async def test_the_crumb_leads_back_to_the_list_from_a_session() -> None:
    app = watching(Shelf([listing(1)]))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("g", "j", "enter")
        await settle(pilot)
        await pilot.click("#crumbs", offset=(2, 0))
        await settle(pilot)
        assert isinstance(app.front, RunsScreen)


async def test_a_new_run_comes_on_top_and_no_row_moves_past_another() -> None:
    shelf = Shelf([listing(2), listing(1, Status.RUNNING)])
    app = watching(shelf)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("j")
        shelf.put([listing(3, Status.RUNNING), listing(2), listing(1, Status.FAILED)])
        await settle(pilot)
        with anyio.fail_after(5):
            while len(rows(app)) < 3:
                await pilot.pause(0.01)
        assert [line[1:3] for line in rows(app)] == ["● ", "✗ ", "✓ "]
        assert rows(app)[2].startswith("▌")
        shelf.put([listing(2)])
        with anyio.fail_after(5):
            while len(rows(app)) > 1:
                await pilot.pause(0.01)
        assert rows(app)[0].startswith("▌✓")


async def test_without_runs_it_says_how_to_start_one() -> None:
    app = watching(Shelf([]))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        with anyio.fail_after(5):
            while not any("start one: crew run review" in line for line in screen_text(app)):
                await pilot.pause(0.01)
        await pilot.press("enter", "j", "G", "escape")
        assert app.is_running
        assert "Enter open" not in screen_text(app)[-1]
        await pilot.press("ctrl+c")
    assert not app.is_running


async def test_five_hundred_runs_are_moved_through_by_keys() -> None:
    app = watching(Shelf([listing(number) for number in range(500, 0, -1)]))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("G")
        await settle(pilot)
        assert any("run-0001" in line for line in screen_text(app))
        await pilot.press("pageup", "g")
        await settle(pilot)
        assert any("run-0500" in line for line in screen_text(app))


async def test_a_run_that_can_not_be_opened_says_why() -> None:
    shelf = Shelf([listing(1)])
    shelf.refusal = "its manifest is damaged"
    app = watching(shelf)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert any("its manifest is damaged" in line for line in screen_text(app))
        assert isinstance(app.front, RunsScreen)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["small", "large"])
def test_the_list_looks_as_it_did(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    statuses = [Status.RUNNING, Status.COMPLETED, Status.FAILED, Status.INTERRUPTED]
    goals = ["the change before the release", "", "where is the database opened", ""]
    shelf = Shelf(
        [listing(9 - n, status, goal=goals[n]) for n, status in enumerate(statuses)],
    )

    app = watching(shelf)

    async def wait(pilot: Pilot[None]) -> None:
        with anyio.fail_after(5):
            while not rows(app):
                await pilot.pause(0.01)
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=wait)
