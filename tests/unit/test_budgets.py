"""Budgets of agents, steps and teams through whole runs, in virtual time."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crew.budget import Budget
from crew.commands import FollowUp, Pause, Resume, Retry, Steer
from crew.config import Config
from crew.definitions.budgets import parse_budget
from crew.entries import SteerEntry, UserEntry
from crew.errors import Fault, UsageError
from crew.events import Notice, SessionStatus
from crew.models.script import ScriptedFault, Turn
from crew.records import Status, Usage
from crew.service import RunOutcome, default_library
from crew.session.budget import OUTPUT, PastSession, RunBudget
from tests.doubles.crews import Crew
from tests.doubles.models import BROKEN, calls, says, submits, works
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def spends(turn: Turn, tokens: int = 0, cost: float | None = 0.0) -> Turn:
    """The turn, at a price."""
    return turn.model_copy(update={"usage": Usage(input_tokens=tokens, cost=cost)})


def told(crew: Crew, session: str = "work") -> list[str]:
    """What crew said to a session's model."""
    entries = crew.transcript(session)
    return [e.text for e in entries if isinstance(e, UserEntry) and e.source == "crew"]


def forced(crew: Crew, session: str = "work") -> list[bool]:
    """Which requests of a session had to submit."""
    return [r.settings.tool_choice == "submit_result" for r in crew.model.of(session)]


# The command line's words.


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("200000", Budget(tokens=200_000)),
        ("200_000", Budget(tokens=200_000)),
        ("200k", Budget(tokens=200_000)),
        ("tokens=1.5M", Budget(tokens=1_500_000)),
        ("0.5K", Budget(tokens=500)),
        ("cost=2.50", Budget(cost=2.5)),
        ("cost=$2", Budget(cost=2.0)),
        (
            "tokens=200k, cost=2.50,turns=100,time=10m,errors=50%",
            Budget(tokens=200_000, cost=2.5, turns=100, time=600, errors=0.5),
        ),
    ],
)
def test_a_budget_of_the_command_line_is_tokens_or_named_limits(text: str, budget: Budget) -> None:
    assert parse_budget(text) == budget


