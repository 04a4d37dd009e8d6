"""What was said, folded from events and put into lines."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crew.commands import Answer, Cancel, Command, FollowUp, Pause, Retry, Steer
from crew.entries import Entry, PermissionEntry, SteerEntry, SystemEntry, UserEntry
from crew.events import (
    CommandAccepted,
    CommandRefused,
    Event,
    PermissionAnswered,
    PermissionAsked,
    ResultSubmitted,
    RunEnded,
    RunStarted,
    SessionEnded,
    SessionStarted,
    SteerDelivered,
    SteerUndelivered,
)
from crew.records import ArtifactRef, Failure, Status
from crew.view import (
    MessageFold,
    MessageRow,
    Tone,
    interrupted,
    message_details,
    message_row,
    message_sieve,
    messages_words,
    replay,
)
from tests.doubles.feeds import golden_events

T0 = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)

BEGUN: tuple[Event, ...] = (
    RunStarted(team="t", workflow="w", goal="", model="rules", workspace="/w", version="0.1.0"),
    SessionStarted(session="lead", role="lead", agent="lead", model="rules", max_turns=9),
)
CHILD = SessionStarted(
    session="lead.scout-1",
    role="scout",
    agent="scout",
    model="rules",
    max_turns=9,
    parent="lead",
    depth=1,
    title="Who calls split()?",
)
ASKED = PermissionAsked(session="lead", request="p", tool="shell", preview="ls -l", args={})


def numbered(events: Iterable[Event]) -> list[Event]:
    return [
        event.model_copy(update={"seq": seq, "at": T0 + timedelta(seconds=seq)})
        for seq, event in enumerate(events, start=1)
    ]


def fold_of(events: Iterable[Event]) -> MessageFold:
    fold = MessageFold()
    for event in events:
        fold.apply(event)
    return fold


def lines(*events: Event, mine: Sequence[str] = (), lost: bool = False) -> list[MessageRow]:
    told = numbered([*BEGUN, *events])
    view = interrupted(replay(told)) if lost else replay(told)
    return [message_row(view, each, tz=UTC, mine=mine) for each in fold_of(told).messages]


def accepted(command: Command) -> CommandAccepted:
    return CommandAccepted(session="lead", command=command)


STEER = Steer(id="c", session="lead", text="look at\nthe tests")
FOLLOW_UP = FollowUp(id="c", session="lead", text="then rest")


def test_the_golden_run_says_six_things_in_their_order() -> None:
    events = golden_events()
    view = replay(events)
    told = [message_row(view, each, tz=UTC) for each in fold_of(events).messages]
    assert [(row.at, row.way, row.kind, row.text, row.state) for row in told] == [
        (
            "12:04:35",
            "security-review -> person",
            "permission",
            "shell pip-audit -r requirements.txt",
            "allowed once",
        ),
        ("12:04:35", "code-review -> explorer-1", "task", "Who calls post_entry?", "done"),
        (
            "12:04:37",
            "person -> code-review",
            "steer",
            "look at the rounding in split()",
            "delivered at turn 3",
        ),
        (
            "12:04:40",
            "explorer-1 -> code-review",
            "result",
            "post_entry is called from 3 places",
            "done",
        ),
        ("12:04:41", "person -> explore", "steer", "also the docs", "refused"),
        ("12:04:46", "person -> verify", "follow-up", "name the commit", "undelivered"),
    ]


@pytest.mark.parametrize(
    ("after", "state", "tone", "still"),
    [
        ([], "queued", Tone.PERSON, True),
        ([SteerDelivered(command="c", turn=4)], "delivered at turn 4", Tone.SECONDARY, False),
        ([SteerUndelivered(command="c", reason="over")], "undelivered", Tone.BAD, False),
    ],
)
def test_a_steer_says_what_became_of_it(
    after: list[Event], state: str, tone: Tone, still: bool
) -> None:
    (row,) = lines(accepted(STEER), *after)
    assert (row.way, row.kind, row.text) == ("person -> lead", "steer", "look at the tests")
    assert (row.state, row.tone, row.open) == (state, tone, still)


def test_what_was_sent_from_here_is_from_you_and_the_rest_from_who_sent_it() -> None:
    other = FollowUp(id="d", by="cron", session="lead", text="then rest")
    rows = lines(accepted(STEER), accepted(other), mine=["c"])
    assert [row.way for row in rows] == ["you -> lead", "cron -> lead"]


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (PermissionAnswered(request="p", decision="allow"), "allowed once"),
        (PermissionAnswered(request="p", decision="allow_session"), "allowed for session"),
        (PermissionAnswered(request="p", decision="deny", reason="no"), "denied"),
        (SessionEnded(session="lead", status=Status.CANCELLED), "not answered"),
        (None, "waits for an answer"),
    ],
)
def test_a_permission_question_has_its_answer_in_its_line(answer: Event | None, state: str) -> None:
    (row,) = lines(ASKED, *([answer] if answer else []))
    assert (row.way, row.kind, row.text) == ("lead -> person", "permission", "shell ls -l")
    assert row.state == state
    assert row.open is (answer is None)


def test_a_question_of_a_run_whose_process_is_gone_is_not_answered() -> None:
    (row,) = lines(ASKED, lost=True)
    assert (row.state, row.open) == ("not answered", False)


def test_what_a_parent_asks_shows_how_its_child_stands_until_it_comes_back() -> None:
    (asked,) = lines(CHILD)
    assert (asked.way, asked.kind, asked.text) == ("lead -> scout-1", "task", "Who calls split()?")
    assert (asked.state, asked.open) == ("running", True)
    found = ArtifactRef(name="r", sha256="0" * 64, size=2)
    came_back = (
        ResultSubmitted(session="lead.scout-1", result=found, preview="three places"),
        SessionEnded(session="lead.scout-1", status=Status.COMPLETED),
    )
    asked, answer = lines(CHILD, *came_back)
    assert (asked.state, asked.open) == ("done", False)
    assert (answer.way, answer.kind) == ("scout-1 -> lead", "result")
    assert (answer.text, answer.state, answer.tone) == ("three places", "done", Tone.SECONDARY)


def test_a_child_that_failed_comes_back_with_its_error() -> None:
    failure = Failure(title="Model", message="the provider is overloaded")
    ended = SessionEnded(session="lead.scout-1", status=Status.FAILED, error=failure)
    asked, answer = lines(CHILD, ended)
    assert (answer.text, answer.state) == ("the provider is overloaded", "failed")
    assert (asked.tone, answer.tone) == (Tone.BAD, Tone.BAD)


def test_a_task_without_words_in_the_journal_points_at_the_transcript() -> None:
    (row,) = lines(CHILD.model_copy(update={"title": ""}))
    assert row.text == "its transcript has the words"


@pytest.mark.parametrize(
    ("command", "way", "kind", "text"),
    [
        (STEER, "person -> lead", "steer", "look at the tests"),
        (Pause(id="c", session="lead", hard=True), "person -> lead", "command", "pause at once"),
        (Cancel(id="c"), "person -> run", "command", "cancel"),
        (Retry(id="c", task="verify"), "person -> verify", "command", "retry verify"),
        (
            Answer(id="c", request="p-9", decision="allow"),
            "person -> p-9",
            "command",
            "answer: allowed",
        ),
    ],
)
def test_a_refused_command_is_a_line_with_why(
    command: Command, way: str, kind: str, text: str
) -> None:
    told = numbered([*BEGUN, CommandRefused(command=command, reason="too late", hint="retry")])
    (message,) = fold_of(told).messages
    row = message_row(replay(told), message, tz=UTC)
    assert (row.way, row.kind, row.text, row.state) == (way, kind, text, "refused")
    assert message_details(replay(told), message)[2] == "too late · retry"


def test_commands_that_say_nothing_to_anyone_are_no_messages() -> None:
    assert lines(accepted(Pause(id="c", session="lead")), accepted(Cancel(id="d"))) == []


def test_the_details_name_both_ends_whole_and_why() -> None:
    refused = PermissionAnswered(request="p", decision="deny", reason="not\nhere")
    told = numbered([*BEGUN, CHILD, ASKED, refused])
    view = replay(told)
    task, ask = fold_of(told).messages
    assert message_details(view, task) == (
        "task from lead to lead.scout-1 · running",
        "Who calls split()?",
        "",
    )
    assert message_details(view, ask) == (
        "permission from lead to person · denied",
        "shell ls -l",
        "not here",
    )


def test_the_sums_count_what_is_still_open_and_what_was_lost() -> None:
    told = numbered([*BEGUN, accepted(STEER), ASKED, CHILD])
    assert messages_words(replay(told), fold_of(told).messages) == (
        "3 messages · 1 queued · 1 question waits for an answer"
    )
    assert messages_words(replay(BEGUN), ()) == "no messages"


def entries_of(*events: Event) -> list[Entry]:
    """The entries of a transcript that the only message of these events is found by."""
    (message,) = fold_of(numbered([*BEGUN, *events])).messages
    sieve = message_sieve(message)
    late = T0 + timedelta(minutes=1)
    transcript: list[Entry] = [
        SystemEntry(text="You lead.", model="rules"),
        UserEntry(text="Who calls split()?"),
        PermissionEntry(call_id="0", tool="shell", preview="ls -l", decision="denied", at=T0),
        SteerEntry(text="another", command="b"),
        SteerEntry(text="look at the tests", command="c"),
        PermissionEntry(call_id="1", tool="shell", preview="rm", decision="denied", at=late),
        PermissionEntry(call_id="2", tool="shell", preview="ls -l", decision="allowed", at=late),
    ]
    if sieve is None:
        return []
    found = [entry for entry in transcript if sieve.wants(entry)]
    for entry in found:
        assert any(hint in entry.model_dump_json() for hint in sieve.hints)
    return found


def test_a_message_is_found_in_its_transcript() -> None:
    (steer,) = entries_of(accepted(STEER), SteerDelivered(command="c", turn=2))
    assert isinstance(steer, SteerEntry)
    assert steer.command == "c"
    (ask,) = entries_of(ASKED, PermissionAnswered(request="p", decision="allow"))
    assert isinstance(ask, PermissionEntry)
    assert ask.call_id == "2"
    (task,) = entries_of(CHILD)
    assert isinstance(task, UserEntry)


def test_what_is_in_no_transcript_is_at_its_end() -> None:
    assert entries_of(accepted(STEER)) == []
    assert entries_of(ASKED) == []


def test_only_the_newest_messages_are_held() -> None:
    fold = MessageFold(kept=3)
    for place in range(5):
        fold.apply(accepted(Steer(id=str(place), session="lead", text="hi")))
    assert [each.command for each in fold.messages] == ["2", "3", "4"]


def test_nothing_new_gives_the_same_object() -> None:
    fold = fold_of(numbered([*BEGUN, accepted(STEER)]))
    before = fold.messages
    fold.apply(ResultSubmitted(result=ArtifactRef(name="r", sha256="0" * 64, size=2)))
    assert fold.messages is before


ACTS: tuple[Event, ...] = (
    *golden_events(),
    *(accepted(command) for command in (STEER, FOLLOW_UP)),
    SteerDelivered(command="c", turn=1),
    ASKED,
    PermissionAnswered(request="p", decision="deny"),
    CHILD,
    SessionEnded(session="lead.scout-1", status=Status.COMPLETED),
    CommandRefused(command=Cancel(id="x"), reason="no"),
    RunEnded(status=Status.COMPLETED),
)
journals = st.lists(st.sampled_from(ACTS), max_size=40).map(numbered)


@settings(max_examples=80, deadline=None)
@given(journals, st.integers(1, 20))
def test_what_comes_twice_is_said_once(events: list[Event], back: int) -> None:
    again = [*events[:-back], *events[-2 * back :]]
    assert fold_of(again).messages == fold_of(events).messages


@settings(max_examples=80, deadline=None)
@given(journals)
def test_at_any_moment_a_message_keeps_its_place_and_can_be_told(events: list[Event]) -> None:
    fold = MessageFold()
    before: list[str] = []
    for at, event in enumerate(events, start=1):
        fold.apply(event)
        now = [each.key for each in fold.messages]
        assert now[: len(before)] == before
        assert len(now) == len(set(now))
        before = now
        assert fold.messages == fold_of(events[:at]).messages
    view = replay(events)
    for each in fold.messages:
        assert message_row(view, each, tz=UTC).way.count(" -> ") == 1
        message_details(view, each)
