"""The person's config.toml: read whole, and every mistake in it named with its line."""

from pathlib import Path

import pytest

from crew.config import NO_CONFIG, Price, config_path, config_place, load_config, parse_config
from crew.errors import ConfigError, ExitCode

WHOLE = b"""
[models]
default = "anthropic:claude-sonnet-5-5"
fast = ["local:small", "anthropic:claude-haiku-5-5"]

[providers.local]
kind = "openai-chat"
base_url = "http://127.0.0.1:8080/v1"
api_key = "local-secret-key"
headers = {X-Auth-Token = "header-secret", X-Team = "crew"}
extra_body = {top_k = 20}
context = 32768
price = {input = 0.5, output = 1.5}
"""


def complaint(text: str) -> str:
    with pytest.raises(ConfigError) as refused:
        parse_config(text.encode(), "config.toml")
    return refused.value.message


def test_every_key_is_read() -> None:
    config = parse_config(WHOLE, "config.toml")
    assert config.models.default == ("anthropic:claude-sonnet-5-5",)
    assert config.models.fast == ("local:small", "anthropic:claude-haiku-5-5")
    local = config.providers["local"]
    assert (local.base_url, local.context) == ("http://127.0.0.1:8080/v1", 32768)
    assert local.extra_body == {"top_k": 20}
    assert local.price == Price(input=0.5, output=1.5)


def test_without_a_file_the_settings_are_empty() -> None:
    assert load_config({"HOME": "/nowhere"}) == NO_CONFIG
    assert load_config({}) == NO_CONFIG


def test_the_file_is_found_in_the_config_folder(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": "/nowhere"}
    path = config_path(environ)
    assert path is not None
    path.parent.mkdir()
    path.write_text('[models]\nfast = "ollama:small"\n')
    assert load_config(environ).models.fast == ("ollama:small",)


def test_an_unknown_key_is_named_with_its_line_and_the_nearest() -> None:
    said = complaint('[providers.local]\nbase_url = "http://a/v1"\n\nbase_ulr = "x"\n')
    assert said == "config.toml:4: unknown key providers.local.base_ulr; did you mean base_url?"


def test_an_unknown_section_is_named_with_its_line() -> None:
    assert complaint("[model]\na = 1\n").startswith("config.toml:1: unknown key model; did you")


def test_an_unknown_price_key_is_named() -> None:
    said = complaint('[providers.a]\nbase_url="http://a"\n[providers.a.price]\ninput=1\noutptu=2\n')
    assert "config.toml:5: unknown key providers.a.price.outptu; did you mean output?" in said


def test_all_problems_are_told_at_once() -> None:
    text = '[models]\ndefault = []\n[providers.a]\nkind = "soap"\nbase_url = "nope"\ncontext = 0\n'
    places = [line.split(": ")[0] for line in complaint(text).splitlines()]
    assert places == ["config.toml:2", "config.toml:4", "config.toml:5", "config.toml:6"]


def test_what_is_not_toml_is_told_with_its_line() -> None:
    assert complaint("[models]\ndefault = \n").startswith("config.toml:2: invalid value")


def test_what_is_not_utf8_is_told_with_its_line() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_config(b"[models]\n\xff\n", "config.toml")
    assert "config.toml:2: not UTF-8" in refused.value.message
    assert refused.value.exit_code is ExitCode.USAGE


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "crew" / "config.toml").mkdir(parents=True)
    with pytest.raises(ConfigError, match="directory"):
        load_config({"XDG_CONFIG_HOME": str(tmp_path)})


def test_keys_and_headers_like_keys_are_secret() -> None:
    config = parse_config(WHOLE, "config.toml")
    secrets = config.secrets({})
    assert {"local-secret-key", "header-secret"} <= set(secrets)
    assert "crew" not in secrets
    assert "local-secret-key" not in repr(config)


