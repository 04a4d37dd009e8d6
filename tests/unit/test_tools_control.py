"""The tools that a session gives itself: submitting its result, spawning others."""

from pathlib import Path
from typing import Any

import pytest

from crew.errors import ToolError
from crew.records import JsonObject
from crew.tools.protocol import SpawnOutcome, SpawnRequest
from crew.tools.spawn import SpawnAgent
from crew.tools.submit import SubmitResult
from tests.doubles.workbench import Workbench

SCHEMA: JsonObject = {"type": "object", "required": ["title"], "properties": {"title": {}}}


def spawner() -> SpawnAgent:
    return SpawnAgent(["explorer", "critic"], {"explorer": "Maps a change."})


async def spawned(folder: Path, value: Any, text: str = "", status: str = "completed") -> Any:
    asked: list[SpawnRequest] = []

    async def spawn(request: SpawnRequest) -> SpawnOutcome:
        asked.append(request)
        return SpawnOutcome(session="s1.2", status=status, value=value, text=text)

    output = await Workbench(folder, spawn=spawn).call(spawner(), agent="critic", prompt="Judge.")
    assert asked == [SpawnRequest(agent="critic", prompt="Judge.")]
    assert output.session == "s1.2"
    return output


def test_the_result_schema_is_the_parameters_as_they_are() -> None:
    assert SubmitResult(SCHEMA).parameters() is SCHEMA


async def test_the_submitted_object_reaches_the_session_unchanged_and_ends_it(
    tmp_path: Path,
) -> None:
    values: list[JsonObject] = []

    def submit(value: JsonObject) -> str:
        values.append(value)
        return "thank you"

    bench = Workbench(tmp_path, submit=submit)
    output = await bench.call(SubmitResult(SCHEMA), title="x", unknown=[1, {"value": None}])
    assert values == [{"title": "x", "unknown": [1, {"value": None}]}]
    assert output.ends
    assert output.text == "thank you"


async def test_a_result_that_does_not_fit_comes_back_and_does_not_end_the_session(
    tmp_path: Path,
) -> None:
    def refuse(_value: JsonObject) -> str:
        raise ToolError("title: required")

    with pytest.raises(ToolError, match="title: required"):
        await Workbench(tmp_path, submit=refuse).call(SubmitResult(SCHEMA))


def test_the_agents_that_may_be_spawned_are_the_choices_with_what_they_do() -> None:
    agent = spawner().parameters()["properties"]["agent"]
    assert agent["enum"] == ["explorer", "critic"]
    assert "Maps a change." in agent["description"]
    other = SpawnAgent(["other"], {}).parameters()["properties"]["agent"]
    assert other["enum"] == ["other"]


def test_another_agent_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ToolError, match="did you mean 'explorer'"):
        spawner().parse({"agent": "explore", "prompt": "x"})


async def test_a_childs_result_is_given_as_json(tmp_path: Path) -> None:
    output = await spawned(tmp_path, {"verdict": "grün"})
    assert output.ok
    assert '"verdict": "grün"' in output.text
    assert output.summary == "critic completed"


async def test_a_child_without_a_result_gives_its_status_and_last_words(tmp_path: Path) -> None:
    output = await spawned(tmp_path, None, "I was", "max_turns")
    assert not output.ok
    assert "max_turns" in output.text and "no result" in output.text and "I was" in output.text


async def test_a_child_that_said_nothing_is_no_empty_text(tmp_path: Path) -> None:
    output = await spawned(tmp_path, None, status="failed")
    assert "failed" in output.text and "said nothing" in output.text


async def test_a_refused_spawn_is_an_error_that_the_model_reads(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="no children here"):
        await Workbench(tmp_path).call(spawner(), agent="critic", prompt="x")
