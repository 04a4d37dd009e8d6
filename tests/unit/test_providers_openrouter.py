"""OpenRouter: the chat format, with its own errors, reasoning and prices."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from crew.config import Config, ProviderConfig
from crew.entries import TextEntry, ThinkingEntry
from crew.errors import Fault, ModelError
from crew.models.answer import Answer
from crew.models.providers.client import ProviderModel
from crew.models.providers.names import resolve_name
from crew.testing import LoopbackProvider, Raw
from tests.doubles.providers import TASK, ask

KEY = "the-key-of-openrouter"
DONE = b"data: [DONE]\n\n"


def event(**fields: Any) -> bytes:
    base = {"id": "gen-1", "provider": "Friendly", "model": "friendly/large", "created": 1}
    return f"data: {json.dumps(base | {'object': 'chat.completion.chunk'} | fields)}\n\n".encode()


def said(finish: str | None = None, **delta: Any) -> bytes:
    choice = {"index": 0, "delta": {"role": "assistant", "content": ""} | delta}
    return event(choices=[choice | {"finish_reason": finish, "native_finish_reason": finish}])


def refused(status: int, code: int, message: str) -> Raw:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    return Raw(pieces=[body], status=status, headers={"Content-Type": "application/json"})


@asynccontextmanager
async def openrouter(
    *replies: Raw, model: str = "friendly/large"
) -> AsyncIterator[tuple[ProviderModel, LoopbackProvider]]:
    async with LoopbackProvider.serve(replies) as provider:
        own = ProviderConfig(base_url=f"{provider.url}/v1", api_key=SecretStr(KEY))
        target = resolve_name(f"openrouter:{model}", Config(providers={"openrouter": own}), {})
        client = ProviderModel(target)
        try:
            yield client, provider
        finally:
            await client.aclose()


async def failure(*replies: Raw, model: str = "friendly/large") -> ModelError:
    async with openrouter(*replies, model=model) as (client, _):
        with pytest.raises(ModelError) as failed:
            await ask(client)
    return failed.value


async def test_an_answer_has_its_reasoning_and_what_it_cost() -> None:
    detail = {"type": "reasoning.text", "text": "Hm.", "format": "unknown", "index": 0}
    used = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.00042}
    pings = b": OPENROUTER PROCESSING\n\n"
    sent = [
        pings,
        said(reasoning="Hm.", reasoning_details=[detail]),
        said(content="Hello"),
        pings,
        said("stop"),
        event(choices=[], usage=used),
        DONE,
    ]
    answers: list[Answer] = []
    async with openrouter(Raw(pieces=sent), Raw(pieces=sent)) as (client, provider):
        answers.append(await ask(client))
        await ask(client, [*TASK, *answers[0].parts, *TASK], thinking="high")
        first, second = provider.received
    thinking, text = answers[0].parts
    assert isinstance(thinking, ThinkingEntry)
    assert isinstance(text, TextEntry)
    assert (thinking.text, text.text) == ("Hm.", "Hello")
    assert answers[0].usage.cost == pytest.approx(0.00042)
    assert (answers[0].usage.input_tokens, answers[0].usage.output_tokens) == (10, 5)
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert second.body["reasoning"]["effort"] == "high"
    assert json.dumps(second.body).count("Hm.") >= 1  # what it reasoned goes back to it


async def test_with_a_key_of_ones_own_its_maker_s_price_is_part_of_the_cost() -> None:
    used = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "cost": 0.0001,
        "is_byok": True,
        "cost_details": {"upstream_inference_cost": 0.002},
    }
    sent = [said(content="Hello"), said("stop"), event(choices=[], usage=used), DONE]
    async with openrouter(Raw(pieces=sent)) as (client, _):
        answer = await ask(client)
    assert answer.usage.cost == pytest.approx(0.0021)


@pytest.mark.parametrize(
    ("code", "fault"),
    [(429, Fault.RATE_LIMIT), (502, Fault.OVERLOAD), (503, Fault.OVERLOAD), (402, Fault.QUOTA)],
)
async def test_an_error_in_the_middle_of_the_stream_has_its_class(code: int, fault: Fault) -> None:
    error = event(
        error={"code": code, "message": "Provider returned error"},
        choices=[{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
    )
    found = await failure(Raw(pieces=[said(content="Half"), error]))
    assert found.fault is fault
    assert "Provider returned error" in found.message


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (401, Fault.AUTH),
        (402, Fault.QUOTA),
        (429, Fault.RATE_LIMIT),
        (502, Fault.OVERLOAD),
        (503, Fault.OVERLOAD),
    ],
)
async def test_a_refused_request_has_its_class(status: int, fault: Fault) -> None:
    found = await failure(refused(status, status, "because of this"))
    assert found.fault is fault
    assert "because of this" in found.message


async def test_an_error_with_status_200_is_no_answer() -> None:
    found = await failure(Raw(pieces=[event(error={"code": 503, "message": "no provider"}), DONE]))
    assert found.fault is Fault.OVERLOAD


async def test_an_answer_that_is_cut_is_not_taken_for_whole() -> None:
    assert (await failure(Raw(pieces=[said(content="Half")]))).fault is Fault.TRUNCATED


async def test_a_name_without_its_maker_is_told_how_to_write_it() -> None:
    found = await failure(model="large")
    assert found.fault is Fault.BAD_REQUEST
    assert "must be prefixed" in found.message
