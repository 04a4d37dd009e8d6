"""`provider:model` names and the aliases `default`, `fast`, `smart`; nothing is contacted."""

import difflib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urlsplit

from crew.config import Config, Kind, Price, ProviderConfig
from crew.errors import UsageError
from crew.records import JsonObject

Alias = Literal["default", "fast", "smart"]
ALIASES: tuple[Alias, ...] = ("default", "fast", "smart")
"""Names that stand for a configured model; with none configured they all mean `rules`."""

RULES = "rules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A server and the format it speaks.

    Attributes:
        key_env: Variables that may hold its key, the first one set counts.
        needs_key: Whether it refuses requests without a key.
        key: The key; never shown.
        usual: Good current models by alias, for who has set no more than a key.
    """

    name: str
    kind: Kind
    base_url: str
    key_env: tuple[str, ...] = ()
    needs_key: bool = False
    key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    extra_body: JsonObject = field(default_factory=dict)
    context: int | None = None
    price: Price | None = None
    usual: Mapping[Alias, str] = field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        """Whether it runs on this machine."""
        return is_loopback(self.base_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelName:
    """A model at an endpoint; `str()` gives the name that selects it."""

    endpoint: Endpoint
    model: str

    def __str__(self) -> str:
        return f"{self.endpoint.name}:{self.model}"


_OPENAI = "https://api.openai.com/v1"
_OPENAI_USUAL: Mapping[Alias, str] = {
    "default": "gpt-6.1-terra",
    "fast": "gpt-6-luna",
    "smart": "gpt-6-astra",
}

PROVIDERS: Mapping[str, Endpoint] = {
    endpoint.name: endpoint
    for endpoint in (
        Endpoint(
            name="anthropic",
            kind="anthropic",
            base_url="https://api.anthropic.com",
            key_env=("ANTHROPIC_API_KEY",),
            needs_key=True,
            usual={
                "default": "claude-sonnet-5-5",
                "fast": "claude-haiku-5-5",
                "smart": "claude-opus-5-5",
            },
        ),
        Endpoint(
            name="openai",
            kind="openai",
            base_url=_OPENAI,
            key_env=("OPENAI_API_KEY",),
            needs_key=True,
            usual=_OPENAI_USUAL,
        ),
        Endpoint(
            name="openai-chat",
            kind="openai-chat",
            base_url=_OPENAI,
            key_env=("OPENAI_API_KEY",),
            needs_key=True,
        ),
        Endpoint(
            name="google",
            kind="google",
            base_url="https://generativelanguage.googleapis.com",
            key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
            needs_key=True,
            usual={
                "default": "gemini-4-argon",
                "fast": "gemini-3.8-flash",
                "smart": "gemini-4-argon",
            },
        ),
        Endpoint(
            name="openrouter",
            kind="openai-chat",
            base_url="https://openrouter.ai/api/v1",
            key_env=("OPENROUTER_API_KEY",),
            needs_key=True,
            usual={
                "default": "anthropic/claude-sonnet-5.5",
                "fast": "anthropic/claude-haiku-5.5",
                "smart": "anthropic/claude-opus-5.5",
            },
        ),
        Endpoint(name="ollama", kind="openai-chat", base_url="http://127.0.0.1:11434/v1"),
        Endpoint(name="vllm", kind="openai-chat", base_url="http://127.0.0.1:8000/v1"),
        Endpoint(name="llamacpp", kind="openai-chat", base_url="http://127.0.0.1:8080/v1"),
        Endpoint(name="lmstudio", kind="openai-chat", base_url="http://127.0.0.1:1234/v1"),
    )
}
"""The providers that need no configuration but a key, if that."""


def resolve_name(name: str, config: Config, environ: Mapping[str, str]) -> ModelName:
    """Find the endpoint of a `provider:model` name, with what the person set for it.

    Raises:
        UsageError: There is no such provider, it has no URL, or no model is named.
    """
    provider, _, model = name.partition(":")
    endpoint = find_endpoint(provider, config, environ)
    if endpoint is None:
        known = list(dict.fromkeys([RULES, "scripted", *PROVIDERS, *config.providers]))
        near = difflib.get_close_matches(provider, known, n=1, cutoff=0.7)
        hint = f"did you mean {near[0]}?" if near else f"a provider is one of: {', '.join(known)}"
        raise UsageError(f"there is no model {name!r}", hint=hint)
    if not model.strip():
        raise UsageError(f"{name!r} names no model", hint=f"write {provider}:MODEL")
    return ModelName(endpoint=endpoint, model=model)


def find_endpoint(provider: str, config: Config, environ: Mapping[str, str]) -> Endpoint | None:
    """The endpoint of a provider, key included; None when there is no such provider.

    Raises:
        UsageError: A provider of the config has no URL.
    """
    known, own = PROVIDERS.get(provider), config.providers.get(provider)
    if own is not None:
        known = _configured(provider, own, known)
    if known is None or known.key is not None:
        return known
    key = next((environ[name] for name in known.key_env if environ.get(name)), None)
    return replace(known, key=key)


def _configured(name: str, own: ProviderConfig, known: Endpoint | None) -> Endpoint:
    base_url = own.base_url or (known.base_url if known else None)
    if base_url is None:
        raise UsageError(
            f"provider {name} has no base_url", hint=f"set it in [providers.{name}] of config.toml"
        )
    kind = own.kind or (known.kind if known else "openai-chat")
    if kind == "google" and own.extra_body:
        raise UsageError(
            f"[providers.{name}]: extra_body has no effect with kind google", hint="leave it out"
        )
    endpoint = known or Endpoint(name=name, kind=kind, base_url=base_url)
    moved = known is not None and base_url != known.base_url
    key_env = (own.api_key_env,) if own.api_key_env else endpoint.key_env
    if own.api_key is not None or (moved and not own.api_key_env):
        key_env = ()  # a key goes to the host it was made for, or to one that is named with it
    return replace(
        endpoint,
        kind=kind,
        base_url=base_url,
        key_env=key_env,
        needs_key=bool(own.api_key_env) or (endpoint.needs_key and not moved),
        key=own.api_key.get_secret_value() if own.api_key is not None else None,
        headers=own.headers,
        extra_body=own.extra_body,
        context=own.context,
        price=own.price,
    )


def keyed_providers(config: Config, environ: Mapping[str, str]) -> list[str]:
    """Known providers that need a key and have one."""
    return [
        name
        for name, known in PROVIDERS.items()
        if known.usual and (found := find_endpoint(name, config, environ)) and found.key
    ]


def resolve_alias(alias: Alias, config: Config, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The names that an alias stands for, in order of preference.

    It is what the config says, for `fast` and `smart` else what it says of `default`. Without a
    config, a person who has the key of exactly one provider gets its usual models, and everyone
    else `rules`: which of two accounts pays is not for a program to guess.
    """
    said = getattr(config.models, alias) or config.models.default
    if said is not None:
        names: tuple[str, ...] = said
        return names
    keyed = keyed_providers(config, environ)
    if len(keyed) == 1:
        return (f"{keyed[0]}:{PROVIDERS[keyed[0]].usual[alias]}",)
    return (RULES,)


def is_loopback(url: str) -> bool:
    """Whether a URL stays on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
