"""Model names to clients: the built-in `rules`, `scripted:FILE` and `provider:model`."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio

from crew.config import NO_CONFIG, Config, Price
from crew.errors import UsageError
from crew.models.protocol import ModelClient
from crew.models.providers.names import ALIASES, RULES, resolve_alias, resolve_name
from crew.models.providers.prices import price_of

SCRIPTED = "scripted:"
FREE = Price(input=0.0, output=0.0)

CLOSING = 3.0
"""Seconds that idle connections get to close in order."""


class Models:
    """The models of one run, each client made once.

    Args:
        override: Used by every session instead of what its agent asks for; several names are
            separated by commas, in order of preference.
        clients: Further clients by name.
        config: The person's settings.
        environ: Where keys are looked for.
    """

    def __init__(
        self,
        override: str | None = None,
        clients: Mapping[str, ModelClient] | None = None,
        *,
        config: Config = NO_CONFIG,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._override = split_names(override) if override is not None else None
        self._clients = dict(clients or {})
        self._given = frozenset(self._clients)
        self._config = config
        self._environ = environ

    def names(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """The names to try in order: the override alone, or what is wanted, aliases resolved.

        Of several, those are left out whose provider has no key; one name is taken as it is.
        """
        chosen = self._override if self._override is not None else tuple(wanted)
        resolved = dict.fromkeys(name for asked in chosen for name in self._resolved(asked))
        served = tuple(name for name in resolved if self._has_key(name))
        return served or tuple(resolved)

    def client(self, name: str) -> ModelClient:
        """The client behind a name.

        Raises:
            UsageError: There is no such model, or its provider has no key.
            DefinitionError: A script can't be read.
        """
        if name not in self._clients:
            self._clients[name] = self._make(name)
        return self._clients[name]

    def price(self, name: str) -> Price | None:
        """What its tokens cost; None when that is unknown, or when it tells with each answer."""
        if name == RULES:
            return FREE
        if self.tells_cost(name):
            return None
        target = resolve_name(name, self._config, self._environ)
        return price_of(target.endpoint, target.model)

    def tells_cost(self, name: str) -> bool:
        """Whether it is no provider's: its answers say what they cost."""
        return name == RULES or name.startswith(SCRIPTED) or name in self._given

    async def aclose(self) -> None:
        """Close the connections of the clients that were made here; clients given stay open."""
        with anyio.move_on_after(CLOSING, shield=True):
            for name, client in self._clients.items():
                close = getattr(client, "aclose", None)
                if close is not None and name not in self._given:
                    await close()

    def _resolved(self, name: str) -> tuple[str, ...]:
        if name in self._clients:
            return (name,)
        for alias in ALIASES:
            if name == alias:
                return resolve_alias(alias, self._config, self._environ)
        return (name,)

    def _has_key(self, name: str) -> bool:
        if name in self._clients or name == RULES or name.startswith(SCRIPTED):
            return True
        try:
            endpoint = resolve_name(name, self._config, self._environ).endpoint
        except UsageError:
            return True  # said when the client is made
        return bool(endpoint.key) or not endpoint.needs_key

    def _make(self, name: str) -> ModelClient:
        if name == RULES:
            from crew.models.rules import Rules

            return Rules()
        if name == SCRIPTED:
            raise UsageError("scripted: names no file", hint="write scripted:FILE")
        if name.startswith(SCRIPTED):
            from crew.models.scripted import Scripted, load_script

            return Scripted(load_script(Path(name.removeprefix(SCRIPTED))), name)
        target = resolve_name(name, self._config, self._environ)
        from crew.models.providers.client import ProviderModel

        return ProviderModel(target, environ=self._environ)


def split_names(text: str) -> tuple[str, ...]:
    """Split names at commas; a script's path is taken whole."""
    if text.startswith(SCRIPTED):
        return (text,)
    return tuple(name.strip() for name in text.split(",") if name.strip()) or (text,)
