"""Everything that can go wrong at a provider: its class, its words, and what is kept of it."""

import json
from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from crew.config import NO_CONFIG, Kind, parse_config
from crew.entries import TextEntry, ToolCallEntry
from crew.errors import Fault, ModelError
from crew.models.answer import Answer
from crew.models.protocol import TextDelta
from crew.models.providers.client import Deadlines, ProviderModel
from crew.models.providers.names import resolve_name
from crew.testing import CUT, Call, Raw, Reply, ScriptedFault, Turn
from crew.testing.formats import pieces
from crew.testing.loopback import Ending
from tests.doubles.providers import WIRES, ask, html, request, serving

every_wire = pytest.mark.parametrize("wire", WIRES)


async def refusal(wire: Kind, reply: Reply, deadlines: Deadlines | None = None) -> ModelError:
    limits = deadlines or Deadlines()
    async with serving(wire, [reply], deadlines=limits) as (client, provider):
        with pytest.raises(ModelError) as failed:
            await ask(client)
        assert len(provider.received) == 1  # the session owns the retries, no SDK
    return failed.value


@every_wire
@pytest.mark.parametrize(
    "fault",
    [
        Fault.AUTH,
        Fault.QUOTA,
        Fault.RATE_LIMIT,
        Fault.OVERLOAD,
        Fault.CONTEXT_OVERFLOW,
        Fault.BAD_REQUEST,
    ],
)
async def test_a_refused_request_has_its_class_and_the_provider_s_words(
    wire: Kind, fault: Fault
) -> None:
    error = await refusal(wire, Turn(error=ScriptedFault(fault=fault, message="because of this")))
    assert error.fault is fault
    said = "prompt is too long" if fault is Fault.CONTEXT_OVERFLOW else "because of this"
    assert said in error.message
    assert error.message.startswith(f"loopback-{wire}:scripted: HTTP 4") or fault is Fault.OVERLOAD
    assert "\n" not in error.message


@every_wire
async def test_a_rate_limit_says_how_long_to_wait(wire: Kind) -> None:
    fault = ScriptedFault(fault=Fault.RATE_LIMIT, retry_after=7)
    assert (await refusal(wire, Turn(error=fault))).retry_after == 7


@every_wire
async def test_a_rate_limit_without_a_time_has_none(wire: Kind) -> None:
    error = await refusal(wire, Turn(error=ScriptedFault(fault=Fault.RATE_LIMIT)))
    assert error.retry_after is None


@every_wire
@pytest.mark.parametrize(("status", "fault"), [(500, Fault.OVERLOAD), (503, Fault.OVERLOAD)])
async def test_a_server_error_may_pass(wire: Kind, status: int, fault: Fault) -> None:
    error = await refusal(wire, html(status))
    assert error.fault is fault
    assert f"HTTP {status}" in error.message


@every_wire
async def test_a_page_in_the_place_of_an_answer_is_malformed(wire: Kind) -> None:
    error = await refusal(wire, html())
    assert error.fault is Fault.MALFORMED
    assert error.fault.retryable
    assert error.hint.startswith("is http://127.0.0.1")
    assert error.hint.endswith(f"a server of the format {wire}?")


@every_wire
@pytest.mark.parametrize(
    "turn",
    [
        Turn(text="Half an ans", cut=True),
        Turn(thinking="Half a thou", cut=True),
        Turn(calls=(Call(tool="read", args='{"path": "/etc/pas'),), cut=True),
        Turn(calls=(Call(tool="read", args={"path": "a"}),), cut=True),
    ],
    ids=["text", "thinking", "half arguments", "whole arguments"],
)
async def test_an_answer_that_ends_without_a_reason_was_cut(wire: Kind, turn: Turn) -> None:
    error = await refusal(wire, turn)
    half_an_object = wire == "google" and turn.calls and isinstance(turn.calls[0].args, str)
    assert error.fault is (Fault.MALFORMED if half_an_object else Fault.TRUNCATED)


@every_wire
async def test_an_answer_that_never_begins_was_cut(wire: Kind) -> None:
    error = await refusal(wire, Raw(pieces=[CUT]))
    assert error.fault in {Fault.TRUNCATED, Fault.MALFORMED}


