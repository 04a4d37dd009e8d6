"""The scripted model: what it plays, where it goes on, and what its files may say."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from anyio import current_time, move_on_after

from crew.entries import (
    Message,
    Outcome,
    TextEntry,
    ThinkingEntry,
    ToolCallEntry,
    ToolResultEntry,
    UserEntry,
)
from crew.errors import DefinitionError, Fault, ModelError
from crew.models.answer import Answer, AnswerBuilder
from crew.models.protocol import Delta, ModelClient, ModelRequest, TextDelta, ToolCallDelta
from crew.models.scripted import Call, Scripted, ScriptedFault, Turn, load_script
from crew.records import Usage
from tests.doubles.virtual_time import VIRTUAL, Backend

TASK = UserEntry(text="go")
RESULT = ToolResultEntry(call_id="c", tool="read", outcome=Outcome.OK, text="x")


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def request(*messages: Message, session: str = "s1", agent: str = "reviewer") -> ModelRequest:
    return ModelRequest(
        system="", messages=[TASK, *messages], tools=(), agent=agent, session=session
    )


async def deltas(model: ModelClient, asked: ModelRequest) -> list[Delta]:
    async with model.stream(asked) as stream:
        return [delta async for delta in stream]


async def answer(model: ModelClient, asked: ModelRequest) -> Answer:
    builder = AnswerBuilder(new_id=lambda: "fresh")
    for delta in await deltas(model, asked):
        builder.add(delta)
    return builder.finish()


async def text(model: ModelClient, asked: ModelRequest) -> str:
    return "".join(p.text for p in (await answer(model, asked)).parts if isinstance(p, TextEntry))


def write(folder: Path, content: str, name: str = "script.yaml") -> Path:
    path = folder / name
    path.write_text(content)
    return path


async def test_a_turn_gives_thinking_text_calls_usage_and_why_it_stopped() -> None:
    turn = Turn(
        thinking="Hm",
        text="Looking.",
        calls=(Call(tool="read", args={"path": "a.py"}), Call(tool="ls", id="mine")),
        usage=Usage(input_tokens=3),
    )
    assert await answer(Scripted.of({"reviewer": [turn]}), request()) == Answer(
        parts=(
            ThinkingEntry(text="Hm"),
            TextEntry(text="Looking."),
            ToolCallEntry(call_id="call-1-1", tool="read", args={"path": "a.py"}),
            ToolCallEntry(call_id="mine", tool="ls", args={}),
        ),
        usage=Usage(input_tokens=3),
        stop="tool_calls",
    )


@pytest.mark.parametrize(
    ("session", "agent", "expected"),
    [("s1", "reviewer", "by session"), ("s2", "reviewer", "by agent"), ("s2", "x", "by star")],
)
async def test_turns_are_found_by_session_then_agent_then_star(
    session: str, agent: str, expected: str
) -> None:
    model = Scripted.of(
        {
            "*": [Turn(text="by star")],
            "reviewer": [Turn(text="by agent")],
            "s1": [Turn(text="by session")],
        }
    )
    assert await text(model, request(session=session, agent=agent)) == expected


async def test_a_session_without_turns_is_a_bad_request() -> None:
    with pytest.raises(ModelError) as caught:
        await deltas(Scripted.of({"writer": [Turn()]}), request())
    assert caught.value.fault is Fault.BAD_REQUEST


SAID: list[Sequence[Message]] = [
    (),
    (ThinkingEntry(text="t"), TextEntry(text="a"), ToolCallEntry(call_id="c", tool="x", args={})),
    (RESULT, TextEntry(text="b")),
    (UserEntry(text="reminder", source="crew"), TextEntry(text="c")),
]


@pytest.mark.parametrize("answers", range(4))
async def test_a_new_client_goes_on_where_the_messages_stand(answers: int) -> None:
    model = Scripted.of({"*": [Turn(text=str(number)) for number in range(4)]})
    messages = [message for said in SAID[: answers + 1] for message in said]
    assert await text(model, request(*messages)) == str(answers)


async def test_a_conversation_that_was_rewritten_is_counted_anew() -> None:
    model = Scripted.of({"*": [Turn(text=str(number)) for number in range(4)]})
    history = [message for said in SAID for message in said]
    assert await text(model, request(*history)) == "3"
    assert await text(model, request(*history[:4])) == "1"
    assert await text(model, request(UserEntry(text="other"), *history)) == "3"


async def test_behind_the_last_turn_the_script_says_that_it_ended() -> None:
    model = Scripted.of({"*": [Turn(text="only")]})
    assert await text(model, request(TextEntry(text="only"), TASK)) == "(script ended)"


async def test_a_looping_script_plays_its_last_turn_again_with_fresh_call_ids() -> None:
    model = Scripted.of({"*": [Turn(calls=(Call(tool="ls"),))]}, loop=True)
    first = await answer(model, request())
    second = await answer(model, request(*first.parts, RESULT))
    assert [p.call_id for p in second.parts if isinstance(p, ToolCallEntry)] == ["call-2-1"]


async def test_a_failing_turn_says_its_text_fails_and_is_over() -> None:
    fault = ScriptedFault(fault=Fault.RATE_LIMIT, message="slow down", retry_after=1)
    model = Scripted.of({"*": [Turn(text="I was", error=fault), Turn(text="fine")]})
    with pytest.raises(ModelError, match="slow down") as caught:
        async with model.stream(request()) as stream:
            assert await anext(stream) == TextDelta(0, "I was")
            await anext(stream)
    assert (caught.value.fault, caught.value.retry_after) == (Fault.RATE_LIMIT, 1)
    assert await text(model, request()) == "fine"


async def test_a_failure_in_one_session_does_not_move_another() -> None:
    model = Scripted.of({"*": [Turn(cut=True), Turn(text="fine")]})
    await deltas(model, request(session="s1"))
    with pytest.raises(ModelError) as caught:
        await answer(model, request(session="s2"))
    assert caught.value.fault is Fault.TRUNCATED


async def test_a_cut_turn_ends_without_a_stop_and_is_over() -> None:
    model = Scripted.of({"*": [Turn(text="Half", cut=True), Turn(text="whole")]})
    assert await deltas(model, request()) == [TextDelta(0, "Half")]
    assert await text(model, request()) == "whole"


async def test_a_request_that_was_left_is_asked_again() -> None:
    model = Scripted.of({"*": [Turn(text="abc", chunk=1), Turn(text="next")]})
    async with model.stream(request()) as stream:
        assert await anext(stream) == TextDelta(0, "a")
    assert await text(model, request()) == "abc"


async def test_pieces_come_at_the_pace_of_the_turn() -> None:
    turn = Turn(text="abcde", chunk=2, delay=10, pace=3)
    start = current_time()
    async with Scripted.of({"*": [turn]}).stream(request()) as stream:
        times = [(delta, round(current_time() - start)) async for delta in stream]
    assert times[:-1] == [
        (TextDelta(0, "ab"), 10),
        (TextDelta(0, "cd"), 13),
        (TextDelta(0, "e"), 16),
    ]


async def test_a_deadline_ends_a_slow_answer() -> None:
    with move_on_after(5) as scope:
        await deltas(Scripted.of({"*": [Turn(text="late", delay=60)]}), request())
    assert scope.cancelled_caught


async def test_arguments_may_be_broken_on_purpose_and_in_pieces() -> None:
    turn = Turn(calls=(Call(tool="read", args='{"path": '),), chunk=4)
    model = Scripted.of({"*": [turn]})
    assert [d.args for d in await deltas(model, request()) if isinstance(d, ToolCallDelta)] == [
        '{"pa',
        'th":',
        " ",
    ]
    (part,) = (await answer(model, request())).parts
    assert isinstance(part, ToolCallEntry) and part.invalid is not None


def test_it_says_that_it_is_no_language_model() -> None:
    assert "no language model" in Scripted.of({"*": []}).note


FILE = """\
agents:
  reviewer:
    - thinking: hm
      text: Looking.
      calls: [{tool: read, args: {path: a.py}}, {tool: ls, args: "{"}]
      delay: 0.2
      chunk: 20
      pace: 0.05
      usage: {input_tokens: 100, output_tokens: 20}
    - error: {fault: rate_limit, message: slow down, retry_after: 1}
    - cut: true
  "*": []
