"""What a session may do: shrinking tool lists, grants, and a person's word."""

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crew.commands import Answer, Cancel, Steer
from crew.entries import PermissionEntry, ToolResultEntry
from crew.errors import NoSuchRequestError
from crew.events import Notice, PermissionAnswered, PermissionAsked, SessionStatus
from crew.records import Status
from crew.session.permissions import allowed_tools
from crew.tools.registry import READ_ONLY, TOOL_NAMES
from tests.doubles.crews import Crew
from tests.doubles.models import calls, submits
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange

some_tools = st.none() | st.lists(st.sampled_from(TOOL_NAMES), unique=True)


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@given(some_tools, some_tools, some_tools)
def test_a_session_never_has_a_tool_that_one_of_its_bounds_lacks(
    ceiling: list[str] | None, requested: list[str] | None, parent: list[str] | None
) -> None:
    allowed = allowed_tools(ceiling, requested=requested, parent=parent)
    for bound in (READ_ONLY if ceiling is None else ceiling, requested, parent):
        assert bound is None or set(allowed) <= set(bound)
    everything = set(READ_ONLY if ceiling is None else ceiling)
    assert set(allowed) == everything.intersection(
        *(set(bound) for bound in (requested, parent) if bound is not None)
    )


async def test_a_spawned_session_has_no_tool_that_its_parent_lacks(arrange: Arrange) -> None:
    crew = arrange(
        {
            "boss": [calls(("spawn_agent", {"agent": "worker", "prompt": "go"})), submits()],
            "worker": [submits()],
        }
    )
    crew.agent("boss", spawns=["worker"], tools=["work"])
    crew.agent("worker", tools=["work", "writes"])
    crew.workflow({"work": {"role": "boss"}})
    crew.team({"boss": "boss"})
    await crew.finish()
    (request,) = crew.model.of("work.worker-1")
    assert [tool.name for tool in request.tools] == ["work", "submit_result"]


async def test_without_a_grant_nobody_to_ask_means_no_and_the_flag_is_named(
    arrange: Arrange,
) -> None:
    crew = arrange([calls("writes", "executes"), submits()], allow=())
    await crew.finish()
    results = [e for e in crew.transcript() if isinstance(e, ToolResultEntry)]
    assert [e.outcome.value for e in results[:2]] == ["denied", "denied"]
    assert "--allow write" in results[0].text
    assert "--allow execute" in results[1].text
    assert crew.tool("writes").log == []


async def test_what_nobody_is_there_to_ask_for_is_told_once_a_tool_and_counted_in_the_report(
    arrange: Arrange,
) -> None:
    crew = arrange([calls("writes", "writes", "executes"), submits()], allow=())
    outcome = await crew.finish()
    said = [event.text for event in crew.events() if isinstance(event, Notice)]
    assert said == [
        "writes denied: nobody is there to ask; give --allow write",
        "executes denied: nobody is there to ask; give --allow execute",
    ]
    assert "3 calls were denied (executes, writes)" in outcome.report
    assert "give --allow execute --allow write" in outcome.report


@pytest.mark.parametrize("grant", ["write", "writes"])
async def test_a_grant_names_an_effect_or_a_tool(arrange: Arrange, grant: str) -> None:
    crew = arrange([calls("writes", "executes"), submits()])
    crew.team({"worker": "worker"}, permissions=[])
    outcome = await crew.finish(allow=(grant,))
    assert outcome.status is Status.COMPLETED
    assert crew.results()[:2] == [("writes", "ok"), ("executes", "denied")]


def asked(crew: Crew) -> list[str]:
    return [event.request for event in crew.events_of(PermissionAsked)]


