"""`rules` as any other agent: it searches, says what it found and where, and fits any schema."""

import json
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crew.definitions import Library, bundled_root
from crew.entries import Outcome, TextEntry, ToolCallEntry, ToolResultEntry, UserEntry
from crew.models.protocol import ModelRequest, ToolSchema
from crew.models.rules import NOTE, Rules, answer
from crew.models.rules.inputs import results_in
from crew.models.rules.schema import filled
from crew.models.rules.terms import Term, key_terms
from crew.records import JsonObject
from crew.tools.pattern import translate
from tests.doubles.stage import Performance, Stage, steer
from tests.doubles.workbench import Workbench

LIBRARY = Library.load(project=None, user=None, bundled=bundled_root())
FREE: JsonObject = {
    "type": "object",
    "required": ["summary"],
    "properties": {"summary": {"type": "string"}},
}


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """A small project about parcels."""
    bench = Workbench(tmp_path)
    bench.file(
        "src/parcel.py", "import math\n\n\ndef weigh_parcel(parcel):\n    return parcel.grams\n"
    )
    bench.file("src/other.py", "from parcel import weigh_parcel\n\nweigh_parcel(None)\n")
    bench.file("docs/guide.md", "# Guide\n\nParcels are weighed by weigh_parcel.\n")
    return bench


def goal(text: str, *more: str) -> str:
    """What a session on a goal is told."""
    return "\n\n".join([f"<goal>\n{text}\n</goal>", f"Answer this: {text}", *more])


async def ask(bench: Workbench, agent: str, opening: str, **stage: Any) -> Performance:
    output = LIBRARY.agent(agent).output
    seen = await Stage(bench, Rules(), **stage).play(agent, output, opening)
    assert seen.result is not None
    jsonschema_rs.validate(LIBRARY.agent(agent).output, seen.result)
    return seen


async def test_an_answer_names_what_was_searched_and_where_it_was_found(bench: Workbench) -> None:
    seen = await ask(bench, "analyst", goal("Where does `weigh_parcel` get its value?"))
    assert seen.result is not None
    assert seen.result["summary"] == (
        f"{NOTE}. src/parcel.py:4: `def weigh_parcel(parcel):`; see also src/other.py:3, "
        "docs/guide.md:3. Searched for weigh_parcel, value: 4 lines match in 3 files."
    )
    first = seen.result["answers"][0]
    assert (first["file"], first["line"]) == ("src/parcel.py", 4)
    assert "return parcel.grams" in first["evidence"]


async def test_a_goal_that_nothing_matches_is_answered_so(bench: Workbench) -> None:
    seen = await ask(bench, "analyst", goal("What about the `flux_capacitor`?"))
    assert seen.result is not None
    assert "no line matches" in seen.result["summary"]


@pytest.mark.parametrize("agent", LIBRARY.names("agent"))
@pytest.mark.parametrize("opening", [goal("Weigh every parcel with weigh_parcel twice."), ""])
async def test_every_bundled_agent_gets_a_valid_result(
    bench: Workbench, agent: str, opening: str
) -> None:
    seen = await ask(bench, agent, opening)
    assert seen.result is not None
    assert seen.result["summary"].startswith(NOTE)


async def test_agents_that_may_write_are_told_that_nothing_was_written(bench: Workbench) -> None:
    before = sorted(path.read_bytes() for path in bench.root.rglob("*.py"))
    tools = ("read", "grep", "glob", "write", "edit", "shell")
    seen = await ask(bench, "executor", goal("Rename weigh_parcel."), tools=tools)
    assert seen.result is not None
    assert "nothing was written or run" in seen.result["summary"]
    assert not {"write", "edit", "shell"} & set(seen.tools)
    assert sorted(path.read_bytes() for path in bench.root.rglob("*.py")) == before


async def test_a_document_opens_with_what_it_is_and_passes_earlier_results_on(
    bench: Workbench,
) -> None:
    earlier = json.dumps({"summary": "Parcels weigh grams."})
    block = f'<result step="look" agent="analyst" status="completed">\n{earlier}\n</result>'
    opening = goal("Write about weigh_parcel.", block)
    seen = await ask(bench, "writer", opening)
    assert seen.result is not None
    document = seen.result["document"]
    assert document.startswith(f"{NOTE}.\n")
    assert "Parcels weigh grams." in document
    assert "src/parcel.py:4" in document


async def test_an_explorer_with_a_question_gives_places_not_a_diff(bench: Workbench) -> None:
    seen = await ask(bench, "explorer", goal("Find where the change weighs: `weigh_parcel`."))
    assert seen.result is not None
    assert "src/parcel.py" in [each["file"] for each in seen.result["answers"]]
    assert seen.result["files"] == []


