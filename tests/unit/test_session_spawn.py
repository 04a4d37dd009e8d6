"""Child sessions: one spawn function, limits, and results that come back."""

import anyio
import pytest

from crew.definitions.types import Agent
from crew.entries import ToolResultEntry
from crew.events import SessionEnded, SessionStarted
from crew.records import Status
from crew.service import SpawnLimits, default_library
from tests.doubles.models import calls, says, submits, works
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def spawn(agent: str = "worker", prompt: str = "go") -> tuple[str, dict[str, object]]:
    return ("spawn_agent", {"agent": agent, "prompt": prompt})


async def test_a_childs_result_comes_back_to_its_parent(arrange: Arrange) -> None:
    crew = arrange({"boss": [calls(spawn()), submits()], "worker": [submits({"summary": "found"})]})
    crew.agent("boss", spawns=["worker"])
    crew.workflow({"work": {"role": "boss"}})
    crew.team({"boss": "boss"})
    await crew.finish()
    result = next(e for e in crew.transcript() if isinstance(e, ToolResultEntry))
    assert result.session == "work.worker-1"
    assert '"found"' in result.text
    child = crew.events_of(SessionStarted)[1]
    assert (child.parent, child.depth, child.session) == ("work", 1, "work.worker-1")
    assert child.title == "go"
    assert [e.session for e in crew.events_of(SessionEnded)] == ["work.worker-1", "work"]


@pytest.mark.parametrize("spawns", [[], ["worker"]])
async def test_a_session_has_the_tools_of_its_agent_and_those_said_to_be_its_own(
    arrange: Arrange, spawns: list[str]
) -> None:
    crew = arrange([submits()])
    crew.agent("boss", tools=["work"], spawns=spawns)
    crew.workflow({"work": {"role": "boss"}})
    crew.team({"boss": "boss"})
    await crew.finish()
    library = default_library(crew.root, tools=crew.tools)
    boss = library.entry("agent", "boss").definition
    assert isinstance(boss, Agent)
    told = [tool.name for tool in crew.model.requests[0].tools]
    assert told == ["work", *boss.own_tools]


async def test_children_of_one_answer_work_at_the_same_time(arrange: Arrange) -> None:
    crew = arrange(
        {
            "boss": [calls(spawn(), spawn(), spawn()), submits()],
            "worker": [calls(("work", {"seconds": 5})), submits()],
        }
    )
    crew.agent("boss", spawns=["worker"])
    crew.workflow({"work": {"role": "boss"}})
    crew.team({"boss": "boss"})
    async with crew.start() as run:
        await run.wait()
        assert anyio.current_time() < 6
    assert [e.session for e in crew.events_of(SessionStarted)][1:] == [
        *("work.worker-1", "work.worker-2", "work.worker-3")
    ]


async def test_a_child_without_a_result_is_told_apart_from_one_with(arrange: Arrange) -> None:
    crew = arrange({"boss": [calls(spawn()), submits()], "worker": [says("Just words.")] * 4})
    crew.agent("boss", spawns=["worker"])
    crew.workflow({"work": {"role": "boss"}})
    crew.team({"boss": "boss"})
    await crew.finish()
    result = next(e for e in crew.transcript() if isinstance(e, ToolResultEntry))
    assert result.outcome.value == "error"
    assert "needs_attention" in result.text
    assert "Just words." in result.text


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (SpawnLimits(fan_out=2), "2 live children"),
        (SpawnLimits(sessions=3), "3 live sessions"),
    ],
)
async def test_a_spawn_over_a_limit_is_refused_and_the_parent_goes_on(
    arrange: Arrange, limits: SpawnLimits, word: str
) -> None:
    crew = arrange(
        {
            "boss": [calls(spawn(), spawn(), spawn()), calls(spawn()), submits()],
            "worker": [calls(("work", {"seconds": 5})), submits()],
        }
    )
    crew.agent("boss", spawns=["worker"])
    crew.workflow({"work": {"role": "boss"}})
    crew.team({"boss": "boss"})
    outcome = await crew.finish(limits=limits)
    assert outcome.status is Status.COMPLETED
    results = [e for e in crew.transcript() if isinstance(e, ToolResultEntry)]
    refused = [e for e in results if e.outcome.value == "error"]
    assert len(refused) == 1
    assert word in refused[0].text
    assert len(crew.events_of(SessionStarted)) == 4, "the slot of an ended child is free again"


async def test_the_teams_limits_count_when_nobody_asks_for_others(arrange: Arrange) -> None:
    crew = arrange({"boss": [calls(spawn(), spawn()), submits()], "worker": [works(5), submits()]})
    crew.agent("boss", spawns=["worker"])
    crew.workflow({"work": {"role": "boss"}})
    crew.team({"boss": "boss"}, limits={"fan_out": 1})
    await crew.finish()
    assert [outcome for _, outcome in crew.results()] == ["error", "ok", "ok"]


async def test_a_task_waits_for_the_slot_that_a_child_has(arrange: Arrange) -> None:
    crew = arrange({"boss": [calls(spawn()), submits()], "worker": [works(5), submits()]})
    crew.agent("boss", spawns=["worker"])
    crew.workflow(
        {
            "first": {"role": "boss"},
            "quick": {"role": "worker"},
            "late": {"role": "worker", "needs": ["quick"]},
        }
    )
    crew.team({"boss": "boss", "worker": "worker"})
    assert (await crew.finish(limits=SpawnLimits(sessions=2))).status is Status.COMPLETED
    assert crew.most_at_once() <= 2


async def test_sessions_spawn_at_most_as_deep_as_the_limit(arrange: Arrange) -> None:
    crew = arrange({"*": [calls(spawn("nest")), submits()]})
    crew.agent("nest", spawns=["nest"])
    crew.workflow({"work": {"role": "nest"}})
    crew.team({"nest": "nest"})
    outcome = await crew.finish(limits=SpawnLimits(depth=2))
    assert outcome.status is Status.COMPLETED
    assert [e.depth for e in crew.events_of(SessionStarted)] == [0, 1, 2]
    deepest = crew.model.of("work.nest-1.nest-1")[0]
    assert "spawn_agent" not in [tool.name for tool in deepest.tools]


async def test_an_agent_that_may_not_spawn_has_no_tool_for_it(arrange: Arrange) -> None:
    crew = arrange([calls(spawn()), submits()])
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    assert crew.results()[0] == ("spawn_agent", "error")
    assert len(crew.events_of(SessionStarted)) == 1
