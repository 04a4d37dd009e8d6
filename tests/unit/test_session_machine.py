"""Any commands at any time against any script: the session's invariants hold.

Hypothesis draws what the model does and what a person does meanwhile; the whole run happens in
virtual time, through `Control`, and is judged by what is on disk.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
from anyio import get_running_tasks
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from crew.commands import Answer, Cancel, Command, FollowUp, Pause, Resume, Steer, Step
from crew.entries import FollowUpEntry, SteerEntry
from crew.errors import CommandError
from crew.events import (
    CommandAccepted,
    PermissionAsked,
    RunEnded,
    SessionEnded,
    SessionStarted,
    SteerDelivered,
    SteerUndelivered,
)
from crew.models.script import Call, Turn
from crew.records import TERMINAL
from crew.session.ending import CLEANUP
from tests.doubles.crews import PATIENCE, Crew
from tests.doubles.models import submits
from tests.doubles.virtual_time import VirtualLoop

BOSS, CHILD = "work", "work.worker-1"

seconds = st.sampled_from([0, 0.4, 1, 2.5])


@st.composite
def tool_calls(draw: st.DrawFn, *, may_spawn: bool) -> Call:
    names = ["work", "together", "together", "interruptible", "writes", "wrong", "submit_result"]
    name = draw(st.sampled_from([*names, "spawn_agent"] if may_spawn else names))
    match name:
        case "submit_result":
            value = draw(st.sampled_from(["done", 7]))
            return Call(tool=name, args={"summary": value})
        case "spawn_agent":
            return Call(tool=name, args={"agent": "worker", "prompt": "go"})
        case "wrong":
            return Call(tool="work", args="{not json")
    stubborn = draw(st.sampled_from([0, 0, 0, 1, 10]))
    return Call(tool=name, args={"seconds": draw(seconds), "stubborn": stubborn})


@st.composite
def turns(draw: st.DrawFn, *, may_spawn: bool) -> Turn:
    calls = draw(st.lists(tool_calls(may_spawn=may_spawn), max_size=3))
    text = draw(st.sampled_from(["", "some words"] if calls else ["some words"]))
    pace = draw(st.sampled_from([0, 0.3])) if text else 0
    return Turn(
        text=text, calls=tuple(calls), delay=draw(seconds), chunk=1 if pace else None, pace=pace
    )


def scripts(*, may_spawn: bool) -> st.SearchStrategy[list[Turn]]:
    return st.lists(turns(may_spawn=may_spawn), max_size=4).map(lambda some: [*some, submits()])


targets = st.sampled_from([BOSS, BOSS, CHILD])
run_or_session = st.none() | targets
moments = st.sampled_from([0, 0.1, 0.5, 1.3, 4])


class Sessions(RuleBasedStateMachine):
    """A run in a loop of its own, whose clock only moves when a rule waits.

    Every rule is a command or a stretch of time; what the model does is drawn at the beginning.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.Runner(loop_factory=VirtualLoop)
        self.count = 0

    @initialize(boss=scripts(may_spawn=True), child=scripts(may_spawn=False))
    def begin(self, boss: list[Turn], child: list[Turn]) -> None:
        crew = self.crew = Crew(Path(self.folder.name), {BOSS: boss, "worker": child}, allow=())
        crew.agent("boss", spawns=["worker"], max_turns=8)
        crew.agent("worker", max_turns=6)
        crew.workflow({BOSS: {"role": "boss"}})
        crew.team({"boss": "boss"})
        self.do(self.open())

    async def open(self) -> None:
        began, self.leave = anyio.Event(), anyio.Event()

        async def live() -> None:
            async with self.crew.start(interactive=True):
                began.set()
                await self.leave.wait()

        self.task = asyncio.ensure_future(live())
        await began.wait()

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        self.loop.run(work)

    def send(self, command: type[Command], **said: Any) -> None:
        self.count += 1
        self.do(attempt(self.crew, command(id=f"c{self.count}", **said)))

    @rule(seconds=moments)
    def wait(self, seconds: float) -> None:
        self.do(anyio.sleep(seconds))

    @rule(session=targets, interrupt=st.sampled_from(["immediate", "wait"]))
    def steer(self, session: str, interrupt: str) -> None:
        self.send(Steer, session=session, text="a word", interrupt=interrupt)

    @rule(session=targets)
    def follow_up(self, session: str) -> None:
        self.send(FollowUp, session=session, text="a word")

    @rule(session=run_or_session, hard=st.booleans())
    def pause(self, session: str | None, hard: bool) -> None:
        self.send(Pause, session=session, hard=hard)

    @rule(session=run_or_session)
    def resume(self, session: str | None) -> None:
        self.send(Resume, session=session)

    @rule(session=targets)
    def step(self, session: str) -> None:
        self.send(Step, session=session)

    @rule(session=targets, scope=st.sampled_from(["turn", "session"]))
    def cancel(self, session: str, scope: str) -> None:
        self.send(Cancel, session=session, scope=scope)

    @rule(decision=st.sampled_from(["allow", "allow_session", "deny"]))
    def answer(self, decision: str) -> None:
        asked = [event.request for event in self.crew.events_of(PermissionAsked)]
        self.send(Answer, request=asked[-1] if asked else "permission-1", decision=decision)

    @invariant()
    def no_session_ends_twice_and_no_number_is_left_out(self) -> None:
        if not self.count:
            return
        events = self.crew.events()
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        ended = [event.session for event in events if isinstance(event, SessionEnded)]
        assert len(ended) == len(set(ended))

    @invariant()
    def a_steer_is_seen_by_one_request_at_most(self) -> None:
        if self.count:
            delivered = [event.command for event in self.crew.events_of(SteerDelivered)]
            assert len(delivered) == len(set(delivered))

    def teardown(self) -> None:
        try:
            if hasattr(self, "task"):
                self.do(self.end())
                check(self.crew)
        finally:
            self.loop.close()
            self.folder.cleanup()

    async def end(self) -> None:
        with anyio.fail_after(PATIENCE):
            await let_it_end(self.crew)
        self.leave.set()
        await self.task
        assert len(get_running_tasks()) == 1, "nothing is left running"


