"""The person's settings, `config.toml` in crew's config folder: strict, each complaint placed.

[models]                      # what agents ask for: a name, or several in order of preference
default = "anthropic:claude-sonnet-5-5"
fast = ["local:small", "anthropic:claude-haiku-5-5"]

[providers.local]               # a server of one's own, or a change to a known provider
kind = "openai-chat"            # openai (Responses) | openai-chat | anthropic | google
base_url = "http://127.0.0.1:8080/v1"
api_key_env = "LOCAL_KEY"       # the variable that has the key; or api_key = "..."
headers = {X-Team = "crew"}
extra_body = {top_k = 20}
context = 32768                 # tokens of its context window
price = {input = 0.5, output = 1.5, cache_read = 0.05}  # US dollars a million tokens

[keys]                          # the observer's, by the ids that README lists
steer = "ctrl+s"                # several with commas: "ctrl+s,f5"
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, JsonValue, SecretStr, ValidationError

from crew.errors import ConfigError
from crew.records import Record

Kind = Literal["openai", "openai-chat", "anthropic", "google"]
"""The wire format that a server speaks."""

_TOML_PLACE = re.compile(
    r"\s*\(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)"
)
_HEADER = re.compile(r"\s*\[+\s*(?P<path>[^\]#]+?)\s*\]+")
_SECRET_HEADER = re.compile(r"auth|key|token|secret|cookie", re.IGNORECASE)

Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Names = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(_as_list),
    Field(min_length=1),
]


class Price(Record):
    """What tokens cost, in US dollars a million.

    Attributes:
        cache_read: Of input tokens that were read from the cache; None: as other input.
        cache_write: Of input tokens that were written to it; None: as other input.
    """

    input: Dollars
    output: Dollars
    cache_read: Dollars | None = None
    cache_write: Dollars | None = None


class ProviderConfig(Record):
    """A server that models are asked at. What is not said stays as the known provider has it.

    Attributes:
        api_key: The key itself; hidden where the value is printed.
        context: Tokens of the context window of its models.
    """

    kind: Kind | None = None
    base_url: str | None = Field(default=None, pattern=r"^https?://[^\s/]+")
    api_key_env: str | None = Field(default=None, min_length=1)
    api_key: SecretStr | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    extra_body: dict[str, JsonValue] = Field(default_factory=dict)
    context: int | None = Field(default=None, gt=0)
    price: Price | None = None


class ModelNames(Record):
    """What the names mean that agents ask for."""

    default: Names | None = None
    fast: Names | None = None
    smart: Names | None = None


class Config(Record):
    """Everything that the file says; without a file, nothing.

    Attributes:
        keys: The observer's keys by action; it judges them itself, knowing which there are.
    """

    models: ModelNames = ModelNames()
    providers: dict[Annotated[str, Field(pattern=r"^[a-z0-9-]+$")], ProviderConfig] = Field(
        default_factory=dict
    )
    keys: dict[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)

    def secrets(self, environ: Mapping[str, str]) -> list[str]:
        """Values that must never be written down: its keys, and headers that look like keys."""
        found = []
        for provider in self.providers.values():
            if provider.api_key is not None:
                found.append(provider.api_key.get_secret_value())
            if provider.api_key_env and (value := environ.get(provider.api_key_env)):
                found.append(value)
            for name, value in provider.headers.items():
                if _SECRET_HEADER.search(name):
                    found += [value, value.rpartition(" ")[2]]
        return [value for value in found if value]


NO_CONFIG = Config()

_KEYS: Mapping[str, tuple[str, ...]] = {
    "": tuple(Config.model_fields),
    "models": tuple(ModelNames.model_fields),
    "providers": tuple(ProviderConfig.model_fields),
    "price": tuple(Price.model_fields),
}

_PROVIDER = 2
"""Parts of the place of a provider's table."""

_DEPTHS = {"models": 2, "keys": 2, "providers": 4}
"""Parts of a place that are crew's to name; what is below them is within a value."""

_ENTRIES = {
    "models": ("the name of a model", '"ollama:qwen3", or a list of such names'),
    "keys": ("a key", 'it in quotes, such as "ctrl+s"'),
}

_SETTINGS = {
    "kind": ("a format", f"one of: {', '.join(get_args(Kind))}"),
    "base_url": ("a URL", "it as http://127.0.0.1:8080/v1"),
    "api_key_env": ("the name of a variable", 'it in quotes, such as "LOCAL_KEY"'),
    "api_key": ("a text", "the key in quotes"),
    "headers": ("a table of texts", 'it as {X-Team = "crew"}'),
    "extra_body": ("what JSON can say", "a table such as {top_k = 20}, dates in quotes"),
    "context": ("a number of tokens", "a whole number from 1, such as 32768"),
    "price": ("a price", "it as {input = 0.5, output = 1.5}"),
}


