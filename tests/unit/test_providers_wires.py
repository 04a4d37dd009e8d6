"""Answers over real sockets, through the providers' SDKs, in each of the four formats."""

import json
from itertools import pairwise
from typing import Any

import pytest

from crew.config import Kind, Price
from crew.entries import (
    FollowUpEntry,
    Message,
    SteerEntry,
    TextEntry,
    ThinkingEntry,
    ToolCallEntry,
    UserEntry,
)
from crew.records import Usage
from crew.testing import Call, Raw, Turn
from tests.doubles.providers import TASK, WIRES, ask, results, serving

pytestmark = pytest.mark.parametrize("wire", WIRES)
USED = Usage(input_tokens=1200, output_tokens=30, cache_read_tokens=1000)
MARKS = {
    "openai-chat": "reasoning_content",
    "openai": "I look.",  # its marks go only to models that are known to reason
    "anthropic": "SIG==",
    "google": "U0lH",
}
TWO_CALLS = (
    Call(tool="read", args={"path": "a"}, id="c1"),
    Call(tool="grep", args={"path": "b"}, id="c2"),
)


@pytest.mark.parametrize("chunk", [None, 1, 7])
async def test_an_answer_is_the_same_however_it_was_cut_into_pieces(
    wire: Kind, chunk: int | None
) -> None:
    turn = Turn(thinking="Let me think.", text="Ünïcode ok", calls=TWO_CALLS, chunk=chunk)
    async with serving(wire, [turn]) as (client, _):
        answer = await ask(client)
    assert [(type(part), getattr(part, "text", "")) for part in answer.parts[:2]] == [
        (ThinkingEntry, "Let me think."),
        (TextEntry, "Ünïcode ok"),
    ]
    called = [part for part in answer.parts if isinstance(part, ToolCallEntry)]
    assert [(call.tool, call.args, call.invalid) for call in called] == [
        ("read", {"path": "a"}, None),
        ("grep", {"path": "b"}, None),
    ]
    assert len({call.call_id for call in called}) == 2
    assert answer.stop == "tool_calls"


async def test_usage_is_read_with_its_cached_tokens_and_an_unknown_price(wire: Kind) -> None:
    async with serving(wire, [Turn(text="Hi", usage=USED)]) as (client, _):
        answer = await ask(client)
    assert answer.usage == Usage(
        input_tokens=1200, output_tokens=30, cache_read_tokens=1000, cost=None
    )


async def test_tokens_that_no_server_counted_are_estimated_and_their_price_unknown(
    wire: Kind,
) -> None:
    price = Price(input=10, output=100)
    async with serving(wire, [Turn(text="word " * 100)], price=price) as (client, _):
        answer = await ask(client, [UserEntry(text="a" * 4000)])
    assert answer.usage.estimated
    assert 1000 < answer.usage.input_tokens < 1200
    assert answer.usage.output_tokens == 125
    assert answer.usage.cost is None


async def test_a_price_of_ones_own_is_applied(wire: Kind) -> None:
    price = Price(input=10, output=100, cache_read=1)
    async with serving(wire, [Turn(text="Hi", usage=USED)], price=price) as (client, _):
        answer = await ask(client)
    assert answer.usage.cost == pytest.approx((200 * 10 + 1000 * 1 + 30 * 100) / 1e6)


async def test_the_history_goes_back_as_it_came(wire: Kind) -> None:
    turn = Turn(thinking="Hm.", text="I look.", calls=TWO_CALLS)
    async with serving(wire, [turn, turn, Turn(text="Done.")]) as (client, provider):
        history: list[Message] = [*TASK]
        for _ in range(2):
            history += results(await ask(client, history), "what was read")
        history += [SteerEntry(text="Hurry.", command="1"), FollowUpEntry(text="And?", command="2")]
        await ask(client, history)
        bodies = [json.dumps(_conversation(seen.body)) for seen in provider.received]
    for earlier, later in pairwise(bodies):
        assert later.startswith(earlier[:-1])  # each turn only adds: a cached prefix stays valid
    assert bodies[-1].count("what was read") == 4
    assert bodies[-1].count(MARKS[wire]) == 2  # what a provider marked goes back to it
    assert bodies[-1].index("Hurry.") < bodies[-1].index("And?")


