from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crew.commands import Steer
from crew.events import (
    CommandAccepted,
    CommandRefused,
    Event,
    Notice,
    PermissionAnswered,
    PermissionAsked,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    SessionEnded,
    SessionStarted,
    SessionStatus,
    SteerDelivered,
    SteerUndelivered,
    TaskAdded,
    TaskEnded,
    TaskStarted,
    Unknown,
)
from crew.feed import FeedItem, Grew
from crew.progress import Progress
from crew.records import TERMINAL, Failure, Status, Usage
from crew.view import Mark, RunFold, RunView, replay, rows
from tests.doubles.feeds import golden_events, golden_items

T0 = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@dataclass
class Script:
    """Writes a journal that an engine could have written, with progress in between."""

    items: list[FeedItem] = field(default_factory=list)
    live: list[str] = field(default_factory=list)
    tasks: dict[str, int] = field(default_factory=dict)
    seq: int = 0
    sessions: int = 0

    def event(self, event: Event) -> None:
        self.seq += 1
        at = T0 + timedelta(seconds=self.seq)
        self.items.append(event.model_copy(update={"seq": self.seq, "at": at, "run": "r"}))

    def add_task(self) -> None:
        name = f"t{len(self.tasks)}"
        self.tasks[name] = 0
        self.event(TaskAdded(task=name, step=name, role="reviewer"))

    def start_task(self, pick: int) -> None:
        if not self.tasks:
            return
        name = sorted(self.tasks)[pick % len(self.tasks)]
        self.tasks[name] += 1
        self.event(TaskStarted(task=name, attempt=self.tasks[name]))
        self._start(task=name, parent=None, attempt=self.tasks[name])

    def spawn(self, pick: int) -> None:
        if self.live:
            self._start(task=None, parent=self.live[pick % len(self.live)], attempt=1)

    def progress(self, pick: int) -> None:
        # Progress may come before its session's first event and after its last.
        name = f"s{pick % (self.sessions + 2)}"
        self.items.append(
            Progress(session=name, status=Status.RUNNING, turn=pick, started=T0, updated=T0)
        )

    def end_session(self, pick: int) -> None:
        if not self.live:
            return
        name = self.live.pop(pick % len(self.live))
        status = sorted(TERMINAL)[pick % len(TERMINAL)]
        self.event(SessionEnded(session=name, status=status, turns=pick, tools=pick))

    def end(self) -> None:
        while self.live:
            self.end_session(0)
        self.event(RunEnded(status=Status.COMPLETED))

    def _start(self, *, task: str | None, parent: str | None, attempt: int) -> None:
        name = f"s{self.sessions}"
        self.sessions += 1
        self.live.append(name)
        self.event(
            SessionStarted(
                session=name,
                task=task,
                parent=parent,
                attempt=attempt,
                role="reviewer",
                agent="reviewer",
                model="rules",
                max_turns=30,
            )
        )


@st.composite
def runs(draw: st.DrawFn) -> list[FeedItem]:
    script = Script()
    script.event(
        RunStarted(team="t", workflow="w", goal="", model="rules", workspace="/w", version="0.1.0")
    )
    acts = st.sampled_from(["add", "start", "spawn", "progress", "end"])
    for act, pick in draw(st.lists(st.tuples(acts, st.integers(0, 9)), max_size=40)):
        match act:
            case "add":
                script.add_task()
            case "start":
                script.start_task(pick)
            case "spawn":
                script.spawn(pick)
            case "progress":
                script.progress(pick)
            case _:
                script.end_session(pick)
    script.end()
    return script.items


def events_of(items: Sequence[FeedItem]) -> list[Event]:
    return [item for item in items if not isinstance(item, Progress | Grew)]


def without_progress(view: RunView) -> RunView:
    sessions = {key: replace(value, progress=None) for key, value in view.sessions.items()}
    return replace(view, sessions=sessions)


@settings(max_examples=60, deadline=None)
@given(runs())
def test_a_run_watched_live_ends_as_the_same_view_as_its_replayed_journal(
    items: list[FeedItem],
) -> None:
    assert replay(items) == replay(events_of(items))


@settings(max_examples=40, deadline=None)
@given(runs())
def test_any_prefix_is_a_valid_view_and_progress_adds_nothing_but_progress(
    items: list[FeedItem],
) -> None:
    for end in range(len(items) + 1):
        view = replay(items[:end])
        assert without_progress(view) == without_progress(replay(events_of(items[:end])))
        listed = [row.session.id for row in rows(view) if row.session]
        assert len(listed) == len(set(listed))
        spawned = {key for key, session in view.sessions.items() if session.parent}
        assert spawned <= set(listed)
        assert view.totals.running == sum(not session.over for session in view.sessions.values())