loop: true
"""


def test_a_yaml_file_and_its_json_twin_are_the_same_script(tmp_path: Path) -> None:
    script = load_script(write(tmp_path, FILE))
    assert script.loop
    assert script.agents["reviewer"][0].calls[1].args == "{"
    assert script.agents["reviewer"][1].error == ScriptedFault(
        fault=Fault.RATE_LIMIT, message="slow down", retry_after=1
    )
    twin = json.dumps(script.model_dump(mode="json"), indent="\t")
    assert load_script(write(tmp_path, twin, "script.json")) == script


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("agents:\n  a:\n    - txet: x\n", ":3:7: unknown key 'txet'; did you mean 'text'?"),
        ("agents:\n  a:\n    - calls: [{args: {}}]\n", ":3:15: key 'tool' is missing"),
        ("agents:\n  a:\n    - delay: -1\n", ":3:7: not a number of seconds; write one from 0 "),
        (
            "agents:\n  a:\n    - error: {fault: tired}\n",
            ":3:15: not a fault; write one of: auth, quota, ",
        ),
        ("agents:\n  a:\n    - cut: true\n      error: {fault: auth}\n", ":3:7: a turn ends by"),
        ("agents:\n  a: []\n  a: []\n", ":3:3: key 'a' is there twice"),
        ("agents:\n  a: &x []\n  b: *x\n", ":3:6: aliases (*name) are not read"),
        ("agents: {}\n", ":1:1: not turns by agent; write the names with "),
        ("agents: [\n", ":2:1: "),
        ("agents:\n  a: !!python/object:os.system []\n", ":2:6: could not determine a constructor"),
        ("- a\n", ":1:1: not a script; write agents: and below it"),
        ("", ": not a script; write agents: and below it"),
        ("agents: 3\n", ":1:1: not turns by agent; write"),
        ("agents:\n  a: 3\n", ":2:3: not a list of turns; write each turn behind a dash"),
        ("agents:\n  text: [3]\n", ":2:10: not a turn; write its keys"),
        ("agents:\n  a:\n    - text: 3\n", ":3:7: not a text; write it in quotes"),
        ("agents:\n  a:\n    - calls: 3\n", ":3:7: not a list of calls; write each as {"),
        ("agents:\n  a:\n    - calls: [3]\n", ":3:15: not a call; write it as {tool: "),
        ("agents:\n  a:\n    - calls: [{tool: x, args: 3}]\n", ":3:25: not arguments; write"),
        ("agents:\n  a:\n    - usage: {cost: x}\n", ":3:15: not a price; write US dollars"),
        ("agents: {a: []}\nloop: 3\n", ":2:1: not yes or no; write true or false"),
        ("\0", ": not YAML"),
        ("[" * 5000, ": nested too deep"),
    ],
)
def test_a_bad_file_is_refused_with_the_place(tmp_path: Path, content: str, said: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(DefinitionError) as caught:
        load_script(path)
    assert f"{path}{said}" in caught.value.message


def test_every_problem_is_named_in_one_go(tmp_path: Path) -> None:
    path = write(tmp_path, "agents:\n  a: [{txt: 1}]\n  b: [{chunk: 0}]\nlop: 1\n")
    with pytest.raises(DefinitionError) as caught:
        load_script(path)
    assert [line.split(":")[1] for line in caught.value.message.splitlines()] == ["2", "3", "4"]


def test_a_missing_file_and_bytes_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="No such file"):
        load_script(tmp_path / "none.yaml")
    bad = tmp_path / "latin.yaml"
    bad.write_bytes(b"agents:\n  a: [{text: caf\xe9}]\n")
    with pytest.raises(DefinitionError, match=":2:17: not UTF-8"):
        load_script(bad)
