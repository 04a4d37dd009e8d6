"""A run whose process was lost goes on where it stood: nothing finished is done again."""

import anyio
import pytest

from crew.commands import Answer, Cancel, FollowUp, Pause, Resume, Steer
from crew.entries import (
    FollowUpEntry,
    Outcome,
    SteerEntry,
    TextEntry,
    ToolCallEntry,
    ToolResultEntry,
    UserEntry,
)
from crew.errors import LeaseLostError, RunLockedError, UsageError
from crew.events import (
    PermissionAsked,
    RunContinued,
    RunEnded,
    SessionEnded,
    SessionStarted,
    SessionStatus,
    SteerDelivered,
    TaskAdded,
    TaskStarted,
)
from crew.records import Status
from crew.service.doctor import examine_run
from crew.store.lock import RunLock
from tests.doubles.crews import Crew
from tests.doubles.models import OK, calls, says, submits, works
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def waits(tool: str) -> tuple[str, dict[str, object]]:
    """A call that takes five seconds."""
    return tool, {"seconds": 5}


async def lose_at(crew: Crew, seconds: float, **options: object) -> None:
    """Start the run, and lose its process after that time."""
    async with crew.start(**options):
        await anyio.sleep(seconds)
        crew.lose()


def check(crew: Crew) -> None:
    """The journal is whole, every session has its one end, every call its one result."""
    events = crew.events()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert isinstance(events[-1], RunEnded)
    started = [event.session for event in crew.events_of(SessionStarted)]
    ended = [event.session for event in crew.events_of(SessionEnded)]
    assert sorted(map(str, started)) == sorted(map(str, ended))
    assert len(set(started)) == len(started)
    for session in started:
        assert crew.unpaired_calls(session or "") == []
    _, found = examine_run(crew.home, crew.run.id)
    assert [check for check in found if check.state == "wrong"] == []


async def test_a_task_that_has_ended_keeps_its_result_and_is_not_run_again(
    arrange: Arrange,
) -> None:
    crew = arrange({"first": [submits({"summary": "one"})], "second": [works(5), submits()]})
    crew.workflow(
        {
            "first": {"role": "worker"},
            "second": {"role": "worker", "needs": ["first"], "prompt": "{steps.first.result}"},
        }
    )
    await lose_at(crew, 1)
    asked = len(crew.model.of("first"))
    outcome = await crew.finish_again()
    assert outcome.status is Status.COMPLETED
    assert len(crew.model.of("first")) == asked == 1
    assert '"one"' in crew.prompt("second")
    assert [event.task for event in crew.events_of(TaskStarted)] == ["first", "second"]
    check(crew)


async def test_a_session_goes_on_with_the_history_that_it_had(arrange: Arrange) -> None:
    crew = arrange({"work": [calls("together"), calls("work", text="a word"), submits(delay=5)]})
    await lose_at(crew, 1)
    await crew.finish_again()
    before, after = crew.model.of("work")[-2:]
    assert list(before.messages) == list(after.messages)
    assert crew.model.of("work")[-1].system == crew.model.of("work")[0].system
    assert crew.events_of(SessionEnded)[0].turns == 3
    check(crew)


async def test_its_events_carry_the_next_epoch_and_follow_the_old_ones(arrange: Arrange) -> None:
    crew = arrange({"work": [works(5), submits()]})
    await lose_at(crew, 1)
    seen = len(crew.events())
    async with crew.resume() as run, run.feed.subscribe() as items:
        told = [item async for item in items if hasattr(item, "seq")]
    assert [event.epoch for event in crew.events()] == [1] * seen + [2] * (len(told) - seen)
    assert isinstance(crew.events()[seen], RunContinued)
    check(crew)


async def test_a_call_that_was_cut_is_answered_as_not_run(arrange: Arrange) -> None:
    crew = arrange({"work": [calls("work", waits("work")), submits()]})
    await lose_at(crew, 1)
    await crew.finish_again()
    assert crew.results()[:2] == [("work", "ok"), ("work", "cancelled")]
    told = [e for e in crew.transcript() if isinstance(e, ToolResultEntry)][1]
    assert told.text == "interrupted: not run"
    check(crew)