@every_wire
@pytest.mark.parametrize(
    ("context", "fault"),
    [(None, Fault.MALFORMED), (100_000, Fault.MALFORMED), (64, Fault.CONTEXT_OVERFLOW)],
)
async def test_an_answer_without_a_byte_may_say_that_the_prompt_is_too_long(
    wire: Kind, context: int | None, fault: Fault
) -> None:
    async with serving(wire, [Raw(pieces=[CUT])], context=context) as (client, _):
        with pytest.raises(ModelError, match="the answer is empty") as failed:
            await ask(client)
    assert failed.value.fault is fault
    known = "larger context window" if fault is Fault.CONTEXT_OVERFLOW else "of config.toml"
    assert known in failed.value.hint


@every_wire
async def test_a_dropped_connection_may_pass(wire: Kind) -> None:
    fault = ScriptedFault(fault=Fault.NETWORK)
    for turn in (Turn(error=fault), Turn(text="Half", error=fault)):
        assert (await refusal(wire, turn)).fault in {Fault.NETWORK, Fault.TRUNCATED}


@every_wire
async def test_an_event_that_is_not_json_is_malformed(wire: Kind) -> None:
    error = await refusal(wire, Turn(text="Half", error=ScriptedFault(fault=Fault.MALFORMED)))
    assert error.fault is Fault.MALFORMED


@every_wire
async def test_an_event_of_another_shape_is_malformed(wire: Kind) -> None:
    error = await refusal(wire, Raw(pieces=[b"data: []\n\n"]))
    assert error.fault.retryable


@every_wire
async def test_an_overload_inside_the_stream_may_pass(wire: Kind) -> None:
    error = await refusal(wire, Turn(text="Half", error=ScriptedFault(fault=Fault.OVERLOAD)))
    assert error.fault.retryable


@every_wire
async def test_an_empty_answer_is_malformed(wire: Kind) -> None:
    error = await refusal(wire, Turn())
    assert error.fault in {Fault.MALFORMED, Fault.TRUNCATED}
    assert error.message.endswith("the answer is empty")


@every_wire
async def test_a_server_that_never_begins_is_left(wire: Kind) -> None:
    error = await refusal(wire, Turn(delay=60, text="Hi"), Deadlines(first=0.2))
    assert error.fault is Fault.NETWORK
    assert "did not begin to answer within 0.2 s" in error.message


@every_wire
async def test_a_server_that_falls_silent_is_left(wire: Kind) -> None:
    sent: list[bytes | float | Ending] = list(pieces(wire, Turn(text="one two", chunk=4)))
    silent = next(place for place, piece in enumerate(sent) if "two" in str(piece))
    error = await refusal(wire, Raw(pieces=[*sent[:silent], 60.0]), Deadlines(chunk=0.2))
    assert error.fault is Fault.NETWORK
    assert "was silent for 0.2 s" in error.message


@pytest.mark.parametrize("wire", ["openai-chat", "openai", "anthropic"])
async def test_bytes_that_say_nothing_yet_are_a_sign_of_life(wire: Kind) -> None:
    sent: list[bytes | float | Ending] = list(pieces(wire, Turn(text="one two", chunk=4)))
    middle = next(place for place, piece in enumerate(sent) if "two" in str(piece))
    pings: list[bytes | float | Ending] = [0.1, b": ping\n\n"] * 5
    reply = Raw(pieces=[*sent[:middle], *pings, *sent[middle:]])
    async with serving(wire, [reply], deadlines=Deadlines(chunk=0.3)) as (client, _):
        assert (await ask(client)).stop == "end"


@every_wire
async def test_a_server_that_never_comes_to_an_end_is_left(wire: Kind) -> None:
    turn = Turn(text="word " * 1000, chunk=5, pace=0.02)
    error = await refusal(wire, turn, Deadlines(whole=0.4))
    assert "did not finish within 0.4 s" in error.message


@every_wire
async def test_what_was_said_before_a_cut_was_heard(wire: Kind) -> None:
    heard: list[str] = []
    async with serving(wire, [Turn(text="Half an ans", chunk=4, cut=True)]) as (client, _):
        with pytest.raises(ModelError):
            async with client.stream(request()) as deltas:
                async for delta in deltas:
                    heard += [delta.text] if isinstance(delta, TextDelta) else []
    assert "".join(heard) == "Half an ans"


