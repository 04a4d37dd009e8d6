"""The whole observer, driven by keys, on a run from memory."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from textual.pilot import Pilot

from crew.commands import Answer, Cancel, FollowUp, Pause, Resume, Steer, Step
from crew.entries import TextEntry
from crew.events import (
    CommandAccepted,
    CommandRefused,
    SessionStatus,
    SteerDelivered,
)
from crew.records import Status
from crew.tui import Observer
from crew.tui.run_screen import RunScreen
from crew.tui.session_screen import SessionScreen
from crew.tui.transcript_pane import TranscriptPane
from tests.doubles.observers import (
    OpenFeed,
    Remembering,
    observer,
    screen_text,
    settle,
    until,
)
from tests.doubles.transcripts import golden_transcripts

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


async def test_an_entry_opens_where_it_stands_and_closes_again() -> None:
    app = observer()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "enter")
        await settle(pilot)
        before = screen_text(app)
        await pilot.press("g", "j", "j", "j", "enter")
        await settle(pilot)
        opened = screen_text(app)
        assert any("What I will look at" in line and "│" in line for line in opened)
        assert any("return [round(total / n, 2)] * n" in line for line in opened)
        await pilot.press("enter")
        await settle(pilot)
        assert [line[1:] for line in screen_text(app)[2:20]] == [line[1:] for line in before[2:20]]


async def test_following_is_left_by_going_up_and_taken_up_again() -> None:
    feed = OpenFeed(until(RUNNING), golden_transcripts())
    app = observer(feed=feed)
    async with app.run_test(size=(100, 20)) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "enter")
        await settle(pilot)
        assert isinstance(app.stage, SessionScreen)
        transcript = app.stage.transcript
        feed.write("code-review", TextEntry(text="one more"))
        await settle(pilot)
        assert any("one more" in line for line in screen_text(app))
        await pilot.press("k")
        top = transcript.top
        feed.write("code-review", *[TextEntry(text=f"later {n}") for n in range(3)])
        await settle(pilot)
        assert transcript.top == top
        assert any("3 new entries below" in line for line in screen_text(app))
        await pilot.press("f")
        await settle(pilot)
        assert any("later 2" in line for line in screen_text(app))
        assert not any("new entries" in line for line in screen_text(app))


async def test_a_search_finds_what_entries_say_and_n_goes_on() -> None:
    app = observer()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "enter")
        await settle(pilot)
        assert isinstance(app.stage, SessionScreen)
        await pilot.press("g", "slash", *"findings", "enter")
        await settle(pilot)
        found = [app.stage.transcript.cursor]
        for key in ("n", "n", "N"):
            await pilot.press(key)
            await settle(pilot)
            found.append(app.stage.transcript.cursor)
        assert found[1] > found[0]
        assert found[3] == found[1]
        await pilot.press("slash", *"no such words", "enter")
        await settle(pilot)
        assert any("nothing here says no such words" in line for line in screen_text(app))


async def test_letters_are_text_where_one_writes_and_a_draft_is_kept() -> None:
    control = Remembering()
    app = observer(until(RUNNING), control=control)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "s", *"xqp", "escape")
        await pilot.press("s", *"j", "enter")
        await settle(pilot)
    assert [(type(each), getattr(each, "text", "")) for each in control.sent] == [(Steer, "xqpj")]


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ("s h i enter", Steer),
        ("S h i enter", FollowUp),
        ("p", Pause),
        ("x x", Cancel),
    ],
)
async def test_a_key_sends_its_command_to_the_selected_session(keys: str, kind: type) -> None:
    control = Remembering()
    app = observer(until(RUNNING), control=control)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", *keys.split())
        await settle(pilot)
    assert [type(each) for each in control.sent] == [kind]
    assert control.sent[0].model_dump()["session"] == "code-review"


@pytest.mark.parametrize(
    ("keys", "kind"), [("P", Pause), ("X X", Cancel), ("ctrl+c ctrl+c", Cancel)]
)
async def test_some_keys_are_for_the_whole_run(keys: str, kind: type) -> None:
    control = Remembering()
    app = observer(until(RUNNING), control=control)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press(*keys.split())
        await settle(pilot)
    assert [type(each) for each in control.sent] == [kind]
    assert control.sent[0].model_dump()["session"] is None


async def test_a_cancel_asks_once_and_any_other_key_keeps_the_session() -> None:
    control = Remembering()
    app = observer(until(RUNNING), control=control)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "x")
        await settle(pilot)
        assert any("x again cancels it" in line for line in screen_text(app))
        await pilot.press("j", "k", "x")
        await settle(pilot)
    assert control.sent == []


async def test_a_pause_pressed_again_is_hard_and_then_goes_on() -> None:
    control = Remembering()
    feed = OpenFeed(until(RUNNING), golden_transcripts())
    app = observer(control=control, feed=feed)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "p")
        await settle(pilot)
        feed.tell(CommandAccepted(seq=51, session="code-review", command=control.sent[0]))
        await settle(pilot)
        assert any("holds at its next checkpoint" in line for line in screen_text(app))
        await pilot.press("p")
        await settle(pilot)
        feed.tell(
            CommandAccepted(seq=52, session="code-review", command=control.sent[1]),
            SessionStatus(seq=53, session="code-review", status=Status.PAUSED, reason="paused"),
        )
        await settle(pilot)
        assert any("n step" in line for line in screen_text(app))
        await pilot.press("n", "p")
        await settle(pilot)
    assert [type(each) for each in control.sent] == [Pause, Pause, Step, Resume]
    assert [each.hard for each in control.sent if isinstance(each, Pause)] == [False, True]


async def test_the_answer_to_a_command_is_the_journals() -> None:
    control = Remembering()
    feed = OpenFeed(until(RUNNING), golden_transcripts())
    app = observer(control=control, feed=feed)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "s", "h", "i", "enter")
        await settle(pilot)
        assert not any("accepted" in line for line in screen_text(app)[-3:])
        feed.tell(CommandAccepted(seq=51, session="code-review", command=control.sent[0]))
        await settle(pilot)
        assert any("steer code-review: accepted" in line for line in screen_text(app))
        await pilot.press("enter")
        await settle(pilot)
        assert any("steer" in line and "queued" in line for line in screen_text(app))
        feed.tell(SteerDelivered(seq=52, session="code-review", command="sent-1", turn=5))
        await settle(pilot)
        assert any("delivered at turn 5" in line for line in screen_text(app))
        feed.tell(
            CommandRefused(
                seq=53, session="code-review", command=control.sent[0], reason="it has ended"
            )
        )
        await settle(pilot)
        assert any("refused: it has ended" in line for line in screen_text(app))


async def test_a_command_that_no_journal_answers_says_why() -> None:
    app = observer(until(RUNNING), control=Remembering("the process of this run is gone"))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "p")
        await settle(pilot)
        assert any("not done: the process of this run is gone" in line for line in screen_text(app))


@pytest.mark.parametrize(
    ("keys", "decision", "reason"),
    [
        ("a o", "allow", ""),
        ("a s", "allow_session", ""),
        ("a d n o enter", "deny", "no"),
        ("a d enter", "deny", ""),
    ],
)
async def test_a_permission_is_answered_on_its_card(keys: str, decision: str, reason: str) -> None:
    control = Remembering()
    app = observer(until(ASKED), control=control)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("a")
        await settle(pilot)
        text = "\n".join(screen_text(app))
        assert "security-review asks to use shell" in text
        assert "$ pip-audit -r requirements.txt" in text
        await pilot.press(*keys.split()[1:])
        await settle(pilot)
    answer = control.sent[0]
    assert isinstance(answer, Answer)
    assert (answer.request, answer.decision, answer.reason) == ("p-1", decision, reason)


async def test_escape_leaves_a_card_and_the_request_open() -> None:
    control = Remembering()
    app = observer(until(ASKED), control=control)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("a", "escape", "j")
        await settle(pilot)
        assert not any("asks to use shell" in line for line in screen_text(app))
    assert control.sent == []


async def test_without_a_control_no_key_for_one_is_offered() -> None:
    app = observer(until(RUNNING))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "s", "p", "x")
        assert "steer" not in screen_text(app)[-1]


async def test_an_untouched_observer_leaves_with_its_run_and_a_touched_one_stays() -> None:
    app = observer(stay=False)
    async with app.run_test(size=SIZE) as pilot:
        with anyio.fail_after(5):
            while app.is_running:
                await pilot.pause(0.01)
    touched = observer(until(RUNNING), stay=False)
    async with touched.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("j")
        assert touched.touched
        assert touched.is_running


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


LONG = "\n".join(f"    line {n}." for n in range(40))


def numbers(app: Observer) -> list[int]:
    """Which lines of the long entry are seen."""
    found = (re.search(r"line (\d+)\.", line) for line in screen_text(app) if "│" in line)
    return [int(each.group(1)) for each in found if each]


@asynccontextmanager
async def long_entry() -> AsyncIterator[tuple[Pilot[None], Observer, TranscriptPane]]:
    """An open entry of forty lines between two others, its first line selected."""
    feed = OpenFeed(until(RUNNING), golden_transcripts())
    said = [TextEntry(text="the one before"), TextEntry(text=LONG), TextEntry(text="the one after")]
    feed.write("code-review", *said)
    app = observer(feed=feed)
    async with app.run_test(size=(100, 20)) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "enter")
        await settle(pilot)
        await pilot.press("k", "enter")
        await settle(pilot)
        assert isinstance(app.stage, SessionScreen)
        yield pilot, app, app.stage.transcript


async def test_pages_of_an_entry_taller_than_the_view_miss_no_line() -> None:
    async with long_entry() as (pilot, app, transcript):
        entry, read = transcript.cursor, set(numbers(app))
        for _ in range(6):
            await pilot.press("pagedown")
            await settle(pilot)
            read |= set(numbers(app))
        assert read == set(range(40))
        assert transcript.cursor == entry + 1
        read = set(numbers(app))
        for _ in range(6):
            await pilot.press("pageup")
            await settle(pilot)
            read |= set(numbers(app))
        assert read == set(range(40))


async def test_j_and_k_read_an_entry_taller_than_the_view_before_they_leave_it() -> None:
    async with long_entry() as (pilot, app, transcript):
        entry, top = transcript.cursor, transcript.top
        await pilot.press("j")
        assert (transcript.cursor, transcript.top) == (entry, top + 1)
        while transcript.cursor == entry:
            before = numbers(app)
            await pilot.press("j")
            await settle(pilot)
        assert before[-1] == 39
        await pilot.press("k", "k")
        await settle(pilot)
        assert transcript.cursor == entry
        while transcript.cursor == entry:
            before = numbers(app)
            await pilot.press("k")
            await settle(pilot)
        assert before[0] == 0
        assert transcript.cursor == entry - 1


async def test_an_entry_that_is_closed_in_its_middle_stays_in_view() -> None:
    async with long_entry() as (pilot, app, transcript):
        await pilot.press("pagedown", "pagedown", "enter")
        await settle(pilot)
        assert numbers(app) == []
        first, end = transcript.seen()
        assert first <= transcript.cursor < end


async def test_while_one_writes_the_footer_shows_only_the_keys_of_the_line() -> None:
    app = observer(until(RUNNING), control=Remembering())
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j")
        before = screen_text(app)[-1]
        await pilot.press("s")
        await settle(pilot)
        assert screen_text(app)[-1] == " Enter send   Esc keep for later"
        await pilot.press("escape")
        await settle(pilot)
        assert screen_text(app)[-1] == before