async def test_without_tools_it_says_that_it_could_not_search(bench: Workbench) -> None:
    seen = await ask(bench, "analyst", goal("Where is weigh_parcel?"), tools=())
    assert seen.result is not None
    assert "no tool to search with" in seen.result["summary"]


def request(*messages: Any, schema: JsonObject | None = FREE) -> ModelRequest:
    tools = [ToolSchema(name="grep", description="", parameters={})]
    if schema is not None:
        tools.append(ToolSchema(name="submit_result", description="", parameters=schema))
    return ModelRequest(
        system="", messages=messages, tools=tuple(tools), agent="helper", session="s1"
    )


SHOP = {
    "shop/store.py": """
        import sqlite3


        class Store:
            def __init__(self, path):
                self.connection = sqlite3.connect(path)

            def add_order(self, order):
                self.lock.acquire()
                self.connection.execute("insert into orders values (?)", (order,))
                self.lock.release()
        """,
    "shop/app.py": """
        from shop.store import Store


        def main():
            with open("settings.json") as file:
                serve(Store(file.read()))
        """,
    "shop/parcel.py": """
        from shop.database import open_database


        def weigh(parcel):
            database = open_database()
            return database.weight(parcel)
        """,
    "shop/log.py": """
        # The database is opened elsewhere, and not here.
        def write(line):
            print(line)
        """,
    "tests/test_store.py": """
        def test_the_database_is_opened_once(tmp_path):
            assert Store(tmp_path / "database.db")


        def test_an_order_is_added_when_the_lock_was_released(): ...
        """,
    "README.md": """
        # Shop

        The database is opened when the app starts. Orders are added under a lock.
        """,
}
DATABASE = """
    def open_database(path):
        return Database(path)
    """


@pytest.fixture
def shop(tmp_path: Path) -> Workbench:
    """A project whose documents and tests speak more of the code than the code does."""
    bench = Workbench(tmp_path)
    for name, text in SHOP.items():
        bench.file(name, dedent(text).lstrip("\n"))
    return bench


async def first_place(bench: Workbench, question: str) -> str:
    seen = await ask(bench, "analyst", goal(question))
    assert seen.result is not None
    summary: str = seen.result["summary"]
    first = seen.result["answers"][0]
    place = f"{first['file']}:{first['line']}"
    assert summary.startswith(f"{NOTE}. {place}: ")
    return place


@pytest.mark.parametrize(
    ("question", "place"),
    [
        ("where is the database opened", "shop/parcel.py:5"),
        ("Where are locks released?", "shop/store.py:11"),
        ("how are orders added", "shop/store.py:8"),
        ("add_order", "shop/store.py:8"),
        ("weighing", "shop/parcel.py:4"),
        ("db sqlite", "shop/store.py:6"),
        ("which test opens the database", "tests/test_store.py:1"),
        ("what does the readme say about orders", "README.md:3"),
    ],
)
async def test_code_comes_before_what_speaks_of_it_unless_that_is_asked_for(
    shop: Workbench, question: str, place: str
) -> None:
    assert await first_place(shop, question) == place


async def test_a_definition_comes_before_its_uses(shop: Workbench) -> None:
    shop.file("shop/zebra.py", dedent(DATABASE).lstrip("\n"))
    assert await first_place(shop, "where is the database opened") == "shop/zebra.py:1"


@pytest.mark.parametrize("agent", ["analyst", "explorer", "executor", "writer", "critic"])
async def test_who_is_asked_nothing_says_what_to_type(shop: Workbench, agent: str) -> None:
    opening = "Find the places in `shop/store.py` that matter for this question or goal:\n\n"
    seen = await ask(shop, agent, opening)
    assert seen.result is not None
    assert seen.tools == ["submit_result"]
    assert (
        'Nothing was asked; say what you want after the team\'s name: crew run TEAM "GOAL".'
        in (seen.result["summary"])
    )


def test_a_session_that_another_one_started_takes_its_task_as_the_question() -> None:
    asked = request(UserEntry(text="Where are parcels weighed?"))
    assert [call.tool for call in answer(asked).calls] == ["submit_result"]
    spawned = answer(replace(asked, session="lead.analyst-1"))
    assert spawned.text == f"{NOTE}. Searching for parcels, weighed."


