"""Language models behind one client, `provider:model`; SDKs load at the first request."""

from crew.models.providers.client import ProviderModel
from crew.models.providers.names import (
    PROVIDERS,
    Endpoint,
    ModelName,
    keyed_providers,
    resolve_alias,
    resolve_name,
)

__all__ = [
    "PROVIDERS",
    "Endpoint",
    "ModelName",
    "ProviderModel",
    "keyed_providers",
    "resolve_alias",
    "resolve_name",
]
