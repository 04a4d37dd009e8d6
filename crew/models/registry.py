"""Model names to clients: the built-in `rules`, and `scripted:FILE`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from crew.errors import UsageError
from crew.models.protocol import ModelClient

ALIASES = ("default", "fast", "smart")
"""Names that stand for a configured model; with none configured they all mean `rules`."""

RULES = "rules"
SCRIPTED = "scripted:"


class Models:
    """The models of one run, each client made once.

    Args:
        override: Used by every session instead of what its agent asks for.
        clients: Further clients by name.
    """

    def __init__(
        self, override: str | None = None, clients: Mapping[str, ModelClient] | None = None
    ) -> None:
        self._override = override
        self._clients = dict(clients or {})

    def names(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """The names to try in order: the override alone, or what is wanted, aliases resolved."""
        chosen = (self._override,) if self._override is not None else tuple(wanted)
        return tuple(dict.fromkeys(RULES if name in ALIASES else name for name in chosen))

    def client(self, name: str) -> ModelClient:
        """The client behind a name.

        Raises:
            UsageError: There is no such model.
            DefinitionError: A script can't be read.
        """
        if name not in self._clients:
            self._clients[name] = _make(name)
        return self._clients[name]


def _make(name: str) -> ModelClient:
    if name == RULES:
        from crew.models.rules import Rules

        return Rules()
    if name.startswith(SCRIPTED):
        from crew.models.scripted import Scripted, load_script

        return Scripted(load_script(Path(name.removeprefix(SCRIPTED))), name)
    raise UsageError(f"there is no model {name!r}", hint="use rules, or scripted:FILE")
