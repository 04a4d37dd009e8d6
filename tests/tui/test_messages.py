"""The messages of a run, driven by keys."""

import pytest

from crew.commands import Pause, Steer
from crew.events import CommandAccepted, SteerDelivered
from crew.tui import Subject
from crew.tui.messages_screen import MessagesScreen
from crew.tui.run_screen import RunScreen
from crew.tui.session_screen import SessionScreen
from tests.doubles.feeds import MemoryFeed
from tests.doubles.observers import (
    OpenFeed,
    Remembering,
    observer,
    screen_text,
    settle,
    stage,
    until,
)
from tests.doubles.transcripts import golden_transcripts

SIZE = (100, 30)
ASKED, RUNNING = 17, 35
"""The golden run while something is asked, and while two sessions work."""


def selected(text: list[str]) -> str:
    return next(line for line in text if line.startswith("▌"))


async def test_m_shows_what_was_said_newest_last_and_comes_back() -> None:
    app = observer(until(RUNNING))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "m messages" in screen_text(app)[-1]
        await pilot.press("m")
        await settle(pilot)
        text = screen_text(app)
        assert text[0].startswith(" review > messages")
        assert text[1] == " 5 messages · 1 not delivered or refused"
        assert "person -> explore" in selected(text)
        assert any("code-review -> explorer-1  task" in line for line in text)
        await pilot.press("k", "k")
        await settle(pilot)
        assert "look at the rounding in" in selected(screen_text(app))
        assert " look at the rounding in split()" in screen_text(app)
        await pilot.press("m")
        await settle(pilot)
        assert isinstance(app.stage, RunScreen)


@pytest.mark.parametrize(
    ("row", "session", "entry"),
    [
        (0, "security-review", ""),
        (1, "code-review.explorer-1", "task"),
        (2, "code-review", "look at the rounding in split()"),
    ],
)
async def test_enter_goes_to_the_entry_and_escape_comes_back_to_the_message(
    row: int, session: str, entry: str
) -> None:
    app = observer(until(RUNNING))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("m", "g", *"j" * row)
        await settle(pilot)
        before = selected(screen_text(app))
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.stage, SessionScreen)
        assert app.stage.session == session
        if entry:
            assert entry in selected(screen_text(app))
        await pilot.press("escape")
        if "." in session:  # a child's screen goes up to its parent first
            await pilot.press("escape")
        await settle(pilot)
        assert isinstance(app.stage, MessagesScreen)
        assert selected(screen_text(app)) == before


async def test_enter_goes_to_the_one_of_several_messages_that_wait() -> None:
    said = [Steer(id=f"s{at}", session="code-review", text=f"more {at}") for at in range(3)]
    told = [
        CommandAccepted(session="code-review", command=each, seq=900 + at)
        for at, each in enumerate(said)
    ]
    app = observer([*until(RUNNING), *told])
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("m", "k", "enter")
        await settle(pilot)
        assert isinstance(app.stage, SessionScreen)
        assert "more 1" in selected(screen_text(app))


async def test_what_is_sent_from_here_is_from_you_and_goes_on_from_queued() -> None:
    feed = OpenFeed(until(RUNNING), golden_transcripts())
    control = Remembering()
    app = observer(feed=feed, control=control)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("m", "g", "j", "j", "s", *"hi", "enter", "G")
        await settle(pilot)
        (steer,) = control.sent
        assert isinstance(steer, Steer)
        assert steer.session == "code-review"
        accepted = CommandAccepted(session="code-review", command=steer, seq=900)
        feed.tell(accepted)
        await settle(pilot)
        text = screen_text(app)
        assert "you -> code-review" in selected(text)
        assert selected(text).rstrip(" ▐").endswith("queued")
        assert "1 queued" in text[1]
        feed.tell(SteerDelivered(session="code-review", command=steer.id, turn=7, seq=901))
        await settle(pilot)
        assert "delivered at turn 7" in selected(screen_text(app))


