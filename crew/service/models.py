"""Which language models are set up, whether their servers answer, and whether one of them works."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import anyio

from crew.config import Config, Kind, Price, load_config
from crew.entries import ToolCallEntry, UserEntry
from crew.errors import UsageError
from crew.models.answer import AnswerBuilder
from crew.models.protocol import Bounded, ModelRequest, ToolSchema
from crew.models.providers.client import FORBID, ProviderModel
from crew.models.providers.names import (
    ALIASES,
    PROVIDERS,
    RULES,
    Endpoint,
    find_endpoint,
    resolve_alias,
    resolve_name,
)
from crew.models.providers.prices import listed
from crew.models.registry import SCRIPTED, Models
from crew.records import Record, Usage

REACH = 3.0
"""Seconds that a server may take to accept a connection."""

_ECHO = ToolSchema(
    name="echo",
    description="Say a word back.",
    parameters={
        "type": "object",
        "properties": {"word": {"type": "string"}},
        "required": ["word"],
    },
)


class ModelRow(Record):
    """What an alias means.

    Attributes:
        context: Tokens of the context window; None when unknown.
        price: None when unknown.
    """

    alias: str
    model: str
    context: int | None = None
    price: Price | None = None


class ProviderRow(Record):
    """A provider, and whether it can be asked.

    Attributes:
        key: `set`, `missing`, or `none` where none is needed.
        key_env: The variables that may hold it.
        reachable: Whether a connection was accepted; None when that was not tried.
    """

    name: str
    kind: Kind
    base_url: str
    key: str
    key_env: tuple[str, ...]
    configured: bool
    reachable: bool | None = None


class Catalog(Record):
    """Everything that can be asked."""

    models: tuple[ModelRow, ...]
    providers: tuple[ProviderRow, ...]


class Trial(Record):
    """How one tiny request went.

    Attributes:
        called: Whether the model called the tool it was asked to call.
        first: Seconds until the first piece of the answer.
        seconds: Seconds until its end.
    """

    model: str
    called: bool
    text: str
    first: float
    seconds: float
    usage: Usage
    context: int | None


async def model_catalog(environ: Mapping[str, str], *, reach: bool = False) -> Catalog:
    """List the aliases and the providers.

    Args:
        reach: Try to connect to each server that could be asked.

    Raises:
        ConfigError: The person's settings are off.
        UsageError: A model in them can't be.
    """
    config = load_config(environ)
    models = tuple(
        _model_row(alias, name, config, environ)
        for alias in ALIASES
        for name in resolve_alias(alias, config, environ)
    )
    names = dict.fromkeys([*PROVIDERS, *config.providers])
    endpoints = [found for name in names if (found := find_endpoint(name, config, environ))]
    reached: dict[str, bool] = {}
    if reach:
        async with anyio.create_task_group() as tasks:
            for endpoint in endpoints:
                if endpoint.key or not endpoint.needs_key:
                    tasks.start_soon(_reach, endpoint, environ, reached)
    providers = tuple(_provider_row(endpoint, config, reached) for endpoint in endpoints)
    return Catalog(models=models, providers=providers)


async def try_model(name: str, environ: Mapping[str, str]) -> Trial:
    """Make one tiny request that asks for a tool call.

    Raises:
        UsageError: There is no such model, or its key is missing.
        ModelError: The request failed.
    """
    models = Models(name, config=load_config(environ), environ=environ)
    client = models.client(models.names([name])[0])
    if client.note:
        raise UsageError(
            f"{client.name} is no language model", hint="see crew models for how to set one up"
        )
    request = ModelRequest(
        system="You test a connection. Do exactly as you are told.",
        messages=(UserEntry(text="Call the tool echo with the word ready."),),
        tools=(_ECHO,),
        agent="trial",
        session="trial",
    )
    builder, first = AnswerBuilder(new_id=lambda: "call"), None
    try:
        if isinstance(client, ProviderModel):
            await client.load()  # which takes seconds that are not the server's
        began = anyio.current_time()
        async with client.stream(request) as deltas:
            async for delta in deltas:
                first = anyio.current_time() if first is None else first
                builder.add(delta)
        answer = builder.finish()
    finally:
        await models.aclose()
    calls = [part for part in answer.parts if isinstance(part, ToolCallEntry)]
    return Trial(
        model=client.name,
        called=any(call.tool == _ECHO.name and call.invalid is None for call in calls),
        text=builder.text_so_far,
        first=(first or began) - began,
        seconds=anyio.current_time() - began,
        usage=answer.usage,
        context=client.context if isinstance(client, Bounded) else None,
    )


def _model_row(alias: str, name: str, config: Config, environ: Mapping[str, str]) -> ModelRow:
    if name == RULES or name.startswith(SCRIPTED):
        return ModelRow(alias=alias, model=name)
    target = resolve_name(name, config, environ)
    endpoint = target.endpoint
    context, price = (None, None) if endpoint.is_local else listed(endpoint, target.model)
    return ModelRow(
        alias=alias,
        model=name,
        context=endpoint.context or context,
        price=endpoint.price or price,
    )


def _provider_row(endpoint: Endpoint, config: Config, reached: Mapping[str, bool]) -> ProviderRow:
    key = "set" if endpoint.key else "missing" if endpoint.needs_key else "none"
    return ProviderRow(
        name=endpoint.name,
        kind=endpoint.kind,
        base_url=endpoint.base_url,
        key=key,
        key_env=endpoint.key_env,
        configured=endpoint.name in config.providers,
        reachable=reached.get(endpoint.name),
    )


async def _reach(endpoint: Endpoint, environ: Mapping[str, str], reached: dict[str, bool]) -> None:
    if environ.get(FORBID) == "1" and not endpoint.is_local:
        return
    url = urlsplit(endpoint.base_url)
    port = url.port or (443 if url.scheme == "https" else 80)
    reached[endpoint.name] = False
    with anyio.move_on_after(REACH):
        try:
            stream = await anyio.connect_tcp(url.hostname or "", port)
        except OSError:
            return
        reached[endpoint.name] = True
        await stream.aclose()
