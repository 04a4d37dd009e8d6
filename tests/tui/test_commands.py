"""What a person asks for by keys, and what comes back of it."""

import pytest

from crew.commands import Answer, Cancel, FollowUp, Pause, Resume, Steer, Step
from crew.events import (
    CommandAccepted,
    CommandRefused,
    PermissionAsked,
    RunEnded,
    SessionStatus,
    SteerDelivered,
)
from crew.records import FileChange, Status
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


async def test_letters_are_text_where_one_writes_and_a_draft_is_kept() -> None:
    control = Remembering()
    app = observer(until(RUNNING), control=control)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "s", *"xqp", "escape")
        await pilot.press("s", *"j", "enter")
        await settle(pilot)
    assert [(type(each), getattr(each, "text", "")) for each in control.sent] == [(Steer, "xqpj")]


@pytest.mark.parametrize("other", ["n", "f", "j", "z", "ctrl+p"])
async def test_any_other_key_settles_the_question_whether_to_cancel(other: str) -> None:
    control = Remembering()
    app = observer(until(RUNNING), control=control)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "x", other)
        if other == "ctrl+p":
            await pilot.press("escape")
        await settle(pilot)
        assert "again cancels it" not in "".join(screen_text(app))
        await pilot.press("x")
        await settle(pilot)
    assert control.sent == []


async def test_a_key_that_does_nothing_now_says_why() -> None:
    app = observer(until(RUNNING), control=Remembering())
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("G", "s")
        await settle(pilot)
        assert "say something into its work: it has not started" in "".join(screen_text(app))


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


async def test_an_answer_that_something_newer_replaced_stays_away_until_it_changes() -> None:
    control = Remembering()
    feed = OpenFeed(until(RUNNING), golden_transcripts())
    app = observer(control=control, feed=feed)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "s", "h", "i", "enter")
        feed.tell(CommandAccepted(seq=51, session="code-review", command=control.sent[0]))
        await settle(pilot)
        await pilot.press("r", "j")
        await settle(pilot)
        assert "steer code-review: accepted" not in "".join(screen_text(app)[-3:])
        await pilot.press("k", "enter")
        await settle(pilot)
        assert "steer code-review: accepted" not in "".join(screen_text(app)[-3:])
        feed.tell(SteerDelivered(seq=52, session="code-review", command="sent-1", turn=5))
        await settle(pilot)
        assert "steer code-review: delivered at turn 5" in "".join(screen_text(app)[-3:])


async def test_an_answer_that_comes_takes_the_place_of_what_was_said_before() -> None:
    control = Remembering()
    feed = OpenFeed(until(RUNNING), golden_transcripts())
    app = observer(control=control, feed=feed)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "p", "r")
        await settle(pilot)
        assert any("there is no result yet" in line for line in screen_text(app))
        feed.tell(CommandAccepted(seq=51, session="code-review", command=control.sent[0]))
        await settle(pilot)
        assert any("holds at its next checkpoint" in line for line in screen_text(app))


async def test_a_word_said_before_another_screen_came_is_gone_when_one_is_back() -> None:
    app = observer(until(RUNNING), control=Remembering())
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("G", "s")
        await settle(pilot)
        assert any("it has not started" in line for line in screen_text(app))
        await pilot.press("ctrl+p")
        await pilot.pause()
        await pilot.press("escape")
        await settle(pilot)
        assert not any("it has not started" in line for line in screen_text(app))


@pytest.mark.parametrize("keys", ["g j x", "ctrl+c", "G s"])
async def test_the_end_of_a_run_takes_the_place_of_what_was_asked_and_said_before(
    keys: str,
) -> None:
    feed = OpenFeed(until(RUNNING), golden_transcripts())
    app = observer(control=Remembering(), feed=feed)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press(*keys.split())
        await settle(pilot)
        feed.tell(RunEnded(seq=51, status=Status.CANCELLED))
        await settle(pilot)
        assert screen_text(app)[-2].strip() == "cancelled"


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


def _asked(path: str, lines: int, *, exists: bool) -> PermissionAsked:
    content = [f"line {number}" for number in range(1, lines + 1)]
    return PermissionAsked(
        seq=51,
        session="code-review",
        request="p-9",
        tool="write",
        preview=path,
        args={"path": path, "content": "\n".join(content)},
        change=FileChange(path=path, exists=exists, diff="\n".join(f"+{line}" for line in content)),
    )


@pytest.mark.parametrize(
    ("exists", "fate"), [(True, "overwrites what is there"), (False, "new file")]
)
async def test_a_card_names_the_file_and_what_becomes_of_it(exists: bool, fate: str) -> None:
    feed = OpenFeed([*until(RUNNING), _asked("src/a.py", 2, exists=exists)], golden_transcripts())
    app = observer(control=Remembering(), feed=feed)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("a")
        await settle(pilot)
        (head,) = (line for line in screen_text(app) if "asks to use write" in line)
        assert "code-review asks to use write: src/a.py" in head
        assert head.rstrip().endswith(fate)


async def test_a_path_that_is_too_long_for_the_line_is_told_whole_below_it() -> None:
    path = "/".join(["folder"] * 20 + ["last.py"])
    feed = OpenFeed([*until(RUNNING), _asked(path, 2, exists=True)], golden_transcripts())
    app = observer(control=Remembering(), feed=feed)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("a")
        await settle(pilot)
        assert "last.py" in "".join(screen_text(app))


async def test_all_that_is_approved_can_be_read_on_the_card() -> None:
    feed = OpenFeed([*until(RUNNING), _asked("src/a.py", 40, exists=False)], golden_transcripts())
    control = Remembering()
    app = observer(control=control, feed=feed)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("a")
        await settle(pilot)

        def shown() -> list[int]:
            lines = (line.split("+line ") for line in screen_text(app) if "│ +line " in line)
            return [int(line[1]) for line in lines]

        assert shown() == [1, 2, 3, 4, 5, 39, 40]
        assert any("33 more lines: j/k PgDn/PgUp g/G scroll" in line for line in screen_text(app))
        read = set(shown())
        for _ in range(5):
            await pilot.press("pagedown")
            await settle(pilot)
            read |= set(shown())
        assert read == set(range(1, 41))
        await pilot.press("k")
        await settle(pilot)
        assert shown() == list(range(33, 40))
        assert any("lines 33 to 39 of 40" in line for line in screen_text(app))
        await pilot.press("g", "j")
        await settle(pilot)
        assert shown() == list(range(2, 9))
        await pilot.press("G")
        await settle(pilot)
        assert shown() == list(range(34, 41))
        await pilot.press("o")
        await settle(pilot)
    assert [type(each) for each in control.sent] == [Answer]


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


async def test_a_search_says_what_its_keys_do() -> None:
    app = observer(until(RUNNING))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "enter", "slash")
        await settle(pilot)
        assert screen_text(app)[-1] == " Enter search   Esc back"
