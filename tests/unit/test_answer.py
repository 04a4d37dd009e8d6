"""The builder of answers: whole, cut, broken and split anywhere."""

import itertools
import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crew.entries import TextEntry, ThinkingEntry, ToolCallEntry
from crew.errors import Fault, ModelError
from crew.models.answer import RAW_SHOWN, UNNAMED, Answer, AnswerBuilder
from crew.models.protocol import (
    Delta,
    StopDelta,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageDelta,
)
from crew.records import Usage

STOP = StopDelta("end")


def fresh_ids() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"new-{next(numbers)}"


def build(*deltas: Delta, taken: frozenset[str] = frozenset()) -> AnswerBuilder:
    builder = AnswerBuilder(new_id=fresh_ids(), taken=taken)
    for delta in deltas:
        builder.add(delta)
    return builder


def call(*deltas: Delta) -> ToolCallEntry:
    (part,) = build(*deltas, STOP).finish().parts
    assert isinstance(part, ToolCallEntry)
    return part


def test_parts_come_in_the_order_of_their_index() -> None:
    answer = build(
        ToolCallDelta(2, '{"path": "a"}', "c1", "read"),
        TextDelta(1, "Look."),
        ThinkingDelta(0, "Hm", {"signature": "s"}),
        UsageDelta(Usage(input_tokens=1)),
        UsageDelta(Usage(input_tokens=5, output_tokens=2)),
        StopDelta("tool_calls"),
    ).finish()
    assert answer == Answer(
        parts=(
            ThinkingEntry(text="Hm", meta={"signature": "s"}),
            TextEntry(text="Look."),
            ToolCallEntry(call_id="c1", tool="read", args={"path": "a"}),
        ),
        usage=Usage(input_tokens=5, output_tokens=2),
        stop="tool_calls",
    )


def test_a_stream_without_a_stop_was_truncated() -> None:
    with pytest.raises(ModelError) as caught:
        build(TextDelta(0, "half")).finish()
    assert caught.value.fault is Fault.TRUNCATED


@pytest.mark.parametrize("deltas", [(), (TextDelta(0, ""), TextDelta(0, " \n"))])
def test_an_answer_with_nothing_in_it_is_malformed(deltas: tuple[Delta, ...]) -> None:
    with pytest.raises(ModelError) as caught:
        build(*deltas, STOP).finish()
    assert caught.value.fault is Fault.MALFORMED


def test_thinking_without_words_is_kept_for_what_the_provider_put_into_it() -> None:
    answer = build(ThinkingDelta(0, "", {"data": "sealed"}), STOP).finish()
    assert answer.parts == (ThinkingEntry(text="", meta={"data": "sealed"}),)


def test_a_call_without_arguments_has_an_empty_object() -> None:
    part = call(ToolCallDelta(0, "", "c", "git_changes"))
    assert (part.args, part.invalid) == ({}, None)


@pytest.mark.parametrize(
    "raw",
    [
        '{"path": ',
        "[1]",
        '"x"',
        "NaN",
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": "\\ud800"}',
        "nonsense",
        "[" * 100_000,
    ],
)
def test_arguments_that_are_no_json_object_are_said_to_be_invalid(raw: str) -> None:
    part = call(ToolCallDelta(0, raw, "c", "read"))
    assert part.args == {}
    assert part.invalid is not None
    assert raw[:20] in part.invalid
    assert len(part.invalid) < RAW_SHOWN + 200


def test_surrogates_from_a_careless_provider_can_still_be_written() -> None:
    answer = build(TextDelta(0, "a\ud83d"), TextDelta(0, "\ude00b\ud800"), STOP).finish()
    (part,) = answer.parts
    assert isinstance(part, TextEntry)
    assert part.text == "a😀b\N{REPLACEMENT CHARACTER}"