def test_the_value_of_a_named_variable_is_secret() -> None:
    config = parse_config(b'[providers.a]\nbase_url="http://a"\napi_key_env="PASSPHRASE"\n', "c")
    assert config.secrets({"PASSPHRASE": "correct horse"}) == ["correct horse"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[keys]\nstep = "x"\nsteer = "y"\n', 3),
        ('keys.step = "x"\nkeys.steer = "y"\n', 2),
        ('[models]\nfast = "a:b"\n\n[keys]\n"steer" = "y"\n', 5),
        ('\nkeys = {step = "x", steer = "y"}\n', 2),
    ],
)
def test_the_line_of_a_key_is_found_however_it_is_written(
    tmp_path: Path, text: str, line: int
) -> None:
    path = tmp_path / "crew" / "config.toml"
    path.parent.mkdir()
    path.write_text(text)
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert config_place(environ, "keys", "steer") == f"{path}:{line}"


def test_keys_are_text_by_action_and_left_for_the_observer_to_judge() -> None:
    assert parse_config(b'[keys]\nsteer = "ctrl+s"\n', "config.toml").keys == {"steer": "ctrl+s"}
    assert complaint("[keys]\nsteer = 3\n").startswith("config.toml:2: keys.steer: ")
    assert complaint('[keys]\nsteer = ""\n').startswith("config.toml:2: keys.steer: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models = 3", "models: not a table; write [models] on a line of its own"),
        ("[models]\ndefault = 3", 'models.default: not the name of a model; write "ollama:qwen3"'),
        ('[models]\nfast = ["x", 1]', "models.fast: not the name of a model; "),
        ('[models]\nsmart = ""', "models.smart: not the name of a model; "),
        ("[keys]\nsteer = 3", 'keys.steer: not a key; write it in quotes, such as "ctrl+s"'),
        ("providers.a = 3", "providers.a: not a table; write [providers.a] on a line"),
        ("[providers.A]", "providers.A: a provider's name has only a-z, 0-9 and -"),
        ('[providers.a]\nkind = "soap"', "providers.a.kind: not a format; write one of: openai, "),
        ("[providers.a]\nbase_url = 3", "providers.a.base_url: not a URL; write it as http://"),
        ("[providers.a]\napi_key = 3", "providers.a.api_key: not a text; write the key in quotes"),
        ('[providers.a]\napi_key_env = ""', "providers.a.api_key_env: not the name of a variable;"),
        ("[providers.a]\nheaders = 3", "providers.a.headers: not a table of texts; write it as {"),
        ("[providers.a]\nheaders = {b = 1}", "providers.a.headers.b: not a text; write it in "),
        ("[providers.a]\nextra_body = 3", "providers.a.extra_body: not what JSON can say; "),
        (
            "[providers.a]\nextra_body = {day = 2026-01-01}",
            "providers.a.extra_body.day: not what JSON can say; ",
        ),
        (
            "[providers.a]\nextra_body = {a = {b = [2026-01-01]}}",
            "providers.a.extra_body.a: not what JSON can say; ",
        ),
        ('[providers.a]\ncontext = "x"', "providers.a.context: not a number of tokens; write a "),
        ("[providers.a]\ncontext = 1.5", "providers.a.context: not a number of tokens; write a "),
        ("[providers.a]\nprice = 3", "providers.a.price: not a price; write it as {input = "),
        (
            "[providers.a]\nprice = {input = nan, output = 1}",
            "providers.a.price.input: not a price; write US dollars a million tokens, from 0, ",
        ),
        (
            "[providers.a]\nprice = {input = 1}",
            "providers.a.price.output is missing; write US dollars a million tokens",
        ),
        ("[providers.a]\nzzz = 3", "unknown key providers.a.zzz; the keys here are: kind, "),
    ],
)
def test_a_value_that_is_off_is_told_with_what_may_stand_there(text: str, said: str) -> None:
    line = text.count("\n") + 1
    assert complaint(text).startswith(f"config.toml:{line}: {said}")


def test_text_without_quotes_is_told_with_the_mend() -> None:
    said = complaint("[models]\ndefault = ollama:qwen3\n")
    assert said == "config.toml:2: invalid value; text goes in quotes"


def test_what_is_wrong_twice_in_one_value_is_told_once() -> None:
    assert complaint("[models]\nfast = [1, 2]\n").count("\n") == 0


def test_no_complaint_shows_the_value_which_may_be_a_key() -> None:
    assert "hunter" not in complaint('[providers.a]\napi_key = ["hunter2"]\n')
