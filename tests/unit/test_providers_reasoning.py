"""What a reasoning model of the Responses format thought goes back to it sealed, to others not."""

from typing import Any

from crew.config import Config, ProviderConfig
from crew.models.providers.client import ProviderModel
from crew.models.providers.names import resolve_name
from crew.testing import Call, LoopbackProvider, Turn
from tests.doubles.providers import TASK, ask, results

THOUGHT = Turn(thinking="Hm.", text="I look.", calls=(Call(tool="read", args={"path": "a"}),))


async def sent_second(first: str, second: str) -> list[dict[str, Any]]:
    """The conversation as the second provider gets it, after the first has answered."""
    async with LoopbackProvider.serve([THOUGHT, Turn(text="Done.")]) as provider:
        server = ProviderConfig(kind="openai", base_url=f"{provider.url}/v1")
        config = Config(providers={first: server, second: server})
        asked, next_asked = (
            ProviderModel(resolve_name(f"{name}:gpt-5", config, {}), environ={})
            for name in (first, second)
        )
        history = [*TASK, *results(await ask(asked, thinking="medium"))]
        await ask(next_asked, history, thinking="medium")
        await asked.aclose()
        await next_asked.aclose()
        sent: list[dict[str, Any]] = provider.received[1].body["input"]
    return sent


async def test_a_reasoning_model_gets_its_own_reasoning_back_sealed() -> None:
    sent = await sent_second("mine", "mine")
    (reasoning,) = (item for item in sent if item.get("type") == "reasoning")
    assert reasoning["encrypted_content"] == "ENC=="
    assert [part["text"] for part in reasoning["summary"]] == ["Hm."]
    assert [item["type"] for item in sent[1:]] == [
        *("reasoning", "message", "function_call", "function_call_output")
    ]


async def test_another_provider_gets_nothing_that_is_sealed() -> None:
    sent = await sent_second("mine", "other")
    assert "ENC==" not in str(sent)
    assert [item["type"] for item in sent[-2:]] == ["function_call", "function_call_output"]
