"""Fold: the results of a `foreach` made one, with nothing left out."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crew.orchestration.fold import concat

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