async def test_of_earlier_steps_only_places_are_passed_on(bench: Workbench) -> None:
    claim = {"claim": "Grams are read.", "file": "src/scale.py", "line": 9, "evidence": "grams"}
    same = {"claim": "It weighs.", "file": "src/parcel.py", "line": 4, "evidence": "def"}
    summary = f"{NOTE}. Searched far and wide. Note: it is late."
    results = json.dumps([{"summary": summary, "answers": [claim, same]}])
    block = f'<result step="a" agent="analyst" status="completed">\n{results}\n</result>'
    seen = await ask(bench, "analyst", goal("weigh_parcel", block))
    assert seen.result is not None
    places = [f"{each['file']}:{each['line']}" for each in seen.result["answers"]]
    assert places == ["src/parcel.py:4", "src/other.py:3", "docs/guide.md:3", "src/scale.py:9"]
    assert "Earlier steps also named src/scale.py:9." in seen.result["summary"]
    assert seen.result["summary"].endswith("Note: it is late.")
    assert "far and wide" not in seen.result["summary"]


def test_a_person_who_steers_is_told_that_it_can_not_follow() -> None:
    asked = UserEntry(text=goal("Look at parcels."))
    turn = answer(request(asked, steer("only the tests, please")))
    assert "can't follow a message" in turn.text
    assert {call.tool for call in turn.calls} == {"grep"}


def test_without_a_result_to_submit_it_ends_in_words() -> None:
    turn = answer(request(UserEntry(text=""), schema=None))
    assert (turn.calls, turn.text.startswith(NOTE)) == ((), True)


def test_a_schema_that_it_can_not_fill_ends_in_words() -> None:
    hard: JsonObject = {"type": "object", "required": ["a"], "properties": {"a": {"not": {}}}}
    turn = answer(request(UserEntry(text=""), schema=hard))
    assert turn.calls == ()
    assert "asks for more than built-in checks can say" in turn.text


@given(st.lists(st.sampled_from(["user", "call", "result", "steer", "text"]), max_size=8))
@settings(max_examples=60, deadline=None)
def test_any_history_gets_an_answer(kinds: list[str]) -> None:
    entries = {
        "user": UserEntry(text="parcel", source="crew"),
        "call": ToolCallEntry(call_id="c", tool="grep", args={}),
        "result": ToolResultEntry(call_id="c", tool="grep", outcome=Outcome.OK, text="x"),
        "steer": steer("go on"),
        "text": TextEntry(text="hm"),
    }
    turn = answer(
        request(UserEntry(text=goal("Find parcels.")), *[entries[kind] for kind in kinds])
    )
    assert turn.text


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("How does `load_config` find crew/store/tail.py?", ["load_config", "crew/store/tail.py"]),
        ("Why is StopDelta sent by stream()?", ["StopDelta", "stream"]),
        ("where is the database opened", ["database", "opened"]),
        ("db", ["db"]),
        ("Which code is run when the CI is red?", ["CI", "red", "run", "code"]),
        ("What is this and how would you do it?", []),
        ("see https://example.org/some_page for retries", ["retries"]),
        ("Add --json to ls", ["--json"]),
    ],
)
def test_the_terms_of_a_prompt_are_its_names_then_its_rare_words(
    text: str, terms: list[str]
) -> None:
    assert key_terms(text)[: len(terms) or None] == terms


@pytest.mark.parametrize(
    ("asked", "text", "found"),
    [
        ("released", "lock.release()", True),
        ("release", "released", True),
        ("locks", "the_lock = 1", True),
        ("locks", "block()", False),
        ("queries", "def query():", True),
        ("stopped", "stop()", True),
        ("redaction", "redact(text)", True),
        ("configuration", "configure()", True),
        ("database", "openDatabase()", True),
        ("db", "db.close()", True),
        ("db", "feedback", False),
        ("adds", "address", False),
        ("adding", "add(1)", True),
        ("crew/store", "see crew/store.py", True),
        ("weigh_parcel", "weigh parcel", False),
    ],
)
def test_a_word_finds_its_forms_and_not_what_only_looks_like_it(
    asked: str, text: str, found: bool
) -> None:
    assert (Term.of(asked).strength(text) == 1) is found


@given(st.from_regex(r"[a-z]{2,14}", fullmatch=True))
@settings(max_examples=200, deadline=None)
def test_every_word_finds_itself_by_a_pattern_that_the_tool_takes(word: str) -> None:
    term = Term.of(word)
    assert term.strength(f"the {word} of it") == 1
    assert translate(term.pattern, ignore_case=True)


