"""The secrets of this machine, for whatever is written where no run's settings are at hand."""

from collections.abc import Mapping
from contextlib import suppress

from crew.config import load_config
from crew.errors import ConfigError
from crew.store.redact import Redactor


def machine_redactor(environ: Mapping[str, str]) -> Redactor:
    """Knows the secrets of the environment, and of the settings as far as they can be read."""
    known: list[str] = []
    with suppress(ConfigError):
        known = load_config(environ).secrets(environ)
    return Redactor.from_environ(environ, known=known)