@settings(max_examples=40, deadline=None)
@given(runs())
def test_a_row_never_moves_before_another(items: list[FeedItem]) -> None:
    fold = RunFold()
    before: list[str] = []
    for item in items:
        fold.apply(item)
        now = [row.key for row in rows(fold.view)]
        assert [key for key in now if key in set(before)] == before
        before = now


@settings(max_examples=40, deadline=None)
@given(runs(), st.integers(1, 20))
def test_an_event_that_comes_twice_counts_once(items: list[FeedItem], back: int) -> None:
    events = events_of(items)
    again = [*events[:-back], *events[-2 * back :]]
    assert replay(again) == replay(events)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(golden_events()), max_size=40))
def test_events_in_any_order_and_number_never_raise(events: list[Event]) -> None:
    fold = RunFold()
    for event in events:
        fold.apply(event.model_copy(update={"seq": 0}))
        rows(fold.view)


def test_the_last_event_told_again_counts_once() -> None:
    notice = Notice(seq=1, text="hello")
    assert len(replay([notice, notice]).notices) == 1


def test_a_session_without_task_and_parent_has_a_row_of_its_own() -> None:
    assert [row.key for row in rows(replay(started()))] == ["session:s"]


def test_the_golden_run_folds_to_its_header_tasks_and_totals() -> None:
    view = replay(golden_items())
    assert (view.team, view.goal, view.status) == (
        "review",
        "the change before the release",
        Status.COMPLETED,
    )
    assert list(view.tasks) == ["explore", "code-review", "security-review", "verify"]
    assert view.tasks["security-review"].sessions == ("security-review", "security-review~2")
    assert view.tasks["security-review"].attempt == 2
    assert view.sessions["code-review"].children == ("code-review.explorer-1",)
    totals = view.totals
    assert (totals.sessions, totals.running, totals.turns, totals.tools) == (6, 0, 16, 20)
    assert totals.usage.tokens == 58_410
    assert totals.usage.cost is None


def test_commands_keep_what_became_of_them() -> None:
    commands = replay(golden_items()).commands
    assert [(key, known.state, known.turn) for key, known in commands.items()] == [
        ("c-1", "delivered", 3),
        ("c-2", "accepted", None),
        ("c-3", "refused", None),
        ("c-4", "accepted", None),
        ("c-5", "undelivered", None),
    ]
    assert commands["c-3"].reason == "session explore has ended"


def test_a_permission_request_is_open_until_it_is_answered() -> None:
    asked = replay(event for event in golden_events() if event.at < T0 + timedelta(seconds=277))
    assert [ask.request for ask in asked.asks] == ["p-1"]
    assert asked.sessions["security-review"].status is Status.WAITING
    assert replay(golden_events()).asks == ()


def test_an_ended_session_has_no_open_requests() -> None:
    base = started()
    asked = PermissionAsked(session="s", request="p", tool="shell", preview="ls", args={})
    view = replay([*base, asked, SessionEnded(session="s", status=Status.CANCELLED)])
    assert view.asks == ()


def test_an_answer_finds_its_request_without_a_session() -> None:
    asked = PermissionAsked(session="s", request="p", tool="shell", preview="ls", args={})
    view = replay([*started(), asked, PermissionAnswered(request="p", decision="deny")])
    assert view.asks == ()


def test_progress_before_the_session_and_after_its_end() -> None:
    first, *rest = started()
    early = Progress(session="s", status=Status.RUNNING, turn=3, started=T0, updated=T0)
    fold = RunFold()
    assert not fold.apply(early)
    assert [fold.apply(item) for item in (first, *rest)] == [True] * (1 + len(rest))
    assert fold.view.sessions["s"].turns == 3
    fold.apply(SessionEnded(session="s", status=Status.COMPLETED, turns=4))
    assert not fold.apply(early)
    assert fold.view.sessions["s"].turns == 4


def test_a_view_is_one_object_until_something_changes() -> None:
    fold = RunFold()
    for item in started():
        fold.apply(item)
    before = fold.view
    assert not fold.apply(Grew(session="s"))
    assert fold.view is before
    fold.apply(Notice(text="hello"))
    assert fold.view is not before
    assert before.notices == ()


def test_a_paused_run_says_so_and_goes_on() -> None:
    assert replay([*started(), RunPaused()]).status is Status.PAUSED
    assert replay([*started(), RunPaused(), RunResumed()]).status is Status.RUNNING


def test_nothing_changes_the_status_of_a_run_that_ended() -> None:
    ended = RunEnded(status=Status.FAILED, error=Failure(title="Disk", message="full"))
    assert replay([*started(), ended, RunPaused()]).status is Status.FAILED


def test_a_session_keeps_its_final_status() -> None:
    ended = SessionEnded(session="s", status=Status.CANCELLED)
    late = SessionStatus(session="s", status=Status.RUNNING)
    assert replay([*started(), ended, late]).sessions["s"].status is Status.CANCELLED