@given(st.text(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_prompt_has_few_terms_and_any_text_may_hold_blocks(text: str) -> None:
    assert len(key_terms(text)) <= 6
    assert len(results_in(f'<result step="a">\n{text}\n</result>')) >= 1


SCALARS: st.SearchStrategy[JsonObject] = st.one_of(
    st.builds(
        lambda least, extra, kind: {"type": kind, "minimum": least, "maximum": least + extra},
        st.integers(-50, 50),
        st.integers(0, 50),
        st.sampled_from(["integer", "number"]),
    ),
    st.builds(
        lambda least, extra: {"type": "string", "minLength": least, "maxLength": least + extra},
        st.integers(0, 40),
        st.integers(0, 40),
    ),
    st.lists(st.text(max_size=5), min_size=1, unique=True).map(lambda each: {"enum": each}),
    st.sampled_from(
        [
            {"type": "boolean"},
            {"type": "null"},
            {"const": {"a": [1]}},
            {"type": ["null", "integer"]},
            {"type": "integer", "multipleOf": 7, "minimum": 3},
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            {"$ref": "#/$defs/word"},
            {},
        ]
    ),
)


def _arrays(inner: st.SearchStrategy[JsonObject]) -> st.SearchStrategy[JsonObject]:
    return st.builds(
        lambda items, least: {"type": "array", "items": items, "minItems": least},
        inner,
        st.integers(0, 3),
    )


def _objects(inner: st.SearchStrategy[JsonObject]) -> st.SearchStrategy[JsonObject]:
    names = st.sampled_from(["summary", "answers", "verdict", "line", "tags", "file"])
    return st.builds(
        lambda fields, needed, closed: {
            "type": "object",
            "properties": fields,
            "required": sorted(set(fields) & needed),
            "additionalProperties": not closed,
        },
        st.dictionaries(names, inner, max_size=4),
        st.sets(names),
        st.booleans(),
    )


def _choices(inner: st.SearchStrategy[JsonObject]) -> st.SearchStrategy[JsonObject]:
    return st.builds(
        lambda keyword, options: {keyword: options},
        st.just("anyOf"),
        st.lists(inner, min_size=1, max_size=3),
    )


SCHEMAS = _objects(
    st.recursive(
        SCALARS, lambda inner: _arrays(inner) | _objects(inner) | _choices(inner), max_leaves=8
    )
).map(lambda schema: {**schema, "$defs": {"word": {"type": "string", "minLength": 1}}})


@given(SCHEMAS)
@settings(max_examples=200, deadline=None)
def test_any_reasonable_schema_is_filled_with_a_valid_value(schema: JsonObject) -> None:
    known = {"summary": "found it", "answers": [{"claim": "c", "file": "a", "line": 1}], "line": 3}
    value = filled(schema, known, "nothing is known")
    assert value is not None
    jsonschema_rs.validate(schema, value)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"enum": ["approve", "revise"]}, "revise"),
        ({"enum": ["fast", "slow"]}, "fast"),
        ({"type": "boolean"}, False),
        ({"type": "integer"}, 0),
        ({"type": "array", "items": {"type": "string"}}, []),
        ({"type": "string", "minLength": 20}, "words" + "." * 15),
        ({"type": "string", "maxLength": 3}, "wor"),
        ({"type": "string", "pattern": "^[0-9]+$"}, "0"),
        (
            {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2, "uniqueItems": True},
            ["a", "b"],
        ),
        ({"allOf": [{"type": "integer"}, {"minimum": 4}]}, 4),
        ({"oneOf": [{"type": "integer", "minimum": 9}, {"type": "null"}]}, 9),
    ],
)
def test_what_is_not_known_gets_the_most_cautious_value(schema: JsonObject, value: Any) -> None:
    whole = {"type": "object", "required": ["x"], "properties": {"x": schema}}
    assert filled(whole, {}, "words") == {"x": value}


def test_known_lists_lose_what_a_schema_does_not_name() -> None:
    items = {
        "type": "object",
        "required": ["claim"],
        "properties": {"claim": {"type": "string"}},
        "additionalProperties": False,
    }
    schema = {"type": "object", "properties": {"answers": {"type": "array", "items": items}}}
    known = {"answers": [{"claim": "c", "file": "a"}, {"file": "b"}]}
    assert filled(schema, known, "") == {"answers": [{"claim": "c"}]}


@pytest.mark.parametrize(
    "schema",
    [{"$ref": "#/nowhere"}, {"$ref": "https://example.org/s"}, {"type": "object", "required": 3}],
)
def test_a_broken_schema_is_not_filled(schema: JsonObject) -> None:
    assert filled(schema, {}, "") is None