async def test_of_a_call_that_may_have_written_the_outcome_is_unknown(arrange: Arrange) -> None:
    crew = arrange({"work": [calls(waits("writes"), "executes"), submits()]})
    await lose_at(crew, 1)
    await crew.finish_again()
    told = [e for e in crew.transcript() if isinstance(e, ToolResultEntry)][:2]
    assert [result.outcome for result in told] == [Outcome.UNKNOWN, Outcome.CANCELLED]
    assert "look at what it did" in told[0].text
    check(crew)


@pytest.mark.parametrize(("word", "ran"), [("allow", 2), ("deny", 1)])
async def test_such_a_call_is_asked_for_before_it_is_run_again(
    arrange: Arrange, word: str, ran: int
) -> None:
    writes = waits("writes")
    crew = arrange({"work": [calls(writes), calls(writes), submits()]})
    await lose_at(crew, 1)
    async with crew.resume(interactive=True) as run, run.feed.subscribe() as items:
        async for item in items:
            if isinstance(item, PermissionAsked):
                assert item.repeated
                answer = Answer.model_validate(
                    {"id": "a", "request": item.request, "decision": word}
                )
                await crew.send(answer)
    assert crew.tool("writes").log.count("begin work") == ran
    check(crew)


@pytest.mark.parametrize(("allow", "again"), [(("write",), "denied"), (("write", "repeat"), "ok")])
async def test_with_nobody_to_ask_it_is_run_again_only_if_repeating_is_allowed(
    arrange: Arrange, allow: tuple[str, ...], again: str
) -> None:
    writes = waits("writes")
    crew = arrange({"work": [calls(writes), calls(writes), submits()]})
    await lose_at(crew, 1)
    await crew.finish_again(allow=allow)
    assert crew.results()[:2] == [("writes", "unknown"), ("writes", again)]
    check(crew)


async def test_a_child_session_goes_on_and_answers_the_call_that_spawned_it(
    arrange: Arrange,
) -> None:
    crew = arrange(
        {
            "work": [calls(("spawn_agent", {"agent": "helper", "prompt": "go"})), submits()],
            "helper": [works(5), submits({"summary": "child"})],
        }
    )
    crew.agent("worker", spawns=["helper"])
    crew.agent("helper")
    await lose_at(crew, 1)
    outcome = await crew.finish_again()
    assert outcome.status is Status.COMPLETED
    assert crew.order() == ["work", "work.helper-1"]
    result = next(e for e in crew.transcript() if isinstance(e, ToolResultEntry))
    assert result.outcome is Outcome.OK and '"child"' in result.text
    check(crew)


async def test_messages_that_waited_are_delivered_once(arrange: Arrange) -> None:
    crew = arrange({"work": [works(5), calls("together"), submits(), submits()]})
    async with crew.start():
        await anyio.sleep(1)
        await crew.send(Steer(id="s", session="work", text="look there", interrupt="wait"))
        await crew.send(FollowUp(id="f", session="work", text="and then"))
        crew.lose()
    await crew.finish_again()
    entries = crew.transcript()
    assert [e.command for e in entries if isinstance(e, SteerEntry)] == ["s"]
    assert [e.command for e in entries if isinstance(e, FollowUpEntry)] == ["f"]
    assert [event.command for event in crew.events_of(SteerDelivered)] == ["s", "f"]
    check(crew)


async def test_a_message_that_was_delivered_is_not_delivered_again(arrange: Arrange) -> None:
    crew = arrange({"work": [works(2), says("thinking", delay=5), submits()]})
    async with crew.start():
        await anyio.sleep(1)
        await crew.send(Steer(id="s", session="work", text="look there", interrupt="wait"))
        await anyio.sleep(3)
        crew.lose()
    await crew.finish_again()
    assert sum(isinstance(e, SteerEntry) for e in crew.transcript()) == 1
    assert len(crew.events_of(SteerDelivered)) == 1
    check(crew)


