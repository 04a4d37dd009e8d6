"""`R` runs again what did not complete, and takes up a run that was lost."""

from crew.commands import Retry
from crew.errors import UsageError
from crew.events import CommandAccepted, RunEnded, TaskEnded, TasksReopened
from crew.feed import FeedItem
from crew.records import Failure, Status
from crew.tui import Subject
from crew.tui.run_screen import RunScreen
from tests.doubles.feeds import MemoryFeed
from tests.doubles.observers import NOW, OpenFeed, Remembering, observer, screen_text, settle, until
from tests.doubles.transcripts import golden_transcripts

SIZE = (110, 30)
RUNNING = 35
FAILURE = Failure(title="Model", message="overloaded", hint="")
FAILED = TaskEnded(seq=60, at=NOW, task="security-review", status="failed", error=FAILURE)
LOST = TaskEnded(seq=61, at=NOW, task="verify", status="unreachable")
OVER = RunEnded(seq=62, at=NOW, status=Status.FAILED, error=FAILURE)


async def test_in_a_run_that_goes_on_a_failed_task_is_run_again_at_once() -> None:
    control = Remembering()
    feed = OpenFeed([*until(RUNNING), FAILED], golden_transcripts())
    app = observer(control=control, feed=feed)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("t", "g", "j", "R")
        await settle(pilot)
        assert control.sent == []
        assert "R retry" not in screen_text(app)[-1]
        await pilot.press("j")
        await settle(pilot)
        assert "R retry" in screen_text(app)[-1]
        await pilot.press("R")
        await settle(pilot)
        (sent,) = control.sent
        assert isinstance(sent, Retry)
        assert sent.task == "security-review"
        feed.tell(
            CommandAccepted(seq=63, command=sent), TasksReopened(seq=64, tasks=("security-review",))
        )
        await settle(pilot)
        assert any("retry" in line and "accepted, runs again" in line for line in screen_text(app))


class Shelf:
    """Opens the run anew, as it goes on."""

    def __init__(self, refusal: str = "") -> None:
        self.asked: list[str] = []
        self._refusal = refusal

    def __call__(self, task: str) -> Subject:
        if self._refusal:
            raise UsageError(self._refusal, hint="do something else")
        self.asked.append(task)
        items: list[FeedItem] = [*until(RUNNING)]
        return Subject(feed=MemoryFeed(items, golden_transcripts()), control=Remembering())


async def test_a_run_that_is_over_goes_on_with_the_chosen_task_after_a_question() -> None:
    again = Shelf()
    app = observer([*until(RUNNING), FAILED, LOST, OVER], again=again)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("t", "g", "j", "j", "R")
        await settle(pilot)
        assert any("run security-review again? R again does it" in s for s in screen_text(app))
        assert again.asked == []
        await pilot.press("R")
        await settle(pilot)
        assert again.asked == ["security-review"]
        assert isinstance(app.stage, RunScreen)
        assert "● running" in screen_text(app)[0]
        assert not any("starting a process" in line for line in screen_text(app))
        assert not app.view.over
        await pilot.press("g", "j", "enter")
        await settle(pilot)
        assert any("rounding" in line for line in screen_text(app))


async def test_without_a_chosen_task_all_that_did_not_complete_is_run_again() -> None:
    again = Shelf()
    app = observer([*until(RUNNING), FAILED, LOST, OVER], again=again)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "R", "R")
        await settle(pilot)
    assert again.asked == [""]


async def test_a_run_that_was_lost_is_taken_up_as_a_whole() -> None:
    again = Shelf()
    app = observer(until(RUNNING), again=again)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app.lost()
        await settle(pilot)
        assert "R go on" in screen_text(app)[-1]
        await pilot.press("R")
        await settle(pilot)
        assert any("take the run up again where it was lost?" in s for s in screen_text(app))
        await pilot.press("R")
        await settle(pilot)
        assert again.asked == [""]
        assert "● running" in screen_text(app)[0]


async def test_what_can_not_go_on_says_why_and_stays() -> None:
    app = observer([*until(RUNNING), FAILED, OVER], again=Shelf("another folder"))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("R", "R")
        await settle(pilot)
        assert any("another folder · do something else" in line for line in screen_text(app))
        assert app.view.over


async def test_a_run_that_completed_has_nothing_to_run_again() -> None:
    app = observer(again=Shelf())
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "R retry" not in screen_text(app)[-1]
        await pilot.press("R")
        assert not any("again does it" in line for line in screen_text(app))


async def test_where_this_observer_cannot_run_it_again_it_says_how_to() -> None:
    app = observer([*until(RUNNING), FAILED, LOST, OVER])
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("R")
        await settle(pilot)
        said = f"leave, then crew retry {app.view.run}"
        assert any(said in line for line in screen_text(app))
