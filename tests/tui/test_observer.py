"""The whole observer on a run from memory: from screen to screen, in any terminal."""

import anyio
import pytest

from crew.commands import Cancel
from crew.tui.run_screen import RunScreen
from crew.tui.session_screen import SessionScreen
from tests.doubles.observers import (
    OpenFeed,
    Remembering,
    observer,
    screen_text,
    settle,
    until,
)

SIZE = (100, 30)
ASKED = 17
"""The golden run while a permission waits."""
RUNNING = 35
"""The golden run while two sessions work."""


async def test_the_run_is_told_as_rows_with_what_each_session_does() -> None:
    app = observer(until(RUNNING))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        text = "\n".join(screen_text(app))
    assert "● code-review         reading ledger/split.py" in text
    assert "  ✓ explorer-1        done: post_entry is called from 3 places" in text
    assert "○ verify              after code-review, security-review" in text
    assert "refused: steer: also the docs" in text


async def test_enter_dives_into_a_session_and_a_spawn_and_escape_comes_back() -> None:
    app = observer()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "enter")
        await settle(pilot)
        assert isinstance(app.stage, SessionScreen)
        assert app.stage.session == "code-review"
        place = next(n for n, line in enumerate(screen_text(app)) if "spawn" in line)
        for _ in range(app.stage.transcript.cursor + 2 - place):
            await pilot.press("k")
        await pilot.press("enter")
        await settle(pilot)
        assert screen_text(app)[0].startswith(" review > code-review > explorer-1")
        await pilot.press("backspace")
        await settle(pilot)
        assert app.stage.session == "code-review"
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(app.stage, RunScreen)
        await pilot.press("escape")
        assert app.is_running


async def test_brackets_and_tab_go_round_the_sessions() -> None:
    app = observer()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "enter")
        seen = []
        for key in ("right_square_bracket", "tab", "left_square_bracket", "shift+tab"):
            await pilot.press(key)
            await settle(pilot)
            assert isinstance(app.stage, SessionScreen)
            seen.append(app.stage.session)
    assert seen == ["code-review", "code-review.explorer-1", "code-review", "explore"]


async def test_every_session_is_shown_with_its_own_entries_when_one_goes_round() -> None:
    app, seen = observer(), []
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "enter")
        for _ in range(4):
            await settle(pilot)
            assert isinstance(app.stage, SessionScreen)
            shown = [line.strip(" ▌▐") for line in screen_text(app)[2:14]]
            fresh = observer()
            async with fresh.run_test(size=SIZE) as other:
                await settle(other)
                fresh.open(app.stage.session)
                await settle(other)
                assert [line.strip(" ▌▐") for line in screen_text(fresh)[2:14]] == shown
            seen.append(app.stage.session)
            await pilot.press("right_square_bracket")
    assert len(set(seen)) == 4


async def test_an_untouched_observer_leaves_with_its_run_and_a_touched_one_stays() -> None:
    app = observer(stay=False)
    async with app.run_test(size=SIZE) as pilot:
        with anyio.fail_after(5):
            while app.is_running:
                await pilot.pause(0.01)
    touched = observer(feed=OpenFeed(until(RUNNING)), stay=False)
    async with touched.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("j")
        assert touched.touched
        assert touched.is_running


async def test_an_observer_leaves_a_run_that_could_not_tell_its_end_also_when_touched() -> None:
    feed = OpenFeed(until(20))
    app = observer(feed=feed, control=Remembering(), stay=False)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("j")
        feed.end()
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert not app.is_running
    assert app.view.lost


async def test_q_leaves_and_question_mark_shows_the_keys() -> None:
    app = observer()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("question_mark")
        await pilot.pause()
        assert any("open the session of the row" in line for line in screen_text(app))
        await pilot.press("escape", "q")
        await pilot.pause()
    assert not app.is_running


async def test_a_run_whose_process_is_gone_is_told_as_interrupted() -> None:
    app = observer(until(RUNNING))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app.lost()
        await settle(pilot)
        text = screen_text(app)
    assert "- interrupted" in text[0]
    assert any("code-review         interrupted" in line for line in text)


async def test_a_terminal_that_is_too_small_says_so_and_comes_back() -> None:
    app = observer()
    async with app.run_test(size=(40, 10)) as pilot:
        await settle(pilot)
        assert any("too small" in line for line in screen_text(app))
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert any("code-review" in line for line in screen_text(app))


