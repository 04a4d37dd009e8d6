"""What is wrong in the person's `config.toml`, each problem with its place."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from crew.config import Config, config_line, config_path, load_config
from crew.definitions.report import display_path
from crew.definitions.types import Problem
from crew.errors import ConfigError, UsageError
from crew.models.providers.names import ALIASES, RULES, find_endpoint, resolve_name
from crew.models.registry import SCRIPTED


def check_settings(environ: Mapping[str, str]) -> list[Problem]:
    """All that a run would refuse of the settings, in the order of the file; none without one."""
    path = config_path(environ)
    if path is None:
        return []
    try:
        config = load_config(environ)
    except ConfigError as error:
        return placed(error, path)
    found = [*_providers(config, environ, path), *_models(config, environ, path)]
    return sorted(found, key=lambda problem: problem.line)


def placed(error: ConfigError, path: Path) -> list[Problem]:
    """The problems that an error about the file tells, a line each.

    Args:
        path: The file, as the lines begin with it.
    """
    found = []
    for text in error.message.splitlines():
        place, _, said = text.removeprefix(str(path)).partition(": ")
        number = place.removeprefix(":")
        line = int(number) if number.isdecimal() else 0
        problem = Problem(
            path=display_path(path), line=line, column=0, message=said, hint=error.hint
        )
        found.append(problem)
    return found


def _providers(config: Config, environ: Mapping[str, str], path: Path) -> Iterator[Problem]:
    for name in config.providers:
        try:
            find_endpoint(name, config, environ)
        except UsageError as error:
            yield _problem(error, path, "providers", name)


def _models(config: Config, environ: Mapping[str, str], path: Path) -> Iterator[Problem]:
    for alias in ALIASES:
        for name in getattr(config.models, alias) or ():
            if name == RULES or name.startswith(SCRIPTED):
                continue
            provider, _, model = name.partition(":")
            if provider in config.providers and model.strip():
                continue  # what is wrong with it is told where it is set up
            try:
                resolve_name(name, config, environ)
            except UsageError as error:
                yield _problem(error, path, "models", alias)


def _problem(error: UsageError, path: Path, table: str, key: str) -> Problem:
    return Problem(
        path=display_path(path),
        line=config_line(path, table, key),
        column=0,
        message=error.message,
        hint=error.hint,
    )