@pytest.mark.parametrize("text", ["", "k", "-1", "0", "0.0001", "12 apples", "1e5", "_", "tokens="])
def test_what_is_no_number_of_tokens_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="`tokens` must be a whole number above zero") as refused:
        parse_budget(text)
    assert refused.value.hint == "write tokens=200k or tokens=1.5m or tokens=50000"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("cost=0", "`cost` must be US dollars above zero", "write cost=2.50"),
        ("errors=0.5", "`errors` must be a share", "write errors=50%"),
        ("errors=101%", "`errors` must be a share", "write errors=50%"),
        ("time=soon", "`time` must be a time", "write time=90s or time=10m or time=1h30m"),
        ("turns=1.5", "`turns` must be a whole number", "write turns=100"),
        ("token=5", "unknown limit `token`", "did you mean `tokens`?"),
        ("5k,tokens=6k", "`tokens` is set twice", "set it once"),
    ],
)
def test_a_limit_that_can_not_be_is_refused_with_the_mend(
    text: str, message: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        parse_budget(text)
    assert refused.value.hint == hint


def test_the_command_line_changes_only_the_limits_that_it_names() -> None:
    team = Budget(tokens=1000, turns=5)
    assert team.changed_by(parse_budget("2k")) == Budget(tokens=2000, turns=5)


# Every limit, at every level.

SPENT: Mapping[str, tuple[Any, str]] = {
    "turns": (3, "has spent 3 of 3 turns"),
    "tokens": (3000, "has spent 3,000 of 3,000 tokens"),
    "cost": (0.3, "has spent $0.30 of $0.30"),
    "time": ("25s", "has spent 25s of 25s"),
}


@pytest.mark.parametrize("limit", SPENT)
@pytest.mark.parametrize(
    ("level", "owner", "hint"),
    [
        ("agent", "session work", "in the `budget` of agent worker"),
        ("step", "task work", "in the `budget` of the step of work"),
        ("team", "the run", "with --budget, or in the `budget` of the team"),
    ],
)
async def test_who_has_spent_a_limit_ends_as_over_budget_and_the_mend_is_said(
    arrange: Arrange, limit: str, level: str, owner: str, hint: str
) -> None:
    value, words = SPENT[limit]
    crew = arrange([spends(works(10), 1000, 0.1)], loop=True)
    budget = {limit: value}
    crew.agent("worker", **({"budget": budget} if level == "agent" else {}))
    crew.workflow({"work": {"role": "worker"} | ({"budget": budget} if level == "step" else {})})
    crew.team({"worker": "worker"}, **({"budget": budget} if level == "team" else {}))
    outcome = await crew.finish()
    assert outcome.status is Status.OVER_BUDGET
    assert outcome.error is not None
    assert outcome.error.message == f"{owner} {words}"
    assert outcome.error.hint == f"raise `{limit}` {hint}"
    assert len(crew.model.requests) == 3


async def test_the_task_and_the_run_pay_for_child_sessions(arrange: Arrange) -> None:
    spawn = calls(("spawn_agent", {"agent": "helper", "prompt": "Help."}))
    crew = arrange({"worker": [spends(spawn, 100)], "helper": [spends(submits(), 400)]}, loop=True)
    crew.agent("helper")
    crew.agent("worker", spawns=["helper"])
    crew.workflow({"work": {"role": "worker", "budget": {"tokens": 1000}}})
    outcome = await crew.finish()
    assert outcome.error is not None
    assert outcome.error.message == "task work has spent 1,000 of 1,000 tokens"
    assert len(crew.model.of("work")) == 2


async def test_what_a_child_spends_is_not_its_parents_own(arrange: Arrange) -> None:
    spawn = calls(("spawn_agent", {"agent": "helper", "prompt": "Help."}))
    crew = arrange({"worker": [spends(spawn, 100), submits()], "helper": [spends(submits(), 5000)]})
    crew.agent("helper")
    crew.agent("worker", spawns=["helper"], budget={"tokens": 1000})
    assert (await crew.finish()).status is Status.COMPLETED


async def test_attempts_of_a_task_share_its_budget(arrange: Arrange) -> None:
    crew = arrange([spends(calls("work"), 400), BROKEN], loop=False)
    crew.workflow({"work": {"role": "worker", "retries": 9, "budget": {"tokens": 1000}}})
    outcome = await crew.finish()
    assert outcome.status is Status.OVER_BUDGET
    assert crew.order() == ["work", "work~2", "work~3"]
    assert outcome.usage.tokens == 1200


async def test_each_item_of_a_fan_out_has_the_steps_budget_for_itself(arrange: Arrange) -> None:
    script = {
        "first": [submits({"list": [1, 2, 3]})],
        "*": [spends(calls("work"), 900), spends(submits(), 50)],
    }
    crew = arrange(script)
    crew.agent("worker", output={"type": "object"})
    crew.workflow(
        {
            "first": {"role": "worker"},
            "each": {
                "role": "worker",
                "needs": ["first"],
                "foreach": "steps.first.result.list",
                "budget": {"tokens": 1000},
            },
        }
    )
    assert (await crew.finish()).status is Status.COMPLETED


# The error rate.


async def test_a_session_whose_calls_mostly_fail_is_ended(arrange: Arrange) -> None:
    crew = arrange([calls(*[("wrok", {})] * 4)], loop=True)
    crew.agent("worker", budget={"errors": "60%"}, max_turns=99)
    outcome = await crew.finish()
    assert outcome.status is Status.OVER_BUDGET
    assert outcome.error is not None
    assert outcome.error.message == (
        "session work: 80% of the last 10 requests and tool calls failed, 60% errors end it"
    )


async def test_a_few_failures_at_the_beginning_are_no_rate_yet(arrange: Arrange) -> None:
    crew = arrange([calls(("wrok", {}), ("wrok", {})), submits()])
    crew.agent("worker", budget={"errors": "10%"})
    assert (await crew.finish()).status is Status.COMPLETED


async def test_requests_that_are_tried_again_count_as_failures(arrange: Arrange) -> None:
    busy = Turn(error=ScriptedFault(fault=Fault.OVERLOAD, message="busy"))
    crew = arrange([*[busy, busy, busy, calls("work")] * 9, submits()])
    crew.agent("worker", budget={"errors": "60%"})
    outcome = await crew.finish()
    assert outcome.status is Status.OVER_BUDGET
    assert len(crew.model.requests) == 8


# Notices.


async def test_at_80_percent_the_model_and_who_watches_are_told_once(arrange: Arrange) -> None:
    tokens = (*[9_000] * 9, 10, 10)
    crew = arrange([*(spends(calls("work"), each) for each in tokens), submits()])
    crew.agent("worker", budget={"tokens": "200k"})
    crew.team({"worker": "worker"}, budget={"tokens": "100k"})
    assert (await crew.finish()).status is Status.COMPLETED
    fact = "The budget of the run, 100,000 tokens: 81,000 spent"
    assert told(crew) == [
        f"{fact}. Keep to what matters most, and submit your result in good time."
    ]
    assert [event.text for event in crew.events_of(Notice)] == [fact]
    assert forced(crew) == [False] * 12
    assert told(crew)[0] in [m.text for m in crew.model.requests[9].messages if m.kind == "user"]


async def test_at_95_percent_the_model_must_submit_what_it_has(arrange: Arrange) -> None:
    crew = arrange([spends(calls("work"), 96_000), submits()])
    crew.agent("worker", budget={"tokens": "100k"})
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    assert forced(crew) == [False, True]
    assert told(crew) == [
        "Last call by the budget of session work, 100,000 tokens: 96,000 spent. Call submit_result "
        "now with what you have, and say in it what you did not get to."
    ]


async def test_the_report_says_what_was_cut_short_also_of_a_run_that_goes_on(
    arrange: Arrange,
) -> None:
    crew = arrange([spends(calls("work"), 96_000), works(9), submits()])
    crew.agent("worker", budget={"tokens": "100k"})
    note = "cut short by the budget of session work, 100,000 tokens: a session had to submit"
    await lose_at(crew, 5)
    assert note in (await crew.finish_again()).report
    assert note in (await crew.finish()).report


async def test_who_had_the_last_call_hears_no_more_of_that_limit(arrange: Arrange) -> None:
    crew = arrange([spends(calls("work"), 81_000), *[spends(calls("work"), 10)] * 2, submits()])
    crew.agent("worker", budget={"tokens": "100k"})
    assert (await crew.finish()).status is Status.COMPLETED
    (only,) = told(crew)
    assert only.startswith("Last call by the budget of session work, 100,000 tokens: 81,000 spent")


async def test_the_last_turn_that_there_is_must_submit(arrange: Arrange) -> None:
    crew = arrange([calls("work"), calls("work"), submits()])
    crew.agent("worker", budget={"turns": 3})
    assert (await crew.finish()).status is Status.COMPLETED
    assert forced(crew) == [False, False, True]


async def test_a_turn_that_will_likely_reach_the_limit_must_submit(arrange: Arrange) -> None:
    crew = arrange([spends(calls("work"), 40_000), spends(calls("work"), 41_000), submits()])
    crew.agent("worker", budget={"tokens": "120k"})
    assert (await crew.finish()).status is Status.COMPLETED
    assert forced(crew) == [False, False, True]


# Side by side.


async def test_a_request_that_does_not_fit_beside_the_others_waits_for_them(
    arrange: Arrange,
) -> None:
    answer = spends(submits(delay=10), 10)
    crew = arrange({"*": [answer]})
    crew.workflow({name: {"role": "worker"} for name in "abc"})
    async with crew.start(budget=Budget(tokens=2 * OUTPUT)) as run:
        await crew.model.asked(1)
        await anyio.sleep(1)
        assert [request.session for request in crew.model.requests] == ["a"]
        (waits, *_) = (e for e in crew.events_of(SessionStatus) if e.status is Status.WAITING)
        assert (waits.session, waits.reason) == ("b", "what others have reserved of the budget")
        assert (await run.wait()).status is Status.COMPLETED


async def test_what_is_steered_while_a_request_waits_for_the_budget_is_in_it(
    arrange: Arrange,
) -> None:
    crew = arrange({"*": [spends(submits(delay=10), 10)]})
    crew.workflow({name: {"role": "worker"} for name in "ab"})
    async with crew.start(budget=Budget(tokens=OUTPUT)) as run:
        await crew.model.asked(1)
        await anyio.sleep(1)
        await crew.send(Steer(id=crew.id(), session="b", text="Look left."))
        await run.wait()
    assert any(isinstance(m, SteerEntry) for m in crew.model.of("b")[0].messages)


async def test_a_cancelled_wait_for_the_budget_holds_up_nobody(arrange: Arrange) -> None:
    crew = arrange({"*": [spends(submits(delay=10), 10)]})
    crew.workflow({name: {"role": "worker"} for name in "abc"})
    async with crew.start(budget=Budget(tokens=OUTPUT)) as run:
        await crew.model.asked(1)
        await anyio.sleep(1)
        await crew.send(Pause(id=crew.id(), session="b", hard=True))
        await crew.model.asked(2)
        assert crew.model.requests[-1].session == "c"
        await crew.send(Resume(id=crew.id(), session="b"))
        assert (await run.wait()).status is Status.COMPLETED


async def test_a_cost_of_which_nothing_is_known_is_not_reserved_beside_others(
    arrange: Arrange,
) -> None:
    crew = arrange({"*": [spends(submits(delay=1), 10, 5.0)]})
    crew.workflow({f"s{number}": {"role": "worker"} for number in range(4)})
    outcome = await crew.finish(budget=Budget(cost=4.0))
    assert outcome.status is Status.OVER_BUDGET
    assert outcome.usage.cost == 5.0


turns = st.lists(
    st.tuples(st.integers(1, OUTPUT), st.floats(0, 3), st.sampled_from(["work", "submit"])),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(sessions=st.lists(turns, min_size=1, max_size=5), limit=st.integers(1, 60_000))
def test_sessions_side_by_side_pass_a_limit_by_one_turn_at_most(
    sessions: list[list[tuple[int, float, str]]], limit: int
) -> None:
    async def run() -> RunOutcome:
        with TemporaryDirectory() as root:
            crew = Crew(
                Path(root),
                {
                    f"s{number}": [
                        spends(submits(delay=delay) if what == "submit" else works(delay), tokens)
                        for tokens, delay, what in played
                    ]
                    for number, played in enumerate(sessions)
                },
            )
            crew.workflow({f"s{number}": {"role": "worker"} for number in range(len(sessions))})
            return await crew.finish(budget=Budget(tokens=limit), max_concurrency=8)

    outcome = anyio.run(run, backend_options=VIRTUAL[1])
    largest = max(tokens for played in sessions for tokens, _, _ in played)
    assert outcome.usage.tokens < limit + largest


# Time.


async def test_time_that_a_session_is_paused_does_not_count(arrange: Arrange) -> None:
    crew = arrange([works(10), works(10), submits()])
    crew.team({"worker": "worker"}, budget={"time": "40s"})
    async with crew.start() as run:
        await anyio.sleep(5)
        await crew.send(Pause(id=crew.id()))
        await anyio.sleep(500)
        await crew.send(Resume(id=crew.id()))
        assert (await run.wait()).status is Status.COMPLETED


async def test_what_runs_when_the_time_is_up_is_cut(arrange: Arrange) -> None:
    crew = arrange([works(500), submits()])
    crew.agent("worker", budget={"time": "40s"})
    async with crew.start() as run:
        outcome = await run.wait()
        assert anyio.current_time() == pytest.approx(40, abs=1)
    assert outcome.status is Status.OVER_BUDGET
    assert crew.results() == [("work", "error")]


async def test_an_answer_that_comes_too_late_is_cut(arrange: Arrange) -> None:
    crew = arrange([says("Thinking.", delay=500)])
    crew.agent("worker", budget={"time": "40s"})
    assert (await crew.finish()).status is Status.OVER_BUDGET


async def test_sessions_side_by_side_take_the_runs_time_once(arrange: Arrange) -> None:
    crew = arrange({"*": [works(30), submits()]})
    crew.workflow({f"s{number}": {"role": "worker"} for number in range(4)})
    crew.team({"worker": "worker"}, budget={"time": "40s"})
    assert (await crew.finish()).status is Status.COMPLETED


async def test_a_session_that_is_paused_while_it_waits_for_the_budget_asks_nothing(
    arrange: Arrange,
) -> None:
    crew = arrange({"*": [spends(submits(delay=10), 10)]})
    crew.workflow({name: {"role": "worker"} for name in "abc"})
    async with crew.start(budget=Budget(tokens=OUTPUT)) as run:
        await crew.model.asked(1)
        await anyio.sleep(1)
        await crew.send(Pause(id=crew.id()))
        await anyio.sleep(50)
        assert [request.session for request in crew.model.requests] == ["a"]
        await crew.send(Resume(id=crew.id()))
        assert (await run.wait()).status is Status.COMPLETED


async def test_a_result_stands_whose_session_goes_on_and_has_nothing_left(
    arrange: Arrange,
) -> None:
    crew = arrange([calls("work", delay=5), submits(delay=5), calls("work")], loop=True)
    crew.agent("worker", budget={"turns": 2})
    async with crew.start() as run:
        await crew.model.asked(2)
        await crew.send(FollowUp(id=crew.id(), session="work", text="And then?"))
        outcome = await run.wait()
    assert outcome.status is Status.COMPLETED
    assert outcome.result == {"summary": "done"}


# Prices.


async def test_a_cost_that_turns_out_unknown_ends_what_it_limits(arrange: Arrange) -> None:
    crew = arrange([spends(calls("work"), 10, None), submits()])
    outcome = await crew.finish(budget=Budget(cost=1.0))
    assert outcome.status is Status.OVER_BUDGET
    assert outcome.error is not None
    assert "what an answer cost is unknown" in outcome.error.message


@pytest.mark.parametrize("level", ["agent", "step", "team", "run"])
async def test_a_limit_of_the_cost_is_refused_where_no_price_is_known(
    arrange: Arrange, level: str
) -> None:
    crew = arrange([submits()])
    budget = {"budget": {"cost": 1}}
    crew.agent("worker", **(budget if level == "agent" else {}))
    crew.workflow({"work": {"role": "worker"} | (budget if level == "step" else {})})
    crew.team({"worker": "worker"}, **(budget if level == "team" else {}))
    providers = {"mine": {"kind": "openai-chat", "base_url": "http://127.0.0.1:9/v1"}}
    options = {"model": "mine:coder", "config": Config.model_validate({"providers": providers})}
    with pytest.raises(UsageError, match="the price of mine:coder is unknown") as refused:
        await crew.finish(**options, **({"budget": Budget(cost=1)} if level == "run" else {}))
    assert "set `price`" in refused.value.hint


# After a crash.


async def test_accounts_are_rebuilt_from_transcripts(arrange: Arrange) -> None:
    crew = arrange([spends(works(10), 700, 0.2), spends(works(10), 800, 0.2), submits()])
    await crew.finish()
    agent = default_library(crew.root, {}, tools=crew.tools).agent("worker")
    past = PastSession(id="work", agent=agent, task="work", entries=crew.transcript())
    for limit, spent in {"tokens": 1500, "turns": 3, "cost": 0.4, "time": 20}.items():
        for more, over in ((0, True), (1, False)):
            budget = RunBudget(Budget.model_validate({limit: spent + more}))
            budget.restore([past])
            assert budget.over("work") is over, limit
    assert budget.spent.tokens == 1500


async def lose_at(crew: Crew, seconds: float) -> None:
    """Start the run, and lose its process after that time."""
    async with crew.start():
        await anyio.sleep(seconds)
        crew.lose()


@pytest.mark.parametrize("lost", ["each_1", "each_1.helper-1"])
async def test_an_items_task_pays_for_sessions_whose_beginning_the_journal_lost(
    arrange: Arrange, lost: str
) -> None:
    spawn = calls(("spawn_agent", {"agent": "helper", "prompt": "Help."}))
    crew = arrange(
        {
            "list": [submits({"list": ["x"]})],
            "each_1": [spends(spawn, 100), spends(calls("work"), 100), *[submits()] * 2],
            "helper": [spends(works(50), 800), submits()],
        }
    )
    crew.agent("helper")
    crew.agent("worker", spawns=["helper"], output={"type": "object"})
    each = {"needs": ["list"], "foreach": "steps.list.result.list", "budget": {"tokens": 1000}}
    crew.workflow({"list": {"role": "worker"}, "each": {"role": "worker", **each}})
    await lose_at(crew, 5)
    crew.forget(lost)
    outcome = await crew.finish_again()
    assert outcome.status is Status.OVER_BUDGET
    assert outcome.error is not None
    assert outcome.error.message == "task each_1 has spent 1,000 of 1,000 tokens"


async def test_a_notice_is_not_repeated_when_a_run_goes_on(arrange: Arrange) -> None:
    tokens = (*[9_000] * 9, 10)
    crew = arrange([*(spends(calls("work"), each) for each in tokens), works(9), submits()])
    crew.agent("worker", budget={"tokens": "100k"})
    await lose_at(crew, 5)
    assert len(told(crew)) == 1
    assert (await crew.finish_again()).status is Status.COMPLETED
    assert len(told(crew)) == len(crew.events_of(Notice)) == 1


@pytest.mark.parametrize("lost", ["nothing", "the session's beginning"])
@pytest.mark.parametrize("level", ["agent", "step", "team"])
@pytest.mark.parametrize("limit", ["turns", "tokens", "cost", "time"])
async def test_what_was_spent_stays_spent_when_a_run_goes_on(
    arrange: Arrange, level: str, limit: str, lost: str
) -> None:
    crew = arrange([spends(works(10), 1000, 0.1)], loop=True)
    budget = {limit: SPENT[limit][0]}
    crew.agent("worker", **({"budget": budget} if level == "agent" else {}))
    crew.workflow({"work": {"role": "worker"} | ({"budget": budget} if level == "step" else {})})
    crew.team({"worker": "worker"}, **({"budget": budget} if level == "team" else {}))
    await lose_at(crew, 15)
    if lost != "nothing":
        crew.forget("work")
    outcome = await crew.finish_again()
    assert outcome.status is Status.OVER_BUDGET
    assert outcome.error is not None
    assert outcome.error.message.endswith(SPENT[limit][1])
    assert outcome.usage.tokens == (4000 if limit == "time" else 3000)  # the cut call took no time


@pytest.mark.parametrize("live", [True, False])
async def test_a_task_that_a_person_runs_again_has_its_budget_anew_but_not_the_runs(
    arrange: Arrange, live: bool
) -> None:
    poor = [spends(works(1), 600)] * 9
    crew = arrange({"a": poor, "long": [works(100), submits()], "*": [submits()]})
    crew.workflow({"a": {"role": "worker", "budget": {"tokens": 1000}}, "long": {"role": "worker"}})
    if live:
        async with crew.start() as run:
            await anyio.sleep(20)
            await crew.send(Retry(id="r", task="a"))
            outcome = await run.wait()
    else:
        assert (await crew.finish()).status is Status.OVER_BUDGET
        outcome = await crew.finish_again(retry=True)
    assert outcome.status is Status.COMPLETED
    assert [name for name in crew.order() if name != "long"] == ["a", "a~2"]
    assert outcome.usage.tokens == 1200
