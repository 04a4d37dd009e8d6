"""Any schedule of commands against any script: the session's invariants hold.

Hypothesis draws what the model does and a person's commands with the times between them; the
whole run happens in virtual time, through `Control`, and is judged by what is on disk.
"""

import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import get_running_tasks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
from tests.doubles.crews import Crew
from tests.doubles.models import submits
from tests.doubles.virtual_time import VIRTUAL

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
words: dict[str, Any] = {"id": st.just("later"), "text": st.just("a word")}
commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(Steer, session=targets, interrupt=st.sampled_from(["immediate", "wait"]), **words),
    st.builds(FollowUp, session=targets, **words),
    st.builds(Pause, id=words["id"], session=run_or_session, hard=st.booleans()),
    st.builds(Resume, id=words["id"], session=run_or_session),
    st.builds(Step, id=words["id"], session=targets),
    st.builds(Cancel, id=words["id"], session=targets, scope=st.sampled_from(["turn", "session"])),
    st.builds(
        Answer,
        id=words["id"],
        request=st.sampled_from(["permission-1", "permission-2"]),
        decision=st.sampled_from(["allow", "allow_session", "deny"]),
    ),
)
schedules = st.lists(st.tuples(st.sampled_from([0, 0.1, 0.5, 1.3, 4]), commands), max_size=12)
Schedule = Sequence[tuple[float, Command]]


@pytest.mark.parametrize("end", ["by itself", "cancel"])
@given(boss=scripts(may_spawn=True), child=scripts(may_spawn=False), schedule=schedules)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_schedule_of_commands_keeps_the_invariants(
    end: str, boss: list[Turn], child: list[Turn], schedule: Schedule
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        crew = Crew(Path(folder), {BOSS: boss, "worker": child}, allow=())
        crew.agent("boss", spawns=["worker"], max_turns=8)
        crew.agent("worker", max_turns=6)
        crew.workflow({BOSS: {"role": "boss"}})
        crew.team({"boss": "boss"})
        backend, options = VIRTUAL
        anyio.run(play, crew, schedule, end, backend=backend, backend_options=options)
        check_journal(crew)
        check_messages(crew)
        for session in {event.session for event in crew.events_of(SessionStarted)}:
            check_session(crew, session or "")


async def play(crew: Crew, schedule: Schedule, end: str) -> None:
    async with crew.start(interactive=True) as run:
        for number, (pause, command) in enumerate(schedule):
            await anyio.sleep(pause)
            await attempt(crew, command.model_copy(update={"id": f"c{number}"}))
        if end == "cancel":
            await attempt(crew, Cancel(id="end"))
        else:
            await let_it_end(crew)
        asked_at = anyio.current_time()
        await run.wait()
        assert end != "cancel" or anyio.current_time() <= asked_at + CLEANUP
    assert len(get_running_tasks()) == 1, "nothing is left running"


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
