from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest

from crew.commands import Answer, Cancel, Command, FollowUp, Pause, Resume, Retry, Steer, Step
from crew.events import (
    CommandAccepted,
    CommandRefused,
    Event,
    KnownEvent,
    Notice,
    PermissionAnswered,
    ResultSubmitted,
    RunContinued,
    RunEnded,
    RunPaused,
    SessionEnded,
    SessionStatus,
    TaskAdded,
    TaskEnded,
    TasksReopened,
    TaskStarted,
    Unknown,
)
from crew.records import ArtifactRef, Failure, Status, Usage
from crew.view import RULES_NOTE, command_words, event_line
from tests.doubles.feeds import golden_events

AT = datetime(2026, 1, 31, 12, 4, 31, tzinfo=UTC)


def line(event: Event) -> str | None:
    said = event_line(event.model_copy(update={"at": AT}), tz=UTC)
    return said.removeprefix("12:04:31  ") if said else None


def test_a_line_has_time_name_and_words() -> None:
    ended = SessionEnded(session="code-review", status=Status.COMPLETED, turns=1, tools=2, at=AT)
    expected = "12:04:31  code-review       done (1 turn, 2 tool calls)"
    assert event_line(ended, tz=UTC) == expected


def test_times_are_those_of_the_given_zone() -> None:
    east = timezone(timedelta(hours=2))
    said = event_line(RunPaused(at=AT), tz=east)
    assert said is not None
    assert said.startswith("14:04:31  run")


def test_the_golden_run_has_every_kind_of_event_but_those_that_faults_and_recovery_need() -> None:
    kinds = {event.kind for event in golden_events()} - {"weather.changed"}
    union, _ = get_args(KnownEvent)
    known = {member.model_fields["kind"].default for member in get_args(union)}
    assert kinds == known - {"run.continued", "tasks.reopened", "tool.began", "session.model"}


def test_a_run_that_is_taken_up_says_why() -> None:
    lost = RunContinued(reason="interrupted", version="1")
    assert (line(lost) or "").endswith("was interrupted, and goes on")
    again = RunContinued(reason="retry", tasks=("a", "b"), version="1")
    assert (line(again) or "").endswith("runs again: a, b")
    fork = RunContinued(reason="fork", version="1")
    assert (line(fork) or "").endswith("goes on from there")
    live = TasksReopened(tasks=("a", "b"))
    assert (line(live) or "").endswith("run               runs again: a, b")


def test_every_line_is_one_line() -> None:
    said = [event_line(event, tz=UTC) for event in golden_events()]
    assert all("\n" not in line for line in said if line)


@pytest.mark.parametrize(
    "event",
    [
        TaskAdded(task="t", step="t", role="r"),
        TaskStarted(task="t", attempt=1),
        TaskEnded(task="t", status="completed", attempt=1),
        TaskEnded(task="t", status="cancelled", attempt=1),
        SessionStatus(session="s", status=Status.RUNNING),
        SessionStatus(session="s", status=Status.WAITING, reason="permission for shell"),
        CommandAccepted(command=Pause(id="c")),
        CommandAccepted(command=Answer(id="c", request="p", decision="deny")),
        CommandAccepted(command=Retry(id="c", task="t")),
        Unknown(kind="new", raw={}),
    ],
)
def test_what_another_line_tells_has_none(event: Event) -> None:
    assert line(event) is None


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            RunEnded(status=Status.FAILED, error=Failure(title="Disk", message="it is full")),
            "run               failed: it is full",
        ),
        (
            RunEnded(status=Status.COMPLETED, usage=Usage(input_tokens=1200, cost=0.5)),
            "run               done (1.2k tokens, $0.500)",
        ),
        (
            TaskEnded(
                task="t",
                status="unreachable",
                error=Failure(title="Unreachable", message="it needs a"),
            ),
            "t                 not reached: it needs a",
        ),
        (TaskEnded(task="t", status="skipped"), "t                 task skipped"),
        (TaskEnded(task="t", status="cancelled"), "t                 task cancelled"),
        (
            SessionStatus(session="s", status=Status.PAUSED, reason="paused"),
            "s                 paused",
        ),
        (
            PermissionAnswered(session="s", request="p", decision="deny", reason="no\nway"),
            "s                 denied: no way",
        ),
        (Notice(text="a\x1b[31mb"), "run               ab"),
        (
            ResultSubmitted(
                session="s",
                result=ArtifactRef(name="r", sha256="0" * 64, size=1),
                preview=f"{RULES_NOTE}. No findings.",
            ),
            "s                 result: No findings.",
        ),
        (
            CommandAccepted(command=Cancel(id="c", session="s")),
            "s                 cancel",
        ),
        (
            CommandRefused(command=Step(id="c", session="s"), reason="it is not paused"),
            "s                 refused: step: it is not paused",
        ),
    ],
)
def test_an_event_is_told_in_words(event: Event, words: str) -> None:
    assert line(event) == words


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (Steer(id="c", session="s", text="a\nb"), "steer: a b"),
        (FollowUp(id="c", session="s", text="x"), "follow-up: x"),
        (Pause(id="c"), "pause"),
        (Pause(id="c", hard=True), "pause at once"),
        (Resume(id="c"), "resume"),
        (Step(id="c", session="s"), "step"),
        (Cancel(id="c", scope="turn", session="s"), "cancel the turn"),
        (Cancel(id="c", reason="enough"), "cancel: enough"),
        (Answer(id="c", request="p", decision="allow_session"), "answer: allowed for this session"),
    ],
)
def test_a_command_is_told_in_words(command: Command, words: str) -> None:
    assert command_words(command) == words
