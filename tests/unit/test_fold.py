"""Fan-out and fold: a task for each item, and their results made one with nothing left out."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crew.events import SessionEnded, TaskAdded, TaskEnded
from crew.models.script import Turn
from crew.orchestration.fold import concat
from crew.records import Status
from tests.doubles.crews import Crew
from tests.doubles.models import BROKEN, says, submits, works
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange

SCALAR = st.none() | st.booleans() | st.integers() | st.text("ab ", max_size=5)
JSON = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


def leaves(value: Any) -> list[Any]:
    """Every value that holds no other, in order."""
    match value:
        case dict():
            return [leaf for inner in value.values() for leaf in leaves(inner)]
        case list():
            return [leaf for inner in value for leaf in leaves(inner)]
        case str():
            return [(str, word) for word in value.split("\n\n") if word]
        case _:
            return [(type(value), value)]


@pytest.mark.parametrize(
    ("results", "folded"),
    [
        ([], []),
        ([[1, 2], [], [3]], [1, 2, 3]),
        (["one", "two"], "one\n\ntwo"),
        ([1, [2], "3"], [1, [2], "3"]),
        ([{"a": [1]}, {"a": [2], "b": "x"}, {"b": "y"}], {"a": [1, 2], "b": "x\n\ny"}),
        ([{"a": {"b": [1]}}, {"a": {"b": [2]}}], {"a": {"b": [1, 2]}}),
        ([{"a": 1}, {"a": None}], {"a": [1, None]}),
    ],
)
def test_results_of_one_shape_become_one_of_that_shape(results: list[Any], folded: Any) -> None:
    assert concat(results) == folded


@given(st.lists(JSON, max_size=4))
@settings(max_examples=150, deadline=None)
def test_nothing_is_left_out(results: list[Any]) -> None:
    folded = leaves(concat(results))
    assert sorted(map(repr, folded)) == sorted(map(repr, leaves(results)))


@given(st.lists(st.lists(SCALAR, max_size=3), max_size=5))
@settings(max_examples=50, deadline=None)
def test_lists_follow_each_other_in_item_order(results: list[list[Any]]) -> None:
    assert concat(results) == [value for result in results for value in result]


# Through whole runs.


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def fan_out(
    arrange: Arrange,
    items: Any,
    script: Mapping[str, Sequence[Turn]] | None = None,
    **step: Any,
) -> Crew:
    given: dict[str, Sequence[Turn]] = {"list": [submits({"items": items})]}
    crew = arrange({**given, **(script or {"*": [submits({"found": [1]})]})})
    crew.agent("worker", output={"type": "object"})
    each = {"foreach": "steps.list.result.items", "prompt": "On {item}.", **step}
    crew.workflow(
        {
            "list": {"role": "worker"},
            "each": {"role": "worker", "needs": ["list"], **each},
            "after": {"role": "worker", "needs": ["each"]},
        }
    )
    return crew


async def test_each_item_gets_a_task_and_the_results_become_a_list_in_item_order(
    arrange: Arrange,
) -> None:
    crew = fan_out(
        arrange,
        ["x", {"title": "Big  one", "n": 1}, 3],
        {
            "each_1": [works(5), submits({"found": ["one"]})],
            "each_2": [submits({"found": ["two"]})],
            "each_3": [works(2), submits({"found": ["three"]})],
            "after": [submits()],
        },
    )
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    assert crew.prompt("each_1").startswith("On x.\n")
    assert '"title": "Big  one"' in crew.prompt("each_2")
    assert crew.prompt("each_3").startswith("On 3.\n")
    titles = [event.title for event in crew.events_of(TaskAdded) if event.step == "each"]
    assert titles == ["", "x", "Big one", "3"]
    assert crew.order(SessionEnded)[1:4] == ["each_2", "each_3", "each_1"]
    text = crew.prompt("after")
    body = json.loads(text.split('status="completed">\n')[1].split("\n</result>")[0])
    assert body == [{"found": ["one"]}, {"found": ["two"]}, {"found": ["three"]}]


async def test_fold_concat_joins_the_results(arrange: Arrange) -> None:
    crew = fan_out(arrange, ["x", "y"], fold="concat")
    await crew.finish()
    body = crew.prompt("after").split('status="completed">\n')[1].split("\n</result>")[0]
    assert json.loads(body) == {"found": [1, 1]}


async def test_the_items_of_a_fan_out_share_the_limit_of_the_run(arrange: Arrange) -> None:
    crew = fan_out(
        arrange, list(range(6)), {"after": [submits()], "*": [works(1), submits({"found": []})]}
    )
    await crew.finish(max_concurrency=2)
    assert crew.most_at_once() == 2
    assert crew.ends()["each"] == "completed"


async def test_a_fan_out_over_nothing_is_done_at_once(arrange: Arrange) -> None:
    crew = fan_out(arrange, [])
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    assert crew.ends() == {"list": "completed", "each": "completed", "after": "completed"}
    assert crew.prompt("after").endswith('status="completed">\n[]\n</result>')


@pytest.mark.parametrize("items", [{"a": 1}, "text", 5, None])
async def test_a_fan_out_over_what_is_no_list_fails_and_says_so(
    arrange: Arrange, items: Any
) -> None:
    crew = fan_out(arrange, items)
    outcome = await crew.finish()
    assert outcome.status is Status.FAILED
    assert outcome.error is not None
    assert outcome.error.message == "foreach: steps.list.result.items is not a list"
    assert crew.ends() == {"list": "completed", "each": "failed", "after": "unreachable"}


async def test_a_skipped_fan_out_has_no_items(arrange: Arrange) -> None:
    crew = fan_out(arrange, ["x"], when="len(steps.list.result.items) > 3")
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    assert crew.ends() == {"list": "completed", "each": "skipped", "after": "completed"}


async def test_an_item_that_fails_lets_the_others_end_and_fails_the_whole(
    arrange: Arrange,
) -> None:
    crew = fan_out(
        arrange, ["x", "y", "z"], {"each_2": [BROKEN], "*": [works(1), submits({"found": []})]}
    )
    outcome = await crew.finish()
    assert outcome.status is Status.FAILED
    assert crew.ends() == {
        **{"list": "completed", "each_1": "completed", "each_2": "failed", "each_3": "completed"},
        **{"each": "failed", "after": "unreachable"},
    }
    each = next(e for e in crew.events_of(TaskEnded) if e.task == "each")
    assert each.error is not None
    assert each.error.message == "1 of 3 items did not complete: each_2"
    assert outcome.error is not None
    assert outcome.error.message == "no such thing"


async def test_a_run_whose_items_need_attention_needs_attention(arrange: Arrange) -> None:
    crew = fan_out(arrange, ["x"], {"*": [says("No.")] * 4})
    outcome = await crew.finish()
    assert outcome.status is Status.NEEDS_ATTENTION
