"""What a result's lines are, whatever its schema."""

from hypothesis import given
from hypothesis import strategies as st

from crew.view import FilePlace, Form, Part, ResultItem, result_items

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def markdown(text: str) -> tuple[Part, ...]:
    return (Part(form=Form.MARKDOWN, text=text),)


def test_findings_come_first_the_worst_of_them_on_top() -> None:
    found = [
        {"title": "remark", "priority": "P3"},
        {"title": "loss", "priority": "P1", "file": "a.py", "line": 3, "body": "It *drops*."},
    ]
    first, second = result_items({"verdict": "revise", "summary": "Two.", "findings": found})
    assert (first.label, first.place, first.title, first.grave) == ("P1", "a.py:3", "loss", True)
    assert first.parts == markdown("It *drops*.")
    assert first.where == FilePlace(file="a.py", line=3)
    assert (second.label, second.grave, second.where) == ("P3", False, None)


def test_each_entry_of_a_list_is_a_line_with_its_place_and_the_rest_behind_it() -> None:
    answer = {"claim": "Opened here", "file": "db.py", "line": 7, "evidence": "the only `connect`"}
    (item,) = result_items({"summary": "Found.", "answers": [answer]})
    assert (item.label, item.place, item.title) == ("answers", "db.py:7", "Opened here")
    assert item.where == FilePlace(file="db.py", line=7)
    assert item.parts == markdown("**evidence:** the only `connect`")


def test_a_document_is_a_text_to_be_read() -> None:
    (item,) = result_items({"summary": "Written.", "document": "# Title\n\nWords."})
    assert item == ResultItem(
        label="document",
        title="# Title Words.",
        parts=markdown("# Title\n\nWords."),
        text=True,
    )


def test_a_summary_that_one_line_does_not_hold_is_there_whole() -> None:
    said = "First.\n\nSecond."
    (item,) = result_items({"summary": said})
    assert (item.label, item.parts) == ("summary", markdown(said))
    assert result_items({"summary": "Short."}) == ()


def test_plain_values_and_lists_are_told_by_their_names() -> None:
    (tests, spent) = result_items(
        {"tests_run": ["a", "b"], "nothing": [], "none": None, "spent": {"tokens": 3}}
    )
    assert (tests.label, tests.parts) == ("tests run", markdown("- a\n- b"))
    assert (spent.label, spent.parts) == ("spent", markdown("**tokens:** 3"))


def test_control_characters_of_a_result_reach_no_line() -> None:
    evil = "a\x1b[31m\u202eb"
    for item in result_items({"document": evil, "answers": [{"claim": evil, "evidence": evil}]}):
        shown = "".join([item.label, item.title, item.place, *(part.text for part in item.parts)])
        assert "\x1b" not in shown
        assert "\u202e" not in shown


@given(values)
def test_any_value_can_be_told(value: object) -> None:
    for item in result_items(value):
        assert "\n" not in item.title + item.label + item.place