@every_wire
@pytest.mark.parametrize("how", ["cancel", "leave"])
async def test_who_stops_listening_closes_the_connection(wire: Kind, how: str) -> None:
    turn = Turn(text="word " * 10_000, chunk=5, pace=0.01)
    async with serving(wire, [turn]) as (client, provider):
        with anyio.CancelScope() as scope:
            async with client.stream(request()) as deltas:
                async for _ in deltas:
                    if how == "leave":
                        break
                    scope.cancel()
        with anyio.fail_after(1):
            await provider.received[0].gone.wait()
        assert provider.received[0].closed_early


@every_wire
async def test_who_stops_waiting_for_the_first_byte_closes_the_connection(wire: Kind) -> None:
    async with serving(wire, [Turn(delay=60, text="Hi")]) as (client, provider):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, client)
            await provider.asked()
            tasks.cancel_scope.cancel()
        with anyio.fail_after(1):
            await provider.received[0].gone.wait()
        assert provider.received[0].closed_early


@pytest.mark.parametrize("status", [500, 502, 503, 529])
@every_wire
async def test_every_status_of_a_server_in_trouble_may_pass(wire: Kind, status: int) -> None:
    body = json.dumps({"error": {"message": "in trouble", "type": "api_error"}}).encode()
    reply = Raw(pieces=[body], status=status, headers={"Content-Type": "application/json"})
    assert (await refusal(wire, reply)).fault is Fault.OVERLOAD


@every_wire
async def test_a_client_serves_many_sessions_at_once(wire: Kind) -> None:
    answers: list[Answer] = []
    turn = Turn(text="Hi there", chunk=1, pace=0.001)
    async with serving(wire, [turn] * 40) as (client, _):

        async def one() -> None:
            answers.append(await ask(client))

        async with anyio.create_task_group() as tasks:
            for _ in range(40):
                tasks.start_soon(one)
    texts = [
        part.text for answer in answers for part in answer.parts if isinstance(part, TextEntry)
    ]
    assert texts == ["Hi there"] * 40


async def test_one_of_many_streams_is_left_as_fast_as_one_alone() -> None:
    turn = Turn(text="word " * 10_000, chunk=5, pace=0.001)
    async with serving("openai-chat", [turn] * 30) as (client, provider):
        async with anyio.create_task_group() as tasks:
            for _ in range(30):
                tasks.start_soon(ask, client)
            await provider.asked(30)
            tasks.cancel_scope.cancel()
        with anyio.fail_after(1):
            for seen in provider.received:
                await seen.gone.wait()
        assert all(seen.closed_early for seen in provider.received)


async def test_a_server_without_tls_under_https_is_a_network_fault() -> None:
    async with serving("openai-chat", []) as (_, provider):
        url = provider.url.replace("http:", "https:")
        config = parse_config(f'[providers.plain]\nbase_url = "{url}/v1"\n'.encode(), "c")
        client = ProviderModel(resolve_name("plain:m", config, {}))
        with pytest.raises(ModelError) as failed:
            await ask(client)
        await client.aclose()
    assert failed.value.fault is Fault.NETWORK


async def test_no_request_leaves_this_machine_where_that_is_forbidden() -> None:
    target = resolve_name("openai:gpt-6-luna", NO_CONFIG, {"OPENAI_API_KEY": "k"})
    with pytest.raises(ModelError, match="forbids requests"):
        await ask(ProviderModel(target, environ={"CREW_FORBID_REQUESTS": "1"}))


OVERFLOWS: Mapping[str, Any] = {
    "openai": {
        "message": "This model's maximum context length is 128000 tokens. However, your messages "
        "resulted in 130000 tokens.",
        "type": "invalid_request_error",
        "code": "context_length_exceeded",
    },
    "anthropic": {"message": "prompt is too long: 215000 tokens > 200000 maximum"},
    "google": {"message": "The input token count (1200000) exceeds the maximum number of tokens"},
    "vllm": {
        "message": "This model's maximum context length is 4096 tokens. However, you requested "
        "5000 tokens",
        "code": 400,
    },
    "llama.cpp": {
        "code": 400,
        "message": "the request exceeds the available context size, try increasing it",
        "type": "exceed_context_size_error",
    },
    "lm studio": "Trying to keep the first 5000 tokens when context the overflows. However, the "
    "model is loaded with context length of only 4096 tokens, which is not enough.",
    "ollama": {"message": "input length exceeds the context length"},
}


