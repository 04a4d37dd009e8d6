"""The task board, driven by keys."""

from crew.commands import Steer
from crew.tui.run_screen import RunScreen
from crew.tui.session_screen import SessionScreen
from crew.tui.tasks_screen import TasksScreen
from tests.doubles.observers import Remembering, observer, screen_text, settle, until

SIZE = (100, 30)
RUNNING = 35
"""The golden run while two sessions work."""


async def test_t_shows_the_board_with_the_task_of_the_selected_session() -> None:
    app = observer(until(RUNNING))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "t")
        await settle(pilot)
        text = screen_text(app)
        assert text[0].startswith(" review > tasks")
        assert any(line.startswith("▌● code-review") for line in text)
        assert any("waits for code-review, security-review" in line for line in text)
        await pilot.press("G")
        await settle(pilot)
        assert any("needs code-review (at work)" in line for line in screen_text(app))
        await pilot.press("t")
        await settle(pilot)
        assert isinstance(app.stage, RunScreen)


async def test_enter_on_a_task_opens_its_session_and_escape_comes_back_to_the_board() -> None:
    app = observer(until(RUNNING))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("t", "g", "j", "enter")
        await settle(pilot)
        assert isinstance(app.stage, SessionScreen)
        assert app.stage.session == "code-review"
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(app.stage, TasksScreen)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.click("#crumbs", offset=(2, 0))
        await settle(pilot)
        assert isinstance(app.stage, RunScreen)


async def test_a_task_that_no_one_works_on_yet_says_so() -> None:
    app = observer(until(RUNNING))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("t", "G", "enter")
        await settle(pilot)
        assert any("verify has no session yet" in line for line in screen_text(app))


async def test_keys_on_the_board_are_about_the_session_of_the_task() -> None:
    control = Remembering()
    app = observer(until(RUNNING), control=control)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("t", "g", "j", *"s", *"hi", "enter")
        await settle(pilot)
    assert [(type(each), each.model_dump()["session"]) for each in control.sent] == [
        (Steer, "code-review")
    ]


async def test_an_empty_board_says_so() -> None:
    app = observer([])
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("t", "enter")
        await settle(pilot)
        assert any("no task is on the board yet" in line for line in screen_text(app))
