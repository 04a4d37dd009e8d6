"""What is wrong in the person's `config.toml`, the observer's keys included."""

import os

from crew.config import config_path, load_config
from crew.definitions.types import Problem
from crew.errors import ConfigError
from crew.service.settings import check_settings, placed


def settings_problems() -> list[Problem]:
    """Every problem of the file that crew would read, in its order; none without one."""
    found = [*check_settings(os.environ), *key_problems()]
    return sorted(found, key=lambda problem: problem.line)


def key_problems() -> list[Problem]:
    """Keys that the observer does not take, which only it can tell; none where the file is off."""
    path = config_path(os.environ)
    try:
        chosen = load_config(os.environ).keys
    except ConfigError:
        return []
    if path is None or not chosen:
        return []
    from crew.cli.observe import key_ring

    try:
        key_ring()
    except ConfigError as error:
        return placed(error, path)
    return []