async def test_what_was_sent_from_here_is_still_from_you_when_the_run_is_taken_up() -> None:
    steer = Steer(id="sent-1", session="code-review", text="hi")
    said = CommandAccepted(session="code-review", command=steer, seq=900)

    def again(_task: str) -> Subject:
        items = [*until(RUNNING), said.model_copy(update={"seq": 36})]
        return Subject(feed=MemoryFeed(items, golden_transcripts()), control=Remembering())

    feed = OpenFeed(until(RUNNING), golden_transcripts())
    app = observer(feed=feed, control=Remembering(), again=again)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "s", *"hi", "enter")
        await settle(pilot)
        feed.tell(said)
        app.lost()
        await settle(pilot)
        await pilot.press("R", "R")
        await settle(pilot)
        row = selected(screen_text(app))
        assert "code-review" in row
        await pilot.press("m")
        await settle(pilot)
        assert "you -> code-review" in selected(screen_text(app))


async def test_going_up_leaves_the_end_says_what_came_below_and_f_follows_again() -> None:
    feed = OpenFeed(until(RUNNING), golden_transcripts())
    app = observer(feed=feed)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("m")
        await settle(pilot)
        assert "f follow" not in screen_text(app)[-1]
        await pilot.press("k")
        await settle(pilot)
        assert "f follow" in screen_text(app)[-1]
        before = selected(screen_text(app))
        for at in range(2):
            said = Steer(id=f"s{at}", session="code-review", text=f"more {at}")
            feed.tell(CommandAccepted(session="code-review", command=said, seq=900 + at))
        await settle(pilot)
        assert selected(screen_text(app)) == before
        assert "2 new below" in screen_text(app)[1]
        await pilot.press("f")
        await settle(pilot)
        assert "more 1" in selected(screen_text(app))
        assert "new below" not in screen_text(app)[1]


async def test_t_and_m_change_between_the_board_and_the_messages() -> None:
    app = observer(until(RUNNING))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("m", "g", "j", "j", "t")
        await settle(pilot)
        assert stage(app).NAME == "tasks"
        assert "code-review" in selected(screen_text(app))
        await pilot.press("m")
        await settle(pilot)
        assert stage(app).NAME == "messages"
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(app.stage, RunScreen)


async def test_keys_are_about_the_session_of_the_message() -> None:
    control = Remembering()
    app = observer(until(RUNNING), control=control)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("m", "g", "j", "j", "p")
        await settle(pilot)
        (sent,) = control.sent
        assert isinstance(sent, Pause)
        assert sent.session == "code-review"


async def test_a_question_that_waits_is_answered_from_here() -> None:
    app = observer(until(ASKED), control=Remembering())
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("m")
        await settle(pilot)
        text = screen_text(app)
        assert any("waits for an answer" in line for line in text[3:])
        assert "1 question waits for an answer" in text[1]
        await pilot.press("a")
        await settle(pilot)
        assert any("asks to use shell" in line for line in screen_text(app))


async def test_why_a_message_was_not_delivered_stands_below() -> None:
    app = observer()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("m")
        await settle(pilot)
        text = screen_text(app)
        assert " follow-up from person to verify · undelivered" in text
        assert " the session ended first: completed" in text


async def test_where_nothing_was_said_the_pane_says_what_will_be_here() -> None:
    app = observer([])
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("m", "enter")
        await settle(pilot)
        text = screen_text(app)
        assert text[1] == " no messages"
        assert "  nothing said yet: your steers, agents' questions and tasks will show here" in text
        assert "Enter" not in text[-1]


@pytest.mark.parametrize("moves", ["", "k k", "g"])
async def test_looking_at_the_messages_leaves_the_row_of_the_run_as_it_was(moves: str) -> None:
    app = observer(until(RUNNING))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j")
        await settle(pilot)
        before = selected(screen_text(app))
        await pilot.press("m", *moves.split())
        await settle(pilot)
        await pilot.press("escape")
        await settle(pilot)
        assert selected(screen_text(app)) == before


@pytest.mark.parametrize(("key", "trail"), [("m", "review > messages"), ("t", "review > tasks")])
async def test_messages_and_tasks_open_over_a_session_and_lead_back_to_it(
    key: str, trail: str
) -> None:
    app = observer(until(RUNNING))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "enter")
        await settle(pilot)
        for back in (key, "escape"):
            await pilot.press(key)
            await settle(pilot)
            assert trail in screen_text(app)[0]
            await pilot.press(back)
            await settle(pilot)
            assert isinstance(stage(app), SessionScreen)
            assert stage(app).session == "code-review"
