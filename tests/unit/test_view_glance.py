"""The lines around the panes, and what a person can do: pure functions of the view."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crew.commands import Answer, Cancel, Pause, Resume, Steer, Step
from crew.events import (
    CommandAccepted,
    PermissionAnswered,
    RunContinued,
    RunPaused,
    SessionModel,
    SessionStatus,
)
from crew.records import TERMINAL, Status
from crew.view import (
    Deed,
    Mark,
    RunFold,
    RunView,
    command_for,
    crumbs,
    fallback_words,
    foremost_session,
    held,
    interrupted,
    latest_session,
    now_words,
    pause_deed,
    possible,
    replay,
    reply_words,
    run_state,
    session_order,
    session_stats,
    session_title,
    total_words,
)
from tests.doubles.feeds import golden_events, golden_items

NOON = datetime(2026, 1, 31, 12, 5, tzinfo=UTC)


def until(seq: int) -> RunView:
    return replay(event for event in golden_events() if event.seq <= seq)


def test_crumbs_lead_from_the_run_to_the_session() -> None:
    view = until(35)
    assert [c.name for c in crumbs(view)] == ["review"]
    assert [(c.name, c.session) for c in crumbs(view, "code-review.explorer-1")] == [
        ("review", ""),
        ("code-review", "code-review"),
        ("explorer-1", "code-review.explorer-1"),
    ]


def test_the_run_says_how_it_stands() -> None:
    start = datetime(2026, 1, 31, 12, 4, 30, tzinfo=UTC)
    assert run_state(RunView(), start) == (Mark.PENDING, "starting")
    assert run_state(until(12), start + timedelta(seconds=64)) == (Mark.RUNNING, "running  1m 04s")
    assert run_state(until(17), start)[1].startswith("waits for 1 permission")
    assert run_state(until(30), start)[1].startswith("pausing: 1 session at work")
    assert run_state(until(50), NOON) == (Mark.DONE, "done  17s")


def test_a_run_that_is_fully_paused_says_so() -> None:
    fold = RunFold()
    for event in golden_events():
        if event.seq <= 30:
            fold.apply(event)
    fold.apply(SessionStatus(seq=60, session="security-review~2", status=Status.PAUSED))
    assert run_state(fold.view, NOON)[1].startswith("paused: nothing runs")


def test_a_session_that_waits_for_its_paused_child_does_not_work() -> None:
    fold = RunFold()
    for event in golden_events():
        if event.seq <= 17:
            fold.apply(event)
    fold.apply(SessionStatus(seq=60, session="security-review", status=Status.PAUSED))
    fold.apply(RunPaused(seq=61))
    assert run_state(fold.view, NOON)[1].startswith("pausing: 1 session at work")
    child = "code-review.explorer-1"
    fold.apply(SessionStatus(seq=62, session=child, status=Status.PAUSED))
    assert run_state(fold.view, NOON)[1].startswith("paused: nothing runs")


def test_titles_totals_and_figures_are_told_in_words() -> None:
    view = replay(golden_items())
    assert session_title(view, "security-review~2", session_order(view)) == (
        Mark.DONE,
        "done · security-reviewer · anthropic:claude-sonnet · attempt 2 · session 5 of 6",
    )
    assert session_title(view, "nobody", ())[1] == "this session has not begun"
    assert total_words(view) == (
        "4 of 4 tasks done · 0 of 6 sessions at work · 58.4k tokens · cost unknown · 20 tool calls"
    )
    assert total_words(view, width=70) == (
        "4 of 4 tasks done · 0 of 6 sessions at work · 58.4k tokens"
    )
    told = session_stats(view, view.sessions["code-review"], NOON)
    assert told == "4 turns · 6 tool calls · 22.0k tokens · $0.078 · 10s"


def test_a_session_is_titled_by_the_model_that_answers_it() -> None:
    fold = RunFold()
    for item in golden_items():
        if getattr(item, "seq", 0) <= 35:
            fold.apply(item)
    fold.apply(SessionModel(seq=60, session="code-review", model="openai:gpt"))
    fold.apply(SessionModel(seq=61, session="code-review", model="ollama:small"))
    title = session_title(fold.view, "code-review", ())[1]
    assert title == "running · reviewer · ollama:small (fallback)"
    assert fallback_words(fold.view) == (
        "code-review went on with ollama:small, after anthropic:claude-sonnet",
    )
    fold.apply(RunContinued(seq=62, reason="interrupted", version="0.1.0"))
    title = session_title(fold.view, "code-review", ())[1]
    assert title == "running · reviewer · anthropic:claude-sonnet"
    assert fallback_words(fold.view) == ()


def test_what_is_spent_of_a_limit_is_told_beside_it() -> None:
    limits = {"tokens": 200_000.0, "cost": 2.5, "turns": 100.0, "time": 600.0}
    view = replace(until(52), budget=limits)
    assert total_words(view) == (
        "4 of 4 tasks done · 0 of 6 sessions at work · 58.4k/200k tokens · cost unknown/$2.50 · "
        "16/100 turns · 20 tool calls"
    )


def test_what_happens_now_has_a_hint_where_something_went_wrong() -> None:
    view = until(35)
    assert now_words(None) == (Mark.PENDING, "waiting to begin", "")
    assert now_words(view.sessions["code-review"], writing=True)[1] == "writing"
    assert now_words(view.sessions["security-review"]) == (
        Mark.FAILED,
        "failed: the provider is overloaded after 4 tries",
        "try again later",
    )


def test_one_looks_first_at_who_asks_then_at_who_works() -> None:
    assert foremost_session(until(17)) == "security-review"
    assert foremost_session(until(14)) == "code-review"
    assert foremost_session(until(19)) == "code-review.explorer-1"
    assert foremost_session(until(50)) == "verify"
    assert foremost_session(RunView()) is None
    assert latest_session(until(9)) == "explore"
    assert latest_session(RunView()) is None


def test_a_run_without_its_process_has_nothing_that_goes_on() -> None:
    view = interrupted(until(17))
    assert view.status is Status.INTERRUPTED
    assert all(known.over and known.ended for known in view.sessions.values())
    assert view.asks == ()
    assert possible(view, "code-review") == frozenset()
    ended = until(50)
    assert interrupted(ended) is ended


@given(st.integers(0, 50))
def test_any_part_of_a_run_can_be_told(seq: int) -> None:
    view = until(seq)
    assert run_state(view, NOON)[1]
    assert total_words(view)
    assert set(session_order(view)) <= set(view.sessions)
    for known in view.sessions.values():
        assert session_title(view, known.id, session_order(view))[1]
        assert session_stats(view, known, NOON)
        assert crumbs(view, known.id)[-1].session == known.id
        if known.status in TERMINAL:
            assert not possible(view, known.id) & {Deed.STEER, Deed.PAUSE, Deed.CANCEL, Deed.STEP}


def test_the_pause_key_goes_from_soft_to_hard_to_on() -> None:
    fold = RunFold()
    for event in golden_events():
        if event.seq <= 35:
            fold.apply(event)
    assert pause_deed(fold.view, "code-review") is Deed.PAUSE
    pause = Pause(id="p", session="code-review")
    fold.apply(CommandAccepted(seq=60, session="code-review", command=pause))
    assert held(fold.view, "code-review")
    assert pause_deed(fold.view, "code-review") is Deed.PAUSE_HARD
    assert reply_words(fold.view, fold.view.commands["p"]) == (
        True,
        "pause code-review: holds at its next checkpoint; pause again: at once",
    )
    fold.apply(SessionStatus(seq=61, session="code-review", status=Status.PAUSED))
    assert pause_deed(fold.view, "code-review") is Deed.RESUME
    assert Deed.STEP in possible(fold.view, "code-review")
    assert reply_words(fold.view, fold.view.commands["p"])[1] == "pause code-review: paused"
    resume = Resume(id="r", session="code-review")
    fold.apply(CommandAccepted(seq=62, session="code-review", command=resume))
    fold.apply(SessionStatus(seq=63, session="code-review", status=Status.RUNNING))
    assert pause_deed(fold.view, "code-review") is Deed.PAUSE
    assert pause_deed(fold.view, "explore") is None


def test_every_deed_but_an_answer_is_a_command() -> None:
    made = {
        deed: command_for(deed, command="c", session="work", text="hi")
        for deed in Deed
        if deed is not Deed.ANSWER
    }
    assert made[Deed.STEER] == Steer(id="c", session="work", text="hi")
    assert made[Deed.PAUSE_HARD] == Pause(id="c", session="work", hard=True)
    assert made[Deed.STEP] == Step(id="c", session="work")
    assert made[Deed.CANCEL_RUN] == Cancel(id="c", reason="by the person")
    assert made[Deed.RESUME_RUN] == Resume(id="c")


def test_every_fate_of_a_command_is_told() -> None:
    view = until(50)
    told = [reply_words(view, known) for known in view.commands.values()]
    assert (False, "steer explore: refused: session explore has ended") in told
    assert (True, "steer code-review: delivered at turn 3") in told
    undelivered = "follow-up verify: not delivered: the session ended first: completed"
    assert (False, undelivered) in told
    answer = Answer(id="a", request="p-1", decision="allow")
    known = replace(next(iter(view.commands.values())), command=answer, state="accepted")
    assert reply_words(view, known) == (True, "answer: taken")


def test_a_run_whose_live_sessions_are_all_paused_is_not_at_work() -> None:
    fold = RunFold()
    for event in golden_events():
        if event.seq <= 35:
            fold.apply(event)
    live = [known for known in fold.view.sessions.values() if not known.over]
    assert len(live) == 2
    fold.apply(SessionStatus(seq=60, session=live[0].id, status=Status.PAUSED))
    assert run_state(fold.view, NOON)[0] is Mark.RUNNING
    assert "1 of" in total_words(fold.view)
    fold.apply(SessionStatus(seq=61, session=live[1].id, status=Status.PAUSED))
    state, words = run_state(fold.view, NOON)
    assert (state, words.startswith("paused")) == (Mark.PAUSED, True)
    assert "0 of" in total_words(fold.view)


def test_a_parent_of_paused_children_alone_counts_as_paused_and_holds_when_they_end() -> None:
    fold = RunFold()
    for event in golden_events():
        if event.seq <= 17:
            fold.apply(event)
    parent, child = "code-review", "code-review.explorer-1"
    for ask in fold.view.asks:
        fold.apply(
            PermissionAnswered(seq=59, session=ask.session, request=ask.request, decision="deny")
        )
    others = [
        each.id for each in fold.view.sessions.values() if not each.over and each.id != parent
    ]
    assert child in others
    for seq, other in enumerate(others, start=60):
        fold.apply(SessionStatus(seq=seq, session=other, status=Status.PAUSED))
    assert fold.view.resting == {*others, parent}
    assert run_state(fold.view, NOON)[0] is Mark.PAUSED
    for seq, hard in ((80, False), (81, True)):
        fold.apply(CommandAccepted(seq=seq, command=Pause(id="p", session=parent, hard=hard)))
        told = reply_words(fold.view, fold.view.commands["p"])[1]
        assert told == "pause code-review: holds when its children end"