@pytest.mark.parametrize(
    ("before", "keys"),
    [
        ("g j", "x x X X p P n"),
        ("g j x", "x"),
        ("g j", "s h i enter"),
        ("g j s", "h i enter"),
        ("a", "o"),
        ("g j", "tab tab o enter s h i enter"),
    ],
)
async def test_where_nothing_of_the_run_is_seen_no_key_acts_on_it(before: str, keys: str) -> None:
    control = Remembering()
    app = observer(until(ASKED), control=control)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press(*before.split())
        await pilot.resize_terminal(40, 10)
        await settle(pilot)
        await pilot.press(*keys.split())
        await settle(pilot)
        assert any("too small" in line for line in screen_text(app))
        await pilot.resize_terminal(*SIZE)
        await settle(pilot)
        assert not any("too small" in line for line in screen_text(app))
    assert control.sent == []


async def test_what_was_open_when_the_terminal_became_too_small_has_the_keys_again() -> None:
    control = Remembering()
    app = observer(until(RUNNING), control=control)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "s", "h")
        await pilot.resize_terminal(40, 10)
        await settle(pilot)
        await pilot.press("e")
        await pilot.resize_terminal(*SIZE)
        await settle(pilot)
        await pilot.press("i", "enter")
        await settle(pilot)
    assert [getattr(each, "text", "") for each in control.sent] == ["hi"]


async def test_a_terminal_that_is_too_small_says_what_is_needed_and_lets_one_leave() -> None:
    app = observer(until(RUNNING), control=Remembering())
    async with app.run_test(size=(40, 10)) as pilot:
        await settle(pilot)
        text = " ".join(" ".join(screen_text(app)).split())
        assert "needs 48 columns and 14 lines, it has 40 and 10" in text
        assert "q: leave the observer; the run goes on" in text
        await pilot.press("question_mark")
        await pilot.pause()
        assert any("Esc closes" in line for line in screen_text(app))
        await pilot.press("escape", "q")
        await pilot.pause()
    assert not app.is_running


async def test_a_cancel_by_ctrl_c_is_asked_where_it_is_seen_in_any_terminal() -> None:
    control = Remembering()
    app = observer(until(RUNNING), control=control)
    async with app.run_test(size=(40, 10)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+c")
        await settle(pilot)
        text = " ".join(" ".join(screen_text(app)).split())
        assert "cancel the whole run? Ctrl+C again cancels it; q only leaves" in text
        await pilot.press("j")
        await settle(pilot)
        assert any("too small" in line for line in screen_text(app))
        assert control.sent == []
        await pilot.press("ctrl+c", "ctrl+c")
        await settle(pilot)
    assert [type(each) for each in control.sent] == [Cancel]


async def test_the_palette_offers_nothing_unseen_where_the_terminal_is_too_small() -> None:
    app = observer(until(RUNNING), control=Remembering())
    async with app.run_test(size=(40, 10)) as pilot:
        await settle(pilot)
        offered = [each.title for each in app.get_system_commands(app.screen)]
    assert [each for each in offered if not each.startswith("theme")] == [
        "show the keys",
        "leave the observer; the run goes on",
        "ask to cancel the run; leaves when it is over",
    ]


async def test_the_mouse_selects_opens_and_walks_the_crumbs() -> None:
    app = observer()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        row = next(n for n, line in enumerate(screen_text(app)) if "explorer-1" in line)
        await pilot.click(offset=(20, row))
        await pilot.click(offset=(20, row))
        await settle(pilot)
        assert isinstance(app.stage, SessionScreen)
        await pilot.click("#crumbs", offset=(12, 0))
        await settle(pilot)
        assert app.stage.session == "code-review"
        await pilot.click("#crumbs", offset=(2, 0))
        await settle(pilot)
        assert isinstance(app.stage, RunScreen)


async def test_without_colour_what_is_strong_is_still_strong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = observer(until(RUNNING))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        strips = app.screen._compositor.render_strips()
        styles = [segment.style for strip in strips for segment in strip if segment.style]
    assert not any(style.color or style.bgcolor for style in styles)
    assert any(style.bold for style in styles)
