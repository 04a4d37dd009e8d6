"""A session from its first turn to its one final event."""

import anyio
import pytest

from crew.budget import Budget
from crew.commands import Pause, Resume
from crew.entries import (
    ErrorEntry,
    NoticeEntry,
    ResultEntry,
    TextEntry,
    ToolResultEntry,
    UserEntry,
)
from crew.errors import Fault
from crew.events import Notice, SessionEnded
from crew.models.script import ScriptedFault, Turn
from crew.progress import Progress
from crew.records import Status, Usage
from crew.tools.protocol import Effect, Tool, ToolArgs, ToolContext, ToolOutput
from tests.doubles.models import calls, says, submits
from tests.doubles.tools import Work, WorkArgs
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def fault(kind: Fault, **extra: object) -> Turn:
    return Turn(error=ScriptedFault(fault=kind, message=f"it is {kind.value}", **extra))  # type: ignore[arg-type]


async def test_a_submitted_result_completes_the_session_and_is_stored(arrange: Arrange) -> None:
    crew = arrange([calls("work", text="Looking."), submits({"summary": "all good"})])
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    assert outcome.result == {"summary": "all good"}
    assert crew.kinds() == [
        *("system", "user"),
        *("text", "tool_call", "usage", "tool_result"),
        *("tool_call", "usage", "tool_result", "result"),
    ]
    (stored,) = (e for e in crew.transcript() if isinstance(e, ResultEntry))
    assert (
        crew.folder.artifacts / stored.artifact.name
    ).read_text() == '{\n "summary": "all good"\n}'


async def test_an_answer_is_on_disk_before_any_of_its_calls_runs(arrange: Arrange) -> None:
    crew = arrange([calls(("work", {"seconds": 5})), submits()])
    async with crew.start() as run:
        await crew.model.asked(1)
        await anyio.sleep(1)
        assert crew.kinds()[-2:] == ["tool_call", "usage"]
        await run.wait()


async def test_a_result_that_does_not_fit_comes_back_and_the_session_goes_on(
    arrange: Arrange,
) -> None:
    crew = arrange([submits({"summary": 7}), submits({"summary": "seven"})])
    outcome = await crew.finish()
    assert outcome.result == {"summary": "seven"}
    assert crew.results() == [("submit_result", "error"), ("submit_result", "ok")]
    refused = next(e for e in crew.transcript() if isinstance(e, ToolResultEntry))
    assert ".summary: 7 is not of type" in refused.text


async def test_a_model_that_stops_without_a_result_is_reminded_three_times(
    arrange: Arrange,
) -> None:
    crew = arrange([says("First."), says("Second."), says("Third."), says("My last word.")])
    outcome = await crew.finish()
    assert outcome.status is Status.NEEDS_ATTENTION
    reminders = [e.text for e in crew.transcript() if isinstance(e, UserEntry)][1:]
    assert len(reminders) == 3
    assert [r.settings.tool_choice for r in crew.model.requests] == [None, *["submit_result"] * 3]
    (ended,) = crew.events_of(SessionEnded)
    assert ended.result is not None
    kept = crew.folder.artifacts / ended.result.name
    assert kept.read_text() == "My last word."
    assert ended.error is not None
    assert ended.error.message.endswith('it said last: "My last word."')


async def test_a_reminded_model_can_still_submit(arrange: Arrange) -> None:
    crew = arrange([says("Done!"), submits()])
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED


async def test_the_turn_cap_ends_as_max_turns_and_not_as_success(arrange: Arrange) -> None:
    crew = arrange([calls("work")], loop=True)
    crew.agent("worker", max_turns=3)
    outcome = await crew.finish()
    (ended,) = crew.events_of(SessionEnded)
    assert (ended.status, ended.turns) == (Status.MAX_TURNS, 3)
    assert outcome.status is Status.NEEDS_ATTENTION
    assert outcome.result is None


async def test_a_session_that_takes_too_long_fails_with_its_timeout(arrange: Arrange) -> None:
    crew = arrange([calls(("work", {"seconds": 1000}))])
    crew.agent("worker", timeout="10s")
    outcome = await crew.finish()
    assert outcome.status is Status.FAILED
    assert outcome.error is not None
    assert "not done within 10 s" in outcome.error.message
    assert crew.results() == [("work", "cancelled")]