async def test_a_person_is_asked_and_the_answer_decides(arrange: Arrange) -> None:
    crew = arrange([calls("writes", "writes", "writes", "writes"), submits()], allow=())
    async with crew.start(interactive=True) as run:
        for decision in ("allow", "deny", "allow_session"):
            await anyio.sleep(1)
            word = Answer(
                id=crew.id(), request=asked(crew)[-1], decision=decision, reason="because"
            )
            await run.control.send(word)
        await run.wait()
    assert crew.results()[:4] == [
        ("writes", "ok"),
        ("writes", "denied"),
        ("writes", "ok"),
        ("writes", "ok"),
    ]
    assert [e.decision for e in crew.events_of(PermissionAnswered)] == [
        *("allow", "deny", "allow_session")
    ]
    denied = [e for e in crew.transcript() if isinstance(e, ToolResultEntry)][1]
    assert denied.text == "writes was denied: because"
    kept = [e.decision for e in crew.transcript() if isinstance(e, PermissionEntry)]
    assert kept == ["allowed", "denied", "allowed"]
    waits = [e.status.value for e in crew.events_of(SessionStatus)]
    assert waits.count("waiting") == 3


async def test_an_answer_that_nothing_waits_for_is_refused(arrange: Arrange) -> None:
    crew = arrange([calls("writes"), submits()], allow=())
    async with crew.start(interactive=True) as run:
        await anyio.sleep(1)
        request = asked(crew)[0]
        await run.control.send(Answer(id="1", request=request, decision="allow"))
        for late in (request, "permission-99"):
            with pytest.raises(NoSuchRequestError):
                await run.control.send(Answer(id=f"late {late}", request=late, decision="deny"))
        await run.wait()


async def test_a_steer_ends_the_wait_for_a_permission(arrange: Arrange) -> None:
    crew = arrange([calls("writes"), submits()], allow=())
    async with crew.start(interactive=True) as run:
        await anyio.sleep(1)
        await run.control.send(Steer(id="s", session="work", text="never mind"))
        outcome = await run.wait()
    assert outcome.status is Status.COMPLETED
    assert crew.results()[0] == ("writes", "cancelled")
    assert crew.tool("writes").log == []


async def test_the_end_of_a_session_denies_what_it_still_asks_for(arrange: Arrange) -> None:
    crew = arrange([calls("writes")], allow=())
    async with crew.start(interactive=True) as run:
        await anyio.sleep(1)
        await run.control.send(Cancel(id="c", session="work"))
        outcome = await run.wait()
    assert outcome.status is Status.CANCELLED
    assert crew.results() == [("writes", "cancelled")]


async def test_a_path_outside_the_workspace_is_refused_before_anyone_is_asked(
    arrange: Arrange,
) -> None:
    crew = arrange([calls(("write", {"path": "../out.txt", "content": "x"})), submits()], allow=())
    crew.agent("worker", tools=["write"])
    async with crew.start(interactive=True) as run:
        await run.wait()
    assert crew.results()[0] == ("write", "error")
    assert asked(crew) == []
    assert not (crew.root.parent / "out.txt").exists()


async def test_a_tool_that_a_steer_may_cut_runs_or_is_denied_by_the_word(arrange: Arrange) -> None:
    crew = arrange([calls("executes", "executes"), submits()], allow=())
    async with crew.start(interactive=True) as run:
        for decision in ("allow", "deny"):
            await anyio.sleep(1)
            await run.control.send(Answer(id=crew.id(), request=asked(crew)[-1], decision=decision))
        await run.wait()
    assert crew.results()[:2] == [("executes", "ok"), ("executes", "denied")]


async def test_a_steer_cuts_a_tool_that_runs_by_a_persons_word(arrange: Arrange) -> None:
    crew = arrange([calls(("executes", {"seconds": 600})), submits()], allow=())
    async with crew.start(interactive=True) as run:
        await anyio.sleep(1)
        await crew.send(Answer(id=crew.id(), request=asked(crew)[-1], decision="allow"))
        await anyio.sleep(1)
        await crew.send(Steer(id=crew.id(), session="work", text="enough"))
        await run.wait()
    assert crew.results()[0] == ("executes", "cancelled")
    assert crew.tool("executes").log == ["begin work"]
