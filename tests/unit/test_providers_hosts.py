"""What the SDKs read from the environment on their own stays with the host it was meant for."""

import json
from typing import Any

import httpx2
import pytest

from crew.config import NO_CONFIG, Kind
from crew.models.providers.build import build_model
from crew.models.providers.names import resolve_name
from crew.testing import Turn
from tests.doubles.providers import WIRES, ask, serving

LEAKS = {
    "ANTHROPIC_API_KEY": "leak",
    "ANTHROPIC_AUTH_TOKEN": "leak",
    "ANTHROPIC_BASE_URL": "http://leak.invalid",
    "ANTHROPIC_CUSTOM_HEADERS": "X-Leak: leak\nAuthorization: Bearer leak",
    "ANTHROPIC_PROFILE": "leak",
    "OPENAI_API_KEY": "leak",
    "OPENAI_ADMIN_KEY": "leak",
    "OPENAI_BASE_URL": "http://leak.invalid",
    "OPENAI_CUSTOM_HEADERS": "X-Leak: leak\nAuthorization: Bearer leak",
    "OPENAI_ORG_ID": "leak",
    "OPENAI_PROJECT_ID": "leak",
    "OPENROUTER_API_KEY": "leak",
    "OPENROUTER_APP_TITLE": "leak",
    "OPENROUTER_APP_URL": "http://leak.invalid",
    "GOOGLE_API_KEY": "leak",
    "GEMINI_API_KEY": "leak",
    "GOOGLE_CLOUD_PROJECT": "leak",
    "GOOGLE_CLOUD_LOCATION": "leak",
    "GOOGLE_GEMINI_BASE_URL": "http://leak.invalid",
    "GOOGLE_GENAI_USE_VERTEXAI": "1",
    "GOOGLE_GENAI_USE_ENTERPRISE": "1",
}


@pytest.mark.parametrize("wire", WIRES)
async def test_a_configured_server_gets_nothing_of_the_environment(
    wire: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in LEAKS.items():
        monkeypatch.setenv(name, value)
    async with serving(wire, [Turn(text="One."), Turn(text="Two.")]) as (client, provider):
        await ask(client)
        await ask(client)
    assert len(provider.received) == 2
    for seen in provider.received:
        assert "leak" not in json.dumps([seen.path, dict(seen.headers), seen.body]).lower()


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("openai:m", "OPENAI_CUSTOM_HEADERS"),
        ("openai-chat:m", "OPENAI_CUSTOM_HEADERS"),
        ("anthropic:m", "ANTHROPIC_CUSTOM_HEADERS"),
    ],
)
async def test_a_provider_s_own_host_gets_the_headers_that_are_meant_for_it(
    name: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "X-Team: ours")
    environ = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}
    async with httpx2.AsyncClient() as http:
        model: Any = build_model(resolve_name(name, NO_CONFIG, environ), http)
        assert model.client.default_headers["X-Team"] == "ours"
