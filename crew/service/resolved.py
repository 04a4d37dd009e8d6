"""Which models the names in definitions mean here, as a run would take them."""

from collections.abc import Callable, Mapping, Sequence

from crew.config import load_config
from crew.errors import UsageError
from crew.models.registry import Models

Resolve = Callable[[Sequence[str]], tuple[str, ...]]
"""Names that an agent asks for to models, in the order in which they would be tried."""


def model_resolver(environ: Mapping[str, str]) -> Resolve:
    """How names are resolved with the person's settings; as they are where these are off."""
    try:
        models = Models(config=load_config(environ), environ=environ)
        models.names(["default"])
    except UsageError:
        return tuple
    return models.names