async def test_a_fault_that_may_pass_is_tried_again_as_long_as_the_provider_asks(
    arrange: Arrange,
) -> None:
    crew = arrange([fault(Fault.RATE_LIMIT, retry_after=30), fault(Fault.OVERLOAD), submits()])
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    notices = [e for e in crew.transcript() if isinstance(e, NoticeEntry)]
    assert notices[0].text.startswith("rate limited, again at 12:00:30 (try 2 of 5): it is rate_")
    assert (notices[1].at - notices[0].at).total_seconds() == 30
    assert [event.text for event in crew.events_of(Notice)] == [entry.text for entry in notices]


async def test_progress_says_when_the_model_is_asked_again(arrange: Arrange) -> None:
    crew = arrange([fault(Fault.RATE_LIMIT, retry_after=30), submits()])
    async with crew.start() as run, run.feed.subscribe() as items:
        shown = [item.retry async for item in items if isinstance(item, Progress)]
    waits = [retry for retry in shown if retry is not None]
    assert {(wait.why, f"{wait.at:%H:%M:%S}", wait.attempt) for wait in waits} == {
        ("rate limited", "12:00:30", 2)
    }
    assert shown[-1] is None


async def test_a_cut_wait_for_the_model_is_no_longer_shown(arrange: Arrange) -> None:
    crew = arrange([fault(Fault.RATE_LIMIT, retry_after=30), submits()])
    async with crew.start() as run, run.feed.subscribe() as items:
        shown: list[Progress] = []
        async for item in items:
            if isinstance(item, Progress):
                shown.append(item)
                if item.retry is not None:
                    await crew.send(Pause(id=crew.id(), session="work", hard=True))
                elif item.status is Status.PAUSED:
                    await crew.send(Resume(id=crew.id(), session="work"))
    assert [item.status for item in shown if item.retry is not None] == [Status.RUNNING]
    assert shown[-1].finished


async def test_a_provider_that_asks_for_too_long_a_wait_is_left_at_once(arrange: Arrange) -> None:
    crew = arrange([fault(Fault.RATE_LIMIT, retry_after=3600), submits()])
    outcome = await crew.finish()
    assert outcome.status is Status.FAILED
    assert len(crew.model.requests) == 1


async def test_the_waits_of_one_request_are_bounded(arrange: Arrange) -> None:
    crew = arrange([fault(Fault.RATE_LIMIT, retry_after=200)] * 2 + [submits()])
    outcome = await crew.finish()
    assert outcome.status is Status.FAILED
    assert len(crew.model.requests) == 2


async def test_an_answer_at_its_length_limit_is_gone_on_with(arrange: Arrange) -> None:
    crew = arrange([Turn(text="Half an", stop="length"), submits()])
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    told = [e.text for e in crew.transcript() if isinstance(e, UserEntry) and e.source == "crew"]
    assert told == ["Your answer ran into the limit of its length. Go on, in smaller steps."]


async def test_a_final_fault_fails_the_session_with_its_words(arrange: Arrange) -> None:
    crew = arrange([fault(Fault.AUTH)])
    outcome = await crew.finish()
    assert outcome.status is Status.FAILED
    assert len(crew.model.requests) == 1
    (error,) = (e for e in crew.transcript() if isinstance(e, ErrorEntry))
    assert "it is auth" in error.text


async def test_an_answer_that_was_cut_is_kept_as_partial_and_asked_for_again(
    arrange: Arrange,
) -> None:
    crew = arrange([Turn(text="Half an ans", cut=True), submits()])
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    (text,) = (e for e in crew.transcript() if isinstance(e, TextEntry))
    assert (text.text, text.partial) == ("Half an ans", True)
    assert all(m.kind != "text" for m in crew.model.requests[-1].messages)


