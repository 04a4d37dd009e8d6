"""The library's model of an endpoint; only the SDK of its own format is imported."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2
from pydantic_ai.models import Model

from crew.models.providers.names import PROVIDERS, Endpoint, ModelName

if TYPE_CHECKING:
    from openai import AsyncOpenAI

OPENAI = "openai"

NO_KEY = "none"
"""Sent by SDKs that insist on a key to servers that want none."""


def build_model(target: ModelName, http: httpx2.AsyncClient) -> Model:
    """Make the model that asks the target over these connections."""
    match target.endpoint.kind:
        case "anthropic":
            return _anthropic(target, http)
        case "google":
            return _google(target, http)
        case "openai":
            return _responses(target, http)
        case "openai-chat":
            return _chat(target, http)


def _anthropic(target: ModelName, http: httpx2.AsyncClient) -> Model:
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    from crew.models.providers.sdk_anthropic import ForeignAnthropic

    at_home = _host(target.endpoint) == _host(PROVIDERS["anthropic"])
    client = (AsyncAnthropic if at_home else ForeignAnthropic)(
        api_key=target.endpoint.key or NO_KEY,
        base_url=target.endpoint.base_url,
        http_client=http,
    )
    return AnthropicModel(target.model, provider=AnthropicProvider(anthropic_client=client))


def _google(target: ModelName, http: httpx2.AsyncClient) -> Model:
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    provider = GoogleProvider(
        api_key=target.endpoint.key or NO_KEY,
        base_url=target.endpoint.base_url,
        http_client=http,
    )
    return GoogleModel(target.model, provider=provider)


def _responses(target: ModelName, http: httpx2.AsyncClient) -> Model:
    from pydantic_ai.models.openai import OpenAIResponsesModel

    return OpenAIResponsesModel(target.model, provider=_openai_provider(target.endpoint, http))


def _chat(target: ModelName, http: httpx2.AsyncClient) -> Model:
    from pydantic_ai.profiles.openai import OpenAIModelProfile
    from pydantic_ai.providers.openrouter import OpenRouterProvider

    from crew.models.providers.chat import ChatModel, OpenRouterChatModel

    strict = OpenAIModelProfile(openai_chat_streaming_requires_finish_reason=True)
    endpoint = target.endpoint
    if endpoint.name == "openrouter":
        provider = OpenRouterProvider(openai_client=_openai_client(endpoint, http))
        return OpenRouterChatModel(target.model, provider=provider, profile=strict)
    return ChatModel(target.model, provider=_openai_provider(endpoint, http), profile=strict)


def _openai_provider(endpoint: Endpoint, http: httpx2.AsyncClient) -> Any:
    from pydantic_ai.providers.openai import OpenAIProvider
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    client = _openai_client(endpoint, http)
    if endpoint.base_url == PROVIDERS[OPENAI].base_url:
        return OpenAIProvider(openai_client=client)
    return OpenAICompatibleProvider(endpoint.name, openai_client=client)


def _openai_client(endpoint: Endpoint, http: httpx2.AsyncClient) -> "AsyncOpenAI":
    from crew.models.providers.sdk_openai import ForeignOpenAI, QuickOpenAI

    at_home = _host(endpoint) == _host(PROVIDERS[OPENAI])
    return (QuickOpenAI if at_home else ForeignOpenAI)(
        api_key=endpoint.key or NO_KEY, base_url=endpoint.base_url, http_client=http
    )


def _host(endpoint: Endpoint) -> str | None:
    return urlsplit(endpoint.base_url).hostname