@pytest.mark.parametrize("session", ["work", None])
async def test_a_pause_is_still_a_pause(arrange: Arrange, session: str | None) -> None:
    crew = arrange({"work": [works(2), submits()]})
    async with crew.start():
        await anyio.sleep(1)
        await crew.send(Pause(id="p", session=session))
        await anyio.sleep(3)
        crew.lose()
    async with crew.resume() as run:
        await anyio.sleep(10)
        assert crew.events_of(SessionStatus)[-1].status is Status.PAUSED
        await crew.send(Resume(id="r", session=session))
        outcome = await run.wait()
    assert outcome.status is Status.COMPLETED
    check(crew)


@pytest.mark.parametrize("session", ["work", None])
@pytest.mark.parametrize("submitted", [False, True])
async def test_an_accepted_cancel_takes_effect(
    arrange: Arrange, session: str | None, submitted: bool
) -> None:
    slow, done = ("work", {"seconds": 5, "stubborn": 2}), ("submit_result", OK)
    crew = arrange({"work": [calls(*[done] * submitted, slow), submits()]})
    async with crew.start():
        await anyio.sleep(1)
        await crew.send(Cancel(id="c", session=session))
        crew.lose()
    outcome = await crew.finish_again()
    assert outcome.status is Status.CANCELLED
    assert [event.status for event in crew.events_of(SessionEnded)] == [Status.CANCELLED]
    check(crew)


async def test_text_that_was_in_flight_is_kept_as_partial(arrange: Arrange) -> None:
    crew = arrange({"work": [says("one two three four five", chunk=4, pace=1), submits()]})
    await lose_at(crew, 3)
    await crew.finish_again()
    partial, whole = [e for e in crew.transcript() if isinstance(e, TextEntry)]
    assert partial.partial and whole.text.startswith(partial.text) and not whole.partial
    check(crew)


async def test_an_answer_that_is_not_whole_is_set_aside_and_asked_for_again(
    arrange: Arrange,
) -> None:
    crew = arrange({"work": [calls("together", "together"), works(5), submits()]})
    await lose_at(crew, 1)
    path = crew.folder.transcript("work")
    lines = path.read_bytes().splitlines(keepends=True)
    cut = next(i for i, line in enumerate(lines) if b'"kind":"usage"' in line)
    path.write_bytes(b"".join(lines[:cut]) + lines[cut][:10])
    await crew.finish_again()
    asked = [e.call_id for e in crew.transcript() if isinstance(e, ToolCallEntry)]
    assert len(asked) == len(set(asked)) == 4
    assert path.with_name("work.jsonl.torn").read_bytes().count(b'"kind":"tool_call"') == 2
    check(crew)


async def test_a_reminder_is_counted_over_an_interruption(arrange: Arrange) -> None:
    crew = arrange({"work": [says("a"), says("b"), says("c", delay=5), says("d"), says("e")]})
    await lose_at(crew, 1)
    outcome = await crew.finish_again()
    assert outcome.status is Status.NEEDS_ATTENTION
    reminders = [e for e in crew.transcript() if isinstance(e, UserEntry) and e.source != "task"]
    assert [entry.text[-7:] for entry in reminders] == ["1 of 3.", "2 of 3.", "3 of 3."]
    check(crew)


async def test_a_session_that_had_submitted_ends_without_another_request(arrange: Arrange) -> None:
    crew = arrange({"work": [submits()]})
    await crew.finish()
    lines = crew.folder.journal.read_bytes().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if b'"kind":"result.submitted"' in line)
    crew.folder.journal.write_bytes(b"".join(lines[:at]))
    asked = len(crew.model.requests)
    outcome = await crew.finish_again()
    assert outcome.status is Status.COMPLETED
    assert len(crew.model.requests) == asked
    assert crew.kinds().count("result") == 1
    check(crew)