def test_a_failed_attempt_leaves_its_task_pending_until_the_next() -> None:
    added = TaskAdded(task="t", step="t", role="r")
    failed = TaskEnded(task="t", status="failed", attempt=1, retry=True)
    view = replay([added, TaskStarted(task="t", attempt=1), failed])
    assert (view.tasks["t"].status, view.tasks["t"].ended) == ("pending", False)
    assert [row.doing for row in rows(view)] == ["trying again"]


def test_an_unknown_kind_changes_only_the_number() -> None:
    view = replay([*started(), Unknown(kind="new", seq=99, raw={})])
    assert replace(view, seq=0) == replace(replay(started()), seq=0)
    assert view.seq == 99


def test_steers_of_a_command_that_is_not_known_are_ignored() -> None:
    view = replay([SteerDelivered(command="c", turn=1), SteerUndelivered(command="c", reason="")])
    assert view.commands == {}


def test_only_the_newest_commands_and_notices_are_held() -> None:
    steer = Steer(id="c", session="s", text="x")
    items: list[FeedItem] = [
        CommandAccepted(command=steer.model_copy(update={"id": f"c{n}"})) for n in range(250)
    ]
    items += [Notice(text=f"n{n}") for n in range(250)]
    view = replay(items)
    assert list(view.commands)[-1] == "c249"
    assert (len(view.commands), len(view.notices)) == (200, 200)
    assert view.notices[-1].text == "n249"


def test_text_from_outside_is_clean_in_the_view() -> None:
    evil = "a\x1b[2Jb\u202ec"
    view = replay(
        [
            *started(goal=evil),
            Notice(text=evil),
            CommandRefused(command=Steer(id="c", session="s", text="x"), reason=evil),
        ]
    )
    assert (view.goal, view.notices[0].text, view.commands["c"].reason) == ("abc",) * 3


def test_the_cost_of_a_run_is_unknown_when_one_price_is() -> None:
    priced = SessionEnded(session="s", status=Status.COMPLETED, usage=Usage(cost=1.5))
    other = [event.model_copy(update={"session": "u"}) for event in started()[1:]]
    unknown = SessionEnded(session="u", status=Status.COMPLETED, usage=Usage(cost=None))
    assert replay([*started(), priced]).totals.usage.cost == 1.5
    assert replay([*started(), priced, *other, unknown]).totals.usage.cost is None


def test_items_of_a_fan_out_stand_below_their_step() -> None:
    def added(task: str, step: str, title: str = "") -> TaskAdded:
        return TaskAdded(task=task, step=step, role="r", title=title)

    view = replay(
        [
            added("ask", "ask"),
            added("write", "write"),
            TaskStarted(task="ask", attempt=1),
            added("ask_1", "ask", "why"),
            added("ask_2", "ask", "how"),
            TaskEnded(task="ask_2", status="completed", attempt=1),
        ]
    )
    assert [(row.depth, row.name, row.mark) for row in rows(view)] == [
        (0, "ask", Mark.RUNNING),
        (1, "ask_1 why", Mark.PENDING),
        (1, "ask_2 how", Mark.DONE),
        (0, "write", Mark.PENDING),
    ]
    assert rows(view)[0].doing == "1 of 2 items done"


def started(goal: str = "") -> list[Event]:
    return [
        RunStarted(
            team="t", workflow="w", goal=goal, model="rules", workspace="/w", version="0.1.0"
        ),
        SessionStarted(session="s", role="r", agent="a", model="rules", max_turns=30),
    ]


def test_a_view_is_of_its_moment_whenever_one_looks_at_it() -> None:
    fold = RunFold()
    items = golden_items()
    views, eager = [], []
    for item in items:
        fold.apply(item)
        views.append(fold.view)
        eager.append({name: known.progress for name, known in fold.view.sessions.items()})
    for view, known in zip(views, eager, strict=True):
        assert {name: session.progress for name, session in view.sessions.items()} == known
    assert any(progress is not None for known in eager for progress in known.values())
    assert all(known.progress is None for known in views[-1].sessions.values())


@pytest.mark.parametrize(
    "usages",
    [
        [],
        [Usage(input_tokens=3, output_tokens=1, cost=0.5), Usage(input_tokens=4, cost=0.25)],
        [Usage(cache_read_tokens=2, cache_write_tokens=5), Usage(cost=None), Usage(cost=1.0)],
        [Usage(input_tokens=1), Usage(input_tokens=1, estimated=True), Usage(input_tokens=1)],
    ],
)
def test_usages_come_to_the_same_together_as_one_by_one(usages: list[Usage]) -> None:
    assert Usage.sum_of(usages) == sum(usages, start=Usage())