def _conversation(body: dict[str, Any]) -> Any:
    return body.get("messages") or body.get("input") or body.get("contents")


async def test_system_prompt_and_tools_are_the_same_in_every_request(wire: Kind) -> None:
    async with serving(wire, [Turn(text="One."), Turn(text="Two.")]) as (client, provider):
        answer = await ask(client)
        await ask(client, [*TASK, *answer.parts, UserEntry(text="Go on.")])
        first, second = (seen.body for seen in provider.received)
    names = ("tools", "system", "instructions", "systemInstruction")
    assert {name: first.get(name) for name in names} == {name: second.get(name) for name in names}
    assert "Be exact." in json.dumps(first)


async def test_a_call_without_a_result_is_answered_before_it_is_sent(wire: Kind) -> None:
    dangling = ToolCallEntry(call_id="lost", tool="read", args={"path": "a"})
    async with serving(wire, [Turn(text="Ok.")]) as (client, provider):
        await ask(client, [*TASK, dangling, UserEntry(text="Go on.")])
        sent = json.dumps(_conversation(provider.received[0].body))
    assert sent.index("interrupted: not run") < sent.index("Go on.")


@pytest.mark.parametrize("other", WIRES)
async def test_a_history_crosses_to_another_provider(wire: Kind, other: Kind) -> None:
    turn = Turn(thinking="Hm.", text="I look.", calls=TWO_CALLS)
    async with serving(wire, [turn]) as (client, _):
        history = [*TASK, *results(await ask(client))]
    async with serving(other, [Turn(text="Done.")]) as (client, provider):
        answer = await ask(client, history)
        sent = json.dumps(provider.received[0].body)
    assert [part.text for part in answer.parts if isinstance(part, TextEntry)] == ["Done."]
    assert sent.count("data") == 2
    if wire != other:
        assert "SIG==" not in sent
        assert "U0lH" not in sent


async def test_a_forced_tool_is_asked_for(wire: Kind) -> None:
    async with serving(wire, [Turn(calls=(Call(tool="submit_result"),))]) as (client, provider):
        await ask(client, tool_choice="submit_result")
        body = provider.received[0].body
    choice = body.get("tool_choice") or body["toolConfig"]
    assert "submit_result" in json.dumps(choice)


async def test_arguments_that_are_not_json_reach_the_session_as_invalid(wire: Kind) -> None:
    if wire == "google":
        return  # its format carries an object, not text
    turn = Turn(calls=(Call(tool="read", args='{"path": "a", oops'),))
    async with serving(wire, [turn, Turn(text="Ok.")]) as (client, provider):
        answer = await ask(client)
        (call,) = answer.parts
        assert isinstance(call, ToolCallEntry)
        assert "not JSON" in (call.invalid or "")
        await ask(client, [*TASK, *results(answer)])
        assert len(provider.received) == 2


async def test_a_huge_answer_comes_whole(wire: Kind) -> None:
    text = "0123456789abcdef" * 65_536
    async with serving(wire, [Turn(text=text, chunk=16_384)]) as (client, _):
        answer = await ask(client)
    (part,) = answer.parts
    assert isinstance(part, TextEntry)
    assert part.text == text


async def test_an_answer_at_its_length_limit_says_so(wire: Kind) -> None:
    async with serving(wire, [Turn(text="Half", stop="length")]) as (client, _):
        assert (await ask(client)).stop == "length"


async def test_no_redirect_carries_the_key_to_another_host(wire: Kind) -> None:
    async with serving(wire, [Turn(text="Stolen")]) as (_, thief):
        redirect = Raw(pieces=[b"{}"], status=307, headers={"Location": f"{thief.url}/v1/messages"})
        async with serving(wire, [redirect]) as (client, _):
            with pytest.raises(Exception, match="307"):
                await ask(client)
        assert thief.received == []
