from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crew.view import (
    Finding,
    Priority,
    breaks,
    findings,
    is_empty,
    outcome_words,
    summary,
    tally,
    verdict,
    worst,
)
from crew.view.findings import NOTHING

WHOLE = {
    "title": "Key in the source",
    "body": "It was committed.",
    "priority": "P0",
    "confidence": 0.9,
    "file": "a.py",
    "line": 3,
    "end_line": 4,
    "rule": "S105",
    "quote": "key = '...'",
}


def test_a_whole_finding_is_read_as_it_is() -> None:
    assert findings({"findings": [WHOLE]}) == [
        Finding(
            title="Key in the source",
            body="It was committed.",
            priority=Priority.P0,
            confidence=0.9,
            file="a.py",
            line=3,
            end_line=4,
            rule="S105",
            quote="key = '...'",
        )
    ]


@pytest.mark.parametrize(
    ("item", "finding"),
    [
        ({"title": "x"}, Finding(title="x")),
        ("just words", Finding(title="just words")),
        ({"body": "only a body"}, Finding(title="only a body", body="only a body")),
        ({}, Finding(title="(no title)")),
        ({"title": "x", "priority": "p1"}, Finding(title="x", priority=Priority.P1)),
        ({"title": "x", "priority": 3}, Finding(title="x", priority=Priority.P3)),
        ({"title": "x", "priority": "urgent"}, Finding(title="x", priority=Priority.P2)),
        ({"title": "x", "line": -1, "confidence": 7}, Finding(title="x")),
        ({"title": "x", "line": True, "confidence": True}, Finding(title="x")),
        ({"title": "a\x1b[31mb\nc"}, Finding(title="ab c")),
    ],
)
def test_what_is_missing_or_off_is_left_open(item: Any, finding: Finding) -> None:
    assert findings({"findings": [item]}) == [finding]


@pytest.mark.parametrize(
    "result", [None, [], "x", {}, {"findings": None}, {"findings": {"a": 1}}, {"findings": [3]}]
)
def test_a_result_without_findings_has_none(result: Any) -> None:
    assert findings(result) == []


def test_findings_come_worst_first_then_by_place() -> None:
    items = [
        {"title": "d", "priority": "P3", "file": "a"},
        {"title": "c", "priority": "P1", "file": "b", "line": 1},
        {"title": "b", "priority": "P1", "file": "a", "line": 10},
        {"title": "a", "priority": "P1", "file": "a", "line": 9},
    ]
    assert [finding.title for finding in findings({"findings": items})] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("item", "place"),
    [
        ({"file": "a.py", "line": 3}, "a.py:3"),
        ({"file": "a.py"}, "a.py"),
        ({"line": 3}, ""),
    ],
)
def test_a_place_says_what_is_known(item: dict[str, Any], place: str) -> None:
    assert findings({"findings": [item]})[0].place == place


def test_the_worst_finding_and_the_tally() -> None:
    found = findings({"findings": [{"priority": "P2"}, {"priority": "P1"}, {"priority": "P2"}]})
    assert worst(found) is Priority.P1
    assert tally(found) == "3 findings: 1 P1, 2 P2"
    assert (worst([]), tally([])) == (None, "no findings")
    assert tally(found[:1]) == "1 finding: 1 P1"


@pytest.mark.parametrize(
    ("result", "limit", "broken"),
    [
        ({"findings": [{"priority": "P1"}]}, Priority.P1, True),
        ({"findings": [{"priority": "P0"}]}, Priority.P1, True),
        ({"findings": [{"priority": "P2"}]}, Priority.P1, False),
        ({"findings": [], "verdict": "request_changes"}, Priority.P3, False),
        ({"verdict": "request_changes"}, Priority.P0, True),
        ({"verdict": "approve"}, Priority.P3, False),
        ({"summary": "fine"}, Priority.P3, False),
        (None, Priority.P3, False),
    ],
)
def test_a_gate_breaks_on_a_finding_of_its_priority_or_worse(
    result: Any, limit: Priority, broken: bool
) -> None:
    assert breaks(result, limit) is broken


def test_verdict_and_summary_are_words_or_nothing() -> None:
    assert verdict({"verdict": "approve"}) == "approve"
    assert [verdict(None), verdict({}), verdict({"verdict": 1})] == [None, None, None]
    assert summary({"summary": " a\n"}) == "a"
    assert [summary(None), summary({"summary": 1})] == ["", ""]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(list(WHOLE)), inner),
    max_leaves=10,
)


@given(JSON)
@example(["\x08"])
def test_no_result_is_too_odd_to_read(value: Any) -> None:
    for finding in findings({"findings": value}):
        assert finding.title
        assert finding.priority in Priority


def test_a_result_in_one_line_is_its_verdict_and_findings_or_its_summary() -> None:
    found = [{"title": "a", "priority": "P1"}]
    assert outcome_words({"verdict": "request_changes", "findings": found}) == (
        "request changes, 1 finding: 1 P1"
    )
    assert outcome_words({"findings": []}) == "no findings"
    assert outcome_words({"summary": "All\nis \x1b[1mwell."}) == "All is well."
    assert outcome_words(["anything"]) == ""
    assert outcome_words({"note": {"text": "no word of what it came to"}}) == ""


P1 = {"summary": "s", "findings": [{"title": "a", "priority": "P1"}]}
NONE: dict[str, Any] = {"summary": "s", "findings": []}


def test_of_several_last_steps_each_is_told_the_worst_first() -> None:
    assert outcome_words({"code": NONE, "docs": P1}) == "docs: 1 finding: 1 P1; code: no findings"
    assert outcome_words({"a": {"verdict": "approve"}, "b": {"summary": "Well."}}) == (
        "a: approve; b: Well."
    )
    assert outcome_words({"each": [NONE, P1]}) == "each: 2 results, 1 finding: 1 P1"


def test_of_a_step_for_each_item_the_results_are_counted() -> None:
    assert outcome_words([P1, P1]) == "2 results, 2 findings: 2 P1"
    assert outcome_words([{"summary": "Well."}]) == "1 result"


@pytest.mark.parametrize(
    "result", [{"a": NONE, "b": P1}, [NONE, P1], {"a": [P1]}, {"a": {"verdict": "reject"}}]
)
def test_a_gate_breaks_on_any_of_several_results(result: Any) -> None:
    assert breaks(result, Priority.P1)
    assert not breaks({"a": NONE, "b": [NONE]}, Priority.P3)


def test_several_results_are_empty_where_each_is() -> None:
    nothing = {"verdict": "approve", "summary": f"{NOTHING}."}
    assert is_empty({"a": nothing, "b": nothing})
    assert not is_empty({"a": nothing, "b": NONE})
    assert not is_empty({})