def test_missing_repeated_and_used_up_call_ids_are_replaced_by_unique_ones() -> None:
    answer = build(
        ToolCallDelta(0, "{}", "", "a"),
        ToolCallDelta(1, "{}", "same", "b"),
        ToolCallDelta(2, "{}", "same", "c"),
        ToolCallDelta(3, "{}", "old", "d"),
        STOP,
        taken=frozenset({"old", "new-2"}),
    ).finish()
    ids = [part.call_id for part in answer.parts if isinstance(part, ToolCallEntry)]
    assert ids == ["new-1", "same", "new-3", "new-4"]


def test_a_call_that_names_no_tool_is_invalid_and_keeps_its_place() -> None:
    part = call(ToolCallDelta(0, '{"a": 1}', "c"))
    assert (part.tool, part.args) == (UNNAMED, {})
    assert part.invalid is not None and '{"a": 1}' in part.invalid


def test_a_cut_request_leaves_its_words_marked_as_partial_and_no_calls() -> None:
    builder = build(
        ThinkingDelta(0, "Hm"), TextDelta(1, "Half a"), ToolCallDelta(2, '{"pa', "c", "read")
    )
    assert builder.partial() == (
        ThinkingEntry(text="Hm", partial=True),
        TextEntry(text="Half a", partial=True),
    )


def test_the_text_so_far_is_the_text_alone() -> None:
    builder = build(ThinkingDelta(0, "Hm"), TextDelta(1, "a"), TextDelta(1, "b"))
    assert builder.text_so_far == "ab"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
WHOLE: st.SearchStrategy[list[Delta]] = st.lists(
    st.one_of(
        st.builds(lambda text: ("text", text), st.text(max_size=30)),
        st.builds(lambda text: ("thinking", text), st.text(max_size=30)),
        st.builds(
            lambda args: ("call", json.dumps(args)),
            st.dictionaries(st.text(max_size=4), JSON, max_size=3),
        ),
        st.builds(lambda raw: ("call", raw), st.text(alphabet='{}[]",:ae1\\u ', max_size=20)),
    ),
    max_size=5,
).map(lambda kinds: [_delta(index, *kind) for index, kind in enumerate(kinds)])


def _delta(index: int, kind: str, text: str) -> Delta:
    if kind == "text":
        return TextDelta(index, text)
    if kind == "thinking":
        return ThinkingDelta(index, text)
    return ToolCallDelta(index, text, f"c{index}", "read")


def _cut(delta: Delta, places: list[int]) -> list[Delta]:
    if isinstance(delta, TextDelta | ThinkingDelta):
        make = type(delta)
        return [make(delta.index, piece) for piece in _pieces(delta.text, places)]
    assert isinstance(delta, ToolCallDelta)
    opening = ToolCallDelta(delta.index, "", delta.call_id, delta.tool)
    return [opening, *(ToolCallDelta(delta.index, piece) for piece in _pieces(delta.args, places))]


def _pieces(text: str, places: list[int]) -> list[str]:
    bounds = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[a:b] for a, b in itertools.pairwise(bounds)] or [""]


def _outcome(deltas: list[Delta]) -> object:
    try:
        return build(*deltas, STOP).finish()
    except ModelError as error:
        return error.fault


@settings(max_examples=150)
@given(whole=WHOLE, data=st.data())
def test_any_split_and_any_interleaving_of_parts_gives_the_same_answer(
    whole: list[Delta], data: st.DataObject
) -> None:
    queues = [
        _cut(delta, data.draw(st.lists(st.integers(0, 40), max_size=4), label="cuts"))
        for delta in whole
    ]
    woven: list[Delta] = []
    while queues := [queue for queue in queues if queue]:
        woven.append(queues[data.draw(st.integers(0, len(queues) - 1), label="next")].pop(0))
    assert _outcome(woven) == _outcome(whole)


@given(args=st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_arguments_survive_the_way_through_json(args: dict[str, object]) -> None:
    assert call(ToolCallDelta(0, json.dumps(args), "c", "read")).args == args