async def test_a_fan_out_goes_on_with_the_items_that_are_left(arrange: Arrange) -> None:
    crew = arrange(
        {
            "list": [submits({"summary": "s", "items": ["a", "b", "c"]})],
            "each_1": [submits({"summary": "A"})],
            "each_2": [works(5), submits({"summary": "B"})],
            "each_3": [submits({"summary": "C"})],
        }
    )
    crew.workflow(
        {
            "list": {"role": "worker"},
            "each": {
                "role": "worker",
                "needs": ["list"],
                "foreach": "steps.list.result.items",
                "fold": "concat",
            },
        }
    )
    await lose_at(crew, 1)
    outcome = await crew.finish_again()
    assert outcome.result == {"summary": "A\n\nB\n\nC"}
    assert [len(crew.model.of(f"each_{n}")) for n in (1, 2, 3)] == [1, 2, 1]
    assert [event.task for event in crew.events_of(TaskAdded)].count("each_1") == 1
    check(crew)


async def test_a_run_may_be_lost_again_and_again(arrange: Arrange) -> None:
    crew = arrange({"work": [works(2)] * 4 + [submits()]})
    await lose_at(crew, 1)
    for _ in range(3):
        async with crew.resume():
            await anyio.sleep(1)
            crew.lose()
    outcome = await crew.finish_again()
    assert outcome.status is Status.COMPLETED
    assert [event.epoch for event in crew.events_of(RunContinued)] == [2, 3, 4, 5]
    check(crew)


async def test_what_was_spent_counts_on(arrange: Arrange) -> None:
    crew = arrange({"work": [works(1)]}, loop=True)
    await lose_at(crew, 3.5)
    outcome = await crew.finish_again()
    ended = crew.events_of(SessionEnded)[0]
    assert ended.usage == outcome.usage
    assert ended.turns == 30


@pytest.mark.parametrize("times", [0, 1, 2])
async def test_a_timeout_counts_the_time_before(arrange: Arrange, times: int) -> None:
    """Also where the journal lost the session's beginning, whose process is then lost again."""
    crew = arrange({"work": [works(4), works(4), works(4)]})
    crew.agent("worker", timeout="6s")
    await lose_at(crew, 5)
    if times:
        crew.forget("work")
    if times == 2:
        async with crew.resume():
            crew.lose()
    async with crew.resume() as run:
        began = anyio.current_time()
        outcome = await run.wait()
        assert anyio.current_time() - began <= 2
    assert outcome.status is Status.FAILED


async def test_a_run_that_a_live_process_runs_is_refused_by_its_name(arrange: Arrange) -> None:
    crew = arrange({"work": [works(5), submits()]})
    async with crew.start():
        with pytest.raises(RunLockedError, match=r"is run by process \d+ on"):
            await crew.finish_again()


async def test_a_run_that_has_ended_is_refused(arrange: Arrange) -> None:
    crew = arrange({"work": [submits()]})
    await crew.finish()
    with pytest.raises(UsageError, match="has ended: completed"):
        await crew.finish_again()


async def test_what_the_folder_says_was_allowed_is_not_believed(arrange: Arrange) -> None:
    crew = arrange({"work": [works(5), calls("writes"), submits()]})
    await lose_at(crew, 1, allow=("write",))
    await crew.finish_again(allow=())
    assert ("writes", "denied") in crew.results()


async def test_a_process_whose_lock_was_taken_writes_nothing_more(arrange: Arrange) -> None:
    crew = arrange({"work": [works(5), submits()]})
    async with crew.start() as run:
        await anyio.sleep(1)
        before = crew.folder.journal.read_bytes()
        crew.folder.lock.write_text('{"pid": 1, "host": "elsewhere"}')
        outcome = await run.wait()
        assert outcome.status is Status.FAILED
        assert outcome.error is not None and "taken over" in outcome.error.message
        assert crew.folder.journal.read_bytes() == before
        assert not crew.folder.report.exists()


async def test_a_heartbeat_does_not_overwrite_the_lock_of_another(arrange: Arrange) -> None:
    crew = arrange({"work": [submits()]})
    await crew.finish()
    lock = RunLock.acquire(crew.folder, crew.events()[0].at)
    crew.folder.lock.write_text('{"pid": 1}')
    with pytest.raises(LeaseLostError):
        lock.beat(crew.events()[0].at)
    lock.release()
    assert crew.folder.lock.read_text() == '{"pid": 1}'