def config_folder(environ: Mapping[str, str]) -> Path | None:
    """The person's own folder (XDG base directories); None where there is no home."""
    configured = environ.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(configured):  # the specification says to ignore a relative one
        return Path(configured) / "crew"
    home = environ.get("HOME", "")
    return Path(home) / ".config" / "crew" if os.path.isabs(home) else None


def config_path(environ: Mapping[str, str]) -> Path | None:
    """Where the file is, or would be; None where there is no home."""
    folder = config_folder(environ)
    return folder / "config.toml" if folder is not None else None


def load_config(environ: Mapping[str, str]) -> Config:
    """Read the person's settings; without a file they are empty.

    Raises:
        ConfigError: The file can't be read or is off; a line for each problem, with its place.
    """
    path = config_path(environ)
    if path is None:
        return NO_CONFIG
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return NO_CONFIG
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    return parse_config(data, str(path))


def config_place(environ: Mapping[str, str], *where: str) -> str:
    """Where the file says something, as complaints name it: `/home/ada/.config/crew/config.toml:4`.

    Args:
        where: The table and the key.
    """
    path = config_path(environ)
    if path is None:
        return "config.toml"
    line = config_line(path, *where)
    return f"{path}:{line}" if line else str(path)


def config_line(path: Path, *where: str) -> int:
    """The line where the file says something, from 1; 0 where it can't be read."""
    try:
        return _line(path.read_text(encoding="utf-8-sig"), where)
    except (OSError, UnicodeDecodeError):
        return 0


def parse_config(data: bytes, path: str) -> Config:
    """Read settings from the bytes of a file.

    Args:
        path: How complaints name the file.

    Raises:
        ConfigError: They are off.
    """
    try:
        text = data.decode("utf-8-sig")
        values = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8", hint="save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax(path, text, str(error))) from error
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deep") from error
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(_problems(path, text, error))) from error


def _syntax(path: str, text: str, message: str) -> str:
    place = _TOML_PLACE.search(message)
    line = int(place["line"]) if place and place["line"] else text.count("\n") + 1
    said = _TOML_PLACE.sub("", message)
    mend = "; text goes in quotes" if said == "Invalid value" else ""
    return f"{path}:{line}: {said[:1].lower()}{said[1:]}{mend}"


def _problems(path: str, text: str, error: ValidationError) -> Iterator[str]:
    found: dict[str, int] = {}
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        where = tuple(str(part) for part in item["loc"] if part != "[key]")
        match item["type"]:
            case "extra_forbidden":
                said = f"unknown key {'.'.join(where)}; {_nearest(where)}"
            case "missing":
                said = f"{'.'.join(where)} is missing; write {_wanted(where)[1]}"
            case "string_pattern_mismatch" if len(where) == _PROVIDER:
                said = f"{'.'.join(where)}: a provider's name has only a-z, 0-9 and -"
            case _:
                where = where[: _DEPTHS.get(where[0])]
                what, such = _wanted(where)
                said = f"{'.'.join(where)}: not {what}; write {such}"
        found.setdefault(said, _line(text, where))
    for said, line in sorted(found.items(), key=lambda each: each[1]):
        yield f"{path}:{line}: {said}"


def _wanted(where: tuple[str, ...]) -> tuple[str, str]:
    """What belongs in a place, and how it is written."""
    match where:
        case (table,):
            return "a table", f"[{table}] on a line of its own, and its keys below it"
        case (table, *_) if table in _ENTRIES:
            return _ENTRIES[table]
        case (_, name):
            return "a table", f"[providers.{name}] on a line of its own, and its keys below it"
        case (_, _, "headers", _):
            return "a text", 'it in quotes, such as "crew"'
        case (_, _, "price", _):
            return "a price", "US dollars a million tokens, from 0, such as 0.5"
        case (_, _, key, *_):
            return _SETTINGS[key]
        case _:
            raise AssertionError("a problem has a place")


def _nearest(where: tuple[str, ...]) -> str:
    section = "price" if "price" in where[:-1] else where[0] if len(where) > 1 else ""
    known = _KEYS.get(section, ())
    near = difflib.get_close_matches(where[-1], known, n=1)
    return f"did you mean {near[0]}?" if near else f"the keys here are: {', '.join(known)}"


def _line(text: str, where: tuple[str, ...]) -> int:
    """The line of a key, or of the nearest table around it that is written out."""
    table: tuple[str, ...] = ()
    best, depth = 1, 0
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _dotted(header["path"])
            here = table
        else:
            here = (*table, *_dotted(line.partition("=")[0])) if "=" in line else ()
        if len(here) > depth and here == where[: len(here)]:
            best, depth = number, len(here)
    return best


def _dotted(key: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in key.split("."))