async def test_a_session_over_its_token_budget_ends_as_over_budget(arrange: Arrange) -> None:
    usage = Usage(input_tokens=400, output_tokens=200)
    turn = calls("work").model_copy(update={"usage": usage})
    crew = arrange([turn], loop=True)
    crew.agent("worker", budget={"tokens": 1000})
    outcome = await crew.finish()
    assert outcome.status is Status.OVER_BUDGET
    assert outcome.usage.tokens == 1200


async def test_the_budget_of_the_run_counts_every_session(arrange: Arrange) -> None:
    usage = Usage(input_tokens=600)
    script = {"*": [submits().model_copy(update={"usage": usage})]}
    crew = arrange(script, budget=Budget(tokens=1000))
    crew.workflow({f"w{n}": {"role": "worker"} for n in range(4)})
    outcome = await crew.finish(max_concurrency=1)
    assert outcome.status is Status.OVER_BUDGET
    assert len(crew.model.requests) == 2


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (("wrok", {}), "there is no tool 'wrok'"),
        (("work", {"secs": 1}), "secs"),
        (("work", {"seconds": "long"}), "seconds"),
        (("work", {"fails": True}), "work failed: RuntimeError: the tool broke"),
    ],
)
async def test_a_call_that_can_not_be_carried_out_is_an_error_the_model_reads(
    arrange: Arrange, call: tuple[str, dict[str, object]], word: str
) -> None:
    crew = arrange([calls(call), submits()])
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    result = next(e for e in crew.transcript() if isinstance(e, ToolResultEntry))
    assert result.outcome.value == "error"
    assert word in result.text


async def test_a_tool_whose_words_on_a_call_fail_runs_all_the_same(arrange: Arrange) -> None:
    class Wordless(Work):
        name = "wordless"

        def preview(self, args: WorkArgs) -> str:
            raise RuntimeError("no words")

    crew = arrange([calls(("wordless", {"seconds": 1})), submits()])
    crew.tools["wordless"] = tool = Wordless()
    crew.agent("worker")
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    assert tool.log == ["begin work", "end work"]


async def test_neighbours_that_may_run_together_do_and_the_others_in_order(
    arrange: Arrange,
) -> None:
    crew = arrange(
        [
            calls(
                ("together", {"name": "a", "seconds": 3}),
                ("together", {"name": "b", "seconds": 2}),
                ("work", {"name": "c", "seconds": 1}),
                ("work", {"name": "d"}),
            ),
            submits(),
        ]
    )
    await crew.finish()
    assert crew.tool("together").log == ["begin a", "begin b", "end b", "end a"]
    assert crew.tool("work").log == ["begin c", "end c", "begin d", "end d"]
    ended = [e for e in crew.transcript() if isinstance(e, ToolResultEntry)][:4]
    assert [e.text.split()[0] for e in ended] == ["b", "a", "c", "d"]


async def test_a_tools_long_output_is_shown_by_head_and_tail_and_kept_whole(
    arrange: Arrange,
) -> None:
    text = "".join(f"line {n}\n" for n in range(20_000))
    crew = arrange([calls("long"), submits()])

    class Long(Tool[ToolArgs]):
        name = "long"
        description = "Much."
        effect = Effect.READ
        args = ToolArgs

        async def run(self, args: ToolArgs, ctx: ToolContext) -> ToolOutput:
            return ToolOutput(text=text, summary="much")

    crew.tools["long"] = Long()
    crew.agent("worker")
    await crew.finish()
    result = next(e for e in crew.transcript() if isinstance(e, ToolResultEntry))
    assert result.artifact is not None
    assert len(result.text) < 70_000
    assert "line 0\n" in result.text
    assert "line 19999" in result.text
    assert (crew.folder.artifacts / result.artifact.name).read_text() == text


async def test_progress_says_whether_the_answer_is_coming_in(arrange: Arrange) -> None:
    crew = arrange([Turn(text="abc def", chunk=1, pace=1.0, calls=submits().calls)])
    async with crew.start() as run, run.feed.subscribe() as items:
        shown = [item async for item in items if isinstance(item, Progress)]
    assert not shown[0].writing
    assert ["abc"] in [[line.strip() for line in item.lines] for item in shown if item.writing]
    assert not shown[-1].writing