@pytest.mark.parametrize("server", sorted(OVERFLOWS))
async def test_an_overflow_is_known_in_each_server_s_words(server: str) -> None:
    body = json.dumps({"error": OVERFLOWS[server]}).encode()
    reply = Raw(pieces=[body], status=400, headers={"Content-Type": "application/json"})
    assert (await refusal("openai-chat", reply)).fault is Fault.CONTEXT_OVERFLOW


def piece(**delta: Any) -> bytes:
    finish = delta.pop("finish", None)
    usage = delta.pop("usage", None)
    chunk: dict[str, Any] = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    if usage:
        chunk["usage"] = {"prompt_tokens": 10, "completion_tokens": usage, "total_tokens": 10}
    return f"data: {json.dumps(chunk)}\n\n".encode()


def call(index: int | None, id_: str | None, name: str | None, args: str) -> dict[str, Any]:
    said: dict[str, Any] = {"index": index, "id": id_}
    given = {key: value for key, value in said.items() if value is not None}
    function = {"arguments": args} | ({"name": name} if name else {})
    return given | {"function": function}


END = piece(finish="tool_calls")
READ, GREP = ("read", {"path": "a"}), ("grep", {"path": "b"})


@pytest.mark.parametrize(
    "sent",
    [
        [
            [call(0, "a", "read", '{"path": "a"}')],
            [call(0, "b", "grep", '{"path": "b"}')],
        ],
        [[call(None, "a", "read", '{"path": "a"}'), call(None, "b", "grep", '{"path": "b"}')]],
        [
            [call(0, "a", "read", ""), call(1, "b", "grep", "")],
            [call(1, None, None, '{"path":'), call(0, None, None, '{"path":')],
            [call(0, None, None, ' "a"}'), call(1, None, None, ' "b"}')],
        ],
        [
            [call(0, None, "read", '{"path": "a"}')],
            [call(0, None, "grep", '{"path": "b"}')],
        ],
        [
            [call(0, "a", "read", '{"path":')],
            [call(0, "a", "read", ' "a"}')],
            [call(1, "b", "grep", '{"path": "b"}')],
        ],
        [
            [call(None, "a", "read", "")],
            [call(None, None, None, '{"path": "a"}')],
            [call(None, "b", "grep", "")],
            [call(None, None, None, '{"path": "b"}')],
        ],
    ],
    ids=["one index", "no index", "interleaved", "one index no ids", "repeated name", "streamed"],
)
async def test_calls_stay_apart_however_a_server_counts_them(
    sent: list[list[dict[str, Any]]],
) -> None:
    reply = Raw(pieces=[*(piece(tool_calls=calls) for calls in sent), END, b"data: [DONE]\n\n"])
    async with serving("openai-chat", [reply]) as (client, _):
        answer = await ask(client)
    calls = [part for part in answer.parts if isinstance(part, ToolCallEntry)]
    assert [(part.tool, part.args) for part in calls] == [READ, GREP]


async def test_usage_on_every_piece_is_not_summed() -> None:
    sent = [piece(content="a", usage=1), piece(content="b", usage=2), piece(finish="stop")]
    async with serving("openai-chat", [Raw(pieces=sent)]) as (client, _):
        answer = await ask(client)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (10, 2)


async def test_pings_and_odd_line_ends_are_no_matter() -> None:
    sent = [b": ping\n\n", piece(content="Hel"), piece(content="lo").replace(b"\n", b"\r\n")]
    async with serving("openai-chat", [Raw(pieces=[*sent, piece(finish="stop")])]) as (client, _):
        answer = await ask(client)
    (part,) = answer.parts
    assert isinstance(part, TextEntry)
    assert part.text == "Hello"


async def test_a_filtered_answer_goes_to_the_next_model() -> None:
    reply = Raw(pieces=[piece(content="Hel"), piece(finish="content_filter")])
    error = await refusal("openai-chat", reply)
    assert error.fault is Fault.BAD_REQUEST
    assert "filter" in error.message
