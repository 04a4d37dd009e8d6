"""Which model a name means, where its key goes, and what runs when nothing is set."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from crew.config import NO_CONFIG, Config, parse_config
from crew.errors import UsageError
from crew.models.providers.client import key_place
from crew.models.providers.names import PROVIDERS, resolve_alias, resolve_name
from crew.models.registry import Models

SDKS = {"pydantic_ai", "openai", "anthropic", "httpx", "httpx2", "google", "genai_prices"}
KEY = {"ANTHROPIC_API_KEY": "k-anthropic"}


def config(text: str) -> Config:
    return parse_config(text.encode(), "config.toml")


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_a_known_provider_needs_no_config(provider: str) -> None:
    found = resolve_name(f"{provider}:some/model:tag", NO_CONFIG, {})
    assert str(found) == f"{provider}:some/model:tag"
    assert found.model == "some/model:tag"


def test_openai_speaks_responses_and_openai_chat_the_chat_format() -> None:
    kinds = {name: resolve_name(f"{name}:m", NO_CONFIG, {}).endpoint.kind for name in PROVIDERS}
    assert (kinds["openai"], kinds["openai-chat"]) == ("openai", "openai-chat")
    assert {kinds[name] for name in ("ollama", "vllm", "llamacpp", "lmstudio")} == {"openai-chat"}


def test_a_misspelt_provider_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError) as refused:
        resolve_name("antropic:claude", NO_CONFIG, {})
    assert refused.value.hint == "did you mean anthropic?"


def test_a_provider_alone_names_no_model() -> None:
    with pytest.raises(UsageError, match="names no model"):
        resolve_name("openai", NO_CONFIG, {})


def test_an_own_provider_needs_a_url() -> None:
    with pytest.raises(UsageError, match="no base_url"):
        resolve_name("mine:m", config("[providers.mine]\ncontext = 10\n"), {})


def test_a_setting_without_effect_is_refused() -> None:
    with pytest.raises(UsageError, match="extra_body has no effect"):
        resolve_name("google:m", config("[providers.google]\nextra_body = {a = 1}\n"), {})


def test_a_key_of_the_environment_stays_with_its_own_host() -> None:
    moved = config('[providers.anthropic]\nbase_url = "http://127.0.0.1:9"\n')
    assert resolve_name("anthropic:m", NO_CONFIG, KEY).endpoint.key == "k-anthropic"
    assert resolve_name("anthropic:m", moved, KEY).endpoint.key is None


def test_a_key_that_is_named_with_the_host_goes_there() -> None:
    text = '[providers.anthropic]\nbase_url = "http://127.0.0.1:9"\napi_key_env = "PROXY_KEY"\n'
    found = resolve_name("anthropic:m", config(text), KEY | {"PROXY_KEY": "k-proxy"})
    assert found.endpoint.key == "k-proxy"
    assert "k-proxy" not in repr(found)


def test_a_key_whose_variable_is_named_and_not_set_is_missed() -> None:
    said = config('[providers.mine]\nbase_url = "http://h/v1"\napi_key_env = "MY_KEY"\n')
    with pytest.raises(UsageError, match="mine:m needs a key") as refused:
        Models(config=said, environ={}).client("mine:m")
    assert refused.value.hint == "set MY_KEY, or api_key_env in [providers.mine] of config.toml"


def test_a_key_is_told_of_where_it_was_set() -> None:
    own = config('[providers.anthropic]\napi_key = "k"\n')
    places = [
        key_place(resolve_name("anthropic:m", said, KEY).endpoint) for said in (NO_CONFIG, own)
    ]
    assert places == [
        "ANTHROPIC_API_KEY, or api_key_env in [providers.anthropic] of config.toml",
        "api_key in [providers.anthropic] of config.toml",
    ]


def test_without_a_key_the_aliases_mean_rules() -> None:
    assert resolve_alias("default", NO_CONFIG, {}) == ("rules",)


def test_the_key_of_one_provider_gives_its_usual_models() -> None:
    assert resolve_alias("default", NO_CONFIG, KEY) == ("anthropic:claude-sonnet-5-5",)
    assert resolve_alias("fast", NO_CONFIG, KEY) == ("anthropic:claude-haiku-5-5",)


def test_with_the_keys_of_two_providers_nothing_is_guessed() -> None:
    assert resolve_alias("default", NO_CONFIG, KEY | {"OPENAI_API_KEY": "k"}) == ("rules",)


def test_the_config_goes_before_the_key() -> None:
    said = config('[models]\ndefault = ["ollama:a", "ollama:b"]\nfast = "ollama:c"\n')
    assert resolve_alias("default", said, KEY) == ("ollama:a", "ollama:b")
    assert resolve_alias("fast", said, KEY) == ("ollama:c",)
    assert resolve_alias("smart", said, KEY) == ("ollama:a", "ollama:b")


def test_a_list_leaves_out_what_has_no_key() -> None:
    models = Models(environ=KEY)
    assert models.names(["openai:a", "anthropic:b"]) == ("anthropic:b",)
    assert models.names(["openai:a"]) == ("openai:a",)


def test_an_override_may_be_a_list_and_an_alias() -> None:
    models = Models("smart, ollama:x", environ=KEY)
    assert models.names(["ignored"]) == ("anthropic:claude-opus-5-5", "ollama:x")


def test_a_missing_key_is_told_with_where_to_set_it() -> None:
    with pytest.raises(UsageError) as refused:
        Models(environ={}).client("openai:gpt-6-luna")
    assert refused.value.hint.startswith("set OPENAI_API_KEY")


def test_a_model_is_ready_to_be_asked_before_any_sdk_is_loaded() -> None:
    program = """
import json, sys
from crew.models.registry import Models
client = Models(environ={"OPENAI_API_KEY": "k"}).client("openai:gpt-6-luna")
print(json.dumps([client.name, [name for name in sys.modules if "." not in name]]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    name, loaded = json.loads(done.stdout)
    assert name == "openai:gpt-6-luna"
    assert SDKS.isdisjoint(loaded)


def test_the_garbage_collector_leaves_a_loaded_sdk_alone() -> None:
    program = """
import anyio, gc
from crew.errors import ModelError
from crew.service.models import try_model
async def main():
    try:
        await try_model("ollama:m", {})
    except ModelError:
        print(gc.get_freeze_count())
anyio.run(main)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert int(done.stdout) > 50_000


def test_a_run_on_rules_loads_no_sdk(tmp_path: Path) -> None:
    program = """
import json, runpy, sys
sys.argv = ["crew", "run", "review", "--plain"]
try:
    runpy.run_module("crew", run_name="__main__")
finally:
    print(json.dumps([name for name in sys.modules if "." not in name]))
"""
    (tmp_path / "a.py").write_text("import os\n")
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "rules: built-in checks, no language model; for one, set" in done.stderr
    assert SDKS.isdisjoint(json.loads(done.stdout.splitlines()[-1]))