class CancelledSessions(Sessions):
    """The same, and in the end the run is cancelled."""

    async def end(self) -> None:
        asked_at = anyio.current_time()
        await attempt(self.crew, Cancel(id="end"))
        await self.crew.run.wait()
        assert anyio.current_time() <= asked_at + CLEANUP
        self.leave.set()
        await self.task
        assert len(get_running_tasks()) == 1, "nothing is left running"


TestSessions = Sessions.TestCase
TestCancelledSessions = CancelledSessions.TestCase
TestSessions.settings = TestCancelledSessions.settings = settings(
    max_examples=60,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


async def attempt(crew: Crew, command: Command) -> None:
    with suppress(CommandError):
        await crew.run.control.send(command)


async def let_it_end(crew: Crew) -> None:
    """Resume whatever is paused and deny whatever is asked, until the run has ended."""
    for session in (None, BOSS):
        await attempt(crew, Resume(id=f"let {session}", session=session))
    async with crew.run.feed.subscribe() as items:
        async for item in items:
            if isinstance(item, PermissionAsked):
                word = Answer(id=f"no {item.seq}", request=item.request, decision="deny")
                await attempt(crew, word)
            if isinstance(item, SessionStarted) and item.session != BOSS:
                await attempt(crew, Resume(id=f"let {item.seq}", session=item.session))


def check(crew: Crew) -> None:
    check_journal(crew)
    check_messages(crew)
    for session in {event.session for event in crew.events_of(SessionStarted)}:
        check_session(crew, session or "")


def check_journal(crew: Crew) -> None:
    events = crew.events()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert isinstance(events[-1], RunEnded)
    ends = [event for event in events if isinstance(event, SessionEnded)]
    started = [event.session for event in events if isinstance(event, SessionStarted)]
    assert sorted(e.session or "" for e in ends) == sorted(s or "" for s in started)
    assert all(event.status in TERMINAL for event in ends)
    assert ends[-1].session == BOSS, "children end before their parent"


def check_messages(crew: Crew) -> None:
    accepted = [
        event.command.id
        for event in crew.events_of(CommandAccepted)
        if isinstance(event.command, Steer | FollowUp)
    ]
    delivered = [event.command for event in crew.events_of(SteerDelivered)]
    reported = [event.command for event in crew.events_of(SteerUndelivered)]
    assert Counter(accepted) == Counter([*delivered, *reported])
    seen = {
        message.command: request
        for request in crew.model.requests
        for message in request.messages
        if isinstance(message, SteerEntry | FollowUpEntry)
    }
    assert set(seen) <= set(delivered)


def check_session(crew: Crew, session: str) -> None:
    (ended,) = [event for event in crew.events_of(SessionEnded) if event.session == session]
    own = [event for event in crew.events() if event.session == session]
    late = [event.kind for event in own if event.seq > ended.seq]
    assert set(late) <= {"command.refused", "command.accepted"}
    assert all(entry.at <= ended.at for entry in crew.transcript(session))
    assert crew.unpaired_calls(session) == []
    assert ended.turns <= 8
    for request in crew.model.of(session):
        calls = [m.call_id for m in request.messages if m.kind == "tool_call"]
        results = [m.call_id for m in request.messages if m.kind == "tool_result"]
        assert sorted(calls) == sorted(results), "a request never has an unanswered call"
