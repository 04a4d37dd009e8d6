import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crew.definitions import ConditionError, compile_condition
from crew.definitions.placeholders import find, render, value_at

DATA = {
    "goal": "ship it",
    "steps": {
        "code-review": {
            "result": {
                "verdict": "approve",
                "count": 3,
                "sure": True,
                "none": None,
                "findings": [{"title": "A"}, {"title": "B"}],
            }
        }
    },
}
R = "steps.code-review.result"


def holds(text: str) -> bool:
    return compile_condition(text).evaluate(lambda path: value_at(DATA, path))


@pytest.mark.parametrize(
    "text",
    [
        f'{R}.verdict == "approve"',
        f"{R}.verdict != 'request_changes'",
        f"{R}.count > 2 and {R}.count <= 3",
        f"2 < {R}.count < 4",
        f"len({R}.findings) == 2",
        f"len({R}.missing) == 0",
        f"len({R}.count) == 0",
        f'{R}.verdict in ["approve", "reject"]',
        f"{R}.count not in [1, 2, -3]",
        f'"prov" in {R}.verdict',
        f'"verdict" in {R}',
        f'{R}.findings.1.title == "B"',
        f"{R}.missing == null and {R}.none == None",
        f"not {R}.missing",
        f"not not {R}.sure",
        f"{R}.sure == true and {R}.sure == True",
        f"({R}.missing or {R}.sure) and not ({R}.count == 4)",
        'goal == "ship it"',
        "'it\\'s' == \"it's\"",
        "[] == [] and [1, 'a', null] != [1]",
        "1 == 1.0 and -0.5 < 0",
    ],
)
def test_a_condition_holds(text: str) -> None:
    assert holds(text) is True


@pytest.mark.parametrize(
    "text",
    [
        f"{R}.missing < 3",
        f"{R}.missing >= {R}.none",
        f"{R}.verdict > 1",
        f"{R}.sure == 1",
        f"{R}.sure in [1]",
        f"1 in {R}.verdict",
        f"1 in {R}.missing",
        f"{R}.findings.2.title == 'B'",
        f"not {R}.sure or {R}.count == 4",
        "1 < 2 > 3",
    ],
)
def test_a_condition_does_not_hold(text: str) -> None:
    assert holds(text) is False


def test_a_condition_names_what_it_reads() -> None:
    condition = compile_condition("steps.a-b.result.x == goal and len(steps.c.result) > 0")
    assert condition.references == {
        ("steps", "a-b", "result", "x"),
        ("goal",),
        ("steps", "c", "result"),
    }


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", 1),
        ("a =", 3),
        ("a = 1", 3),
        ("a b", 3),
        ("a ==", 5),
        ("and a", 1),
        ("(a", 3),
        ("a)", 2),
        ("[a]", 2),
        ("[1", 3),
        ("[,]", 2),
        ("len a", 5),
        ("len(1)", 5),
        ("open(a)", 1),
        ("a.b(c)", 1),
        ("a[0]", 2),
        ("a.__class__.mro()", 1),
        ("__import__('os')", 1),
        ("lambda: 1", 7),
        ("1 + 1", 3),
        ("a if b else c", 3),
        ("'open", 1),
        ('"\\x41"', 1),
        ("1e5", 1),
        ("0x10", 1),
        ("1_000", 1),
        ("f'{a}'", 2),
        ("a := 1", 3),
        ("a; b", 2),
        ("é", 1),
    ],
)
def test_anything_else_is_refused_with_its_column(text: str, column: int) -> None:
    with pytest.raises(ConditionError) as refused:
        compile_condition(text)
    assert refused.value.column == column


def test_length_and_depth_have_limits() -> None:
    compile_condition("(" * 50 + "a" + ")" * 50)
    compile_condition(" or ".join(["a"] * 199))
    compile_condition("not " * 200 + "a")
    with pytest.raises(ConditionError, match="nested more than 50 levels deep"):
        compile_condition("(" * 51 + "a" + ")" * 51)
    with pytest.raises(ConditionError, match="longer than"):
        compile_condition("a" * 1_001)


WORDS = "and or not in len true null None a steps.x-y goal __import__ exec os.system lambda"
SIGNS = "== != < <= > >= ( ) [ ] , \" ' \\ . - 0 1.5 : ; = + * % { } é"
PIECES = st.sampled_from([*WORDS.split(), *SIGNS.split(), "\n", "\t", "\0"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=12).map(" ".join) | st.text(max_size=40), VALUES)
def test_any_text_compiles_and_evaluates_or_is_refused(text: str, value: Any) -> None:
    try:
        condition = compile_condition(text)
    except ConditionError as error:
        assert 1 <= error.column <= len(text) + 1
        return
    assert condition.evaluate(lambda _path: value) in (True, False)


@given(st.lists(PIECES, max_size=12).map(" ".join))
def test_evaluation_does_nothing_but_look_up_the_references(text: str) -> None:
    asked: set[tuple[str, ...]] = set()
    try:
        condition = compile_condition(text)
    except ConditionError:
        return
    condition.evaluate(asked.add)
    assert asked <= condition.references


def test_placeholders_are_found_with_their_places() -> None:
    text = "{goal}: {item.a}, {steps.code-review.result.list.0}"
    found = find(text)
    assert [place.path for place in found] == [
        ("goal",),
        ("item", "a"),
        ("steps", "code-review", "result", "list", "0"),
    ]
    assert [text[place.start : place.end] for place in found] == [
        "{goal}",
        "{item.a}",
        "{steps.code-review.result.list.0}",
    ]


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("{{goal}}", "{goal}"),
        ("{{goal}", "{<goal>"),
        ("{goal}}", "<goal>}"),
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
        ('{"a": {goal}}', '{"a": <goal>}'),
        ("{}", "{}"),
        ("{ goal }", "{ goal }"),
        ("{1}", "{1}"),
        ("{a b}", "{a b}"),
        ("{a.}", "{a.}"),
        ("{{{}}}", "{{{}}}"),
        ("function () {\n  go()\n}", "function () {\n  go()\n}"),
    ],
)
def test_other_braces_are_literal(text: str, rendered: str) -> None:
    assert render(text, lambda path: f"<{'.'.join(path)}>") == rendered


def test_what_is_put_in_is_not_read_again() -> None:
    assert render("{goal}", lambda _path: "{steps.a.result} {{x}}") == "{steps.a.result} {{x}}"


@given(st.text(alphabet="{}ab.- \n", max_size=30))
def test_find_and_render_agree(text: str) -> None:
    asked: list[tuple[str, ...]] = []

    def lookup(path: tuple[str, ...]) -> str:
        asked.append(path)
        return ""

    rendered = render(text, lookup)
    found = find(text)
    assert [place.path for place in found] == asked
    assert all(text[at.start] == "{" and text[at.end - 1] == "}" for at in found)
    if not found and "{{" not in text:
        assert rendered == text


@given(st.dictionaries(st.text("ab", min_size=1), VALUES, max_size=3))
def test_any_json_survives_in_a_prompt(value: dict[str, Any]) -> None:
    text = json.dumps(value, indent=1)
    assert render(text, lambda _path: "?") == text
