"""What a run came to, and why there is nothing to show, in words."""

from dataclasses import replace

from crew.commands import Pause
from crew.events import CommandAccepted, RunEnded, SessionStatus
from crew.records import Failure, Status
from crew.view import (
    RunView,
    Tone,
    empty_words,
    ending_words,
    interrupted,
    outline,
    replay,
    row_at,
)
from tests.doubles.feeds import golden_events


def until(seq: int) -> RunView:
    return replay(event for event in golden_events() if event.seq <= seq)


def ended(status: Status, error: Failure | None = None) -> RunView:
    return replay(
        [event for event in golden_events() if event.seq <= 35]
        + [RunEnded(seq=90, status=status, error=error)]
    )


def test_a_run_that_goes_on_has_come_to_nothing_yet() -> None:
    assert ending_words(RunView()) is None
    assert ending_words(until(35)) is None


def test_a_run_that_is_over_says_what_it_came_to_and_the_mend() -> None:
    assert ending_words(until(50), "approve, no findings") == (Tone.GOOD, "approve, no findings")
    assert ending_words(until(50)) == (Tone.GOOD, "done")
    failure = Failure(title="Model", message="no\nkey", hint="set one")
    assert ending_words(ended(Status.FAILED, failure)) == (Tone.BAD, "failed: no key · set one")
    assert ending_words(ended(Status.CANCELLED)) == (Tone.SECONDARY, "cancelled")
    gone = replace(interrupted(until(35)), run="r-1")
    assert ending_words(gone) == (Tone.BAD, "its process is gone; go on: crew resume r-1")


def test_an_empty_transcript_says_why() -> None:
    view = until(50)
    running = until(8).sessions["explore"]
    assert empty_words(None, read=True, lines=0) == "this session has not begun"
    assert empty_words(running, read=False, lines=0) == "reading"
    assert empty_words(running, read=True, lines=0) == "nothing is written yet"
    assert "missing" in empty_words(view.sessions["explore"], read=True, lines=0)
    assert empty_words(running, read=True, lines=9) == "nothing of this kind is here"


def test_a_session_that_is_asked_to_hold_says_so_until_it_does() -> None:
    pause = Pause(id="p", session="code-review")
    events = [event for event in golden_events() if event.seq <= 35]
    asked = [*events, CommandAccepted(seq=60, session="code-review", command=pause)]

    def doing(view: RunView) -> str:
        places = {place.session: place for place in outline(view)}
        return row_at(view, places["code-review"]).doing

    assert not doing(replay(events)).startswith("pausing: ")
    assert doing(replay(asked)).startswith("pausing: ")
    held = SessionStatus(seq=61, session="code-review", status=Status.PAUSED, reason="paused")
    assert doing(replay([*asked, held])) == "paused"
