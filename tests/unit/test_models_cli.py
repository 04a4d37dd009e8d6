"""`crew models` and `crew models test`: what is set up, and whether it works."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import anyio.to_thread
import pytest
from typer.testing import CliRunner, Result

from crew.cli.app import app
from crew.config import Kind
from crew.errors import Fault, ModelError, UsageError
from crew.models.script import Call
from crew.records import Usage
from crew.service.models import model_catalog
from crew.testing import LoopbackProvider, ScriptedFault, Turn
from crew.testing.loopback import KINDS

ECHO = Turn(
    calls=(Call(tool="echo", args={"word": "ready"}),),
    usage=Usage(input_tokens=120, output_tokens=8),
)


def crew(*args: str, env: Mapping[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, ["models", *args], env=dict(env or {}))


def settings(home: Path, text: str) -> None:
    folder = home / ".config" / "crew"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(text)


def test_without_a_key_the_list_says_what_to_set() -> None:
    page = crew().output
    assert "built-in checks, no language model" in page
    assert "ANTHROPIC_API_KEY" in page


def test_a_key_is_told_of_and_never_printed() -> None:
    listed = crew("--json", env={"ANTHROPIC_API_KEY": "sk-very-secret"})
    value = json.loads(listed.output)
    assert value["models"][0]["model"] == "anthropic:claude-sonnet-5-5"
    assert value["models"][0]["context"] == 1_000_000
    assert value["models"][0]["price"]["input"] > 0
    keys = {row["name"]: row["key"] for row in value["providers"]}
    assert (keys["anthropic"], keys["openai"], keys["ollama"]) == ("set", "missing", "none")
    assert "sk-very-secret" not in listed.output + crew(env={"ANTHROPIC_API_KEY": "sk-very"}).output


def test_the_persons_own_settings_are_listed(isolated: Path) -> None:
    settings(
        isolated,
        '[models]\nfast = "mine:tiny"\n[providers.mine]\nbase_url = "http://127.0.0.1:9/v1"\n'
        "context = 4096\nprice = {input = 0, output = 0}\n",
    )
    value = json.loads(crew("--json").output)
    fast = next(row for row in value["models"] if row["alias"] == "fast")
    assert (fast["model"], fast["context"], fast["price"]["input"]) == ("mine:tiny", 4096, 0)


def test_settings_that_are_off_are_refused_with_their_line(isolated: Path) -> None:
    settings(isolated, "[models]\nfats = 1\n")
    refused = crew().exception
    assert isinstance(refused, UsageError)
    assert "config.toml:2: unknown key models.fats; did you mean fast?" in refused.message


def test_rules_is_not_tested_as_a_language_model() -> None:
    refused = crew("test", "fast").exception
    assert isinstance(refused, UsageError)
    assert refused.message == "rules is no language model"


async def test_a_server_is_reached_or_not(isolated: Path) -> None:
    async with LoopbackProvider.serve([]) as provider:
        settings(
            isolated,
            f'[providers.up]\nbase_url = "{provider.url}/v1"\n'
            '[providers.down]\nbase_url = "http://127.0.0.1:9/v1"\n',
        )
        environ = {"HOME": str(isolated), "CREW_FORBID_REQUESTS": "1", "OPENAI_API_KEY": "k"}
        catalog = await model_catalog(environ, reach=True)
    reached = {row.name: row.reachable for row in catalog.providers}
    assert (reached["up"], reached["down"]) == (True, False)
    assert reached["openai"] is None


async def trial(home: Path, kind: Kind, turn: Turn, *args: str) -> Result:
    async with LoopbackProvider.serve([turn]) as provider:
        root = provider.config.providers[f"loopback-{kind}"].base_url
        settings(home, f'[providers.mine]\nkind = "{kind}"\nbase_url = "{root}"\n')
        return await anyio.to_thread.run_sync(partial(crew, "test", "mine:m", *args))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_model_that_calls_the_tool_works(isolated: Path, kind: Kind) -> None:
    done = await trial(isolated, kind, ECHO)
    assert done.exit_code == 0
    assert "calls tools: yes" in done.output
    assert "120 in, 8 out, cost unknown" in done.output


async def test_a_model_that_only_talks_does_not(isolated: Path) -> None:
    done = await trial(isolated, "openai-chat", Turn(text="ready"), "--json")
    assert done.exit_code == 3
    assert json.loads(done.output)["called"] is False


async def test_tokens_that_the_server_did_not_count_are_told_as_estimated(isolated: Path) -> None:
    done = await trial(isolated, "openai-chat", Turn(calls=ECHO.calls))
    assert "tokens: ~48 in, ~5 out, cost unknown" in done.output


async def test_a_refusal_is_told_with_its_mend(isolated: Path) -> None:
    fault = ScriptedFault(fault=Fault.AUTH, message="bad key")
    done = await trial(isolated, "anthropic", Turn(error=fault))
    assert isinstance(done.exception, ModelError)
    assert "bad key" in done.exception.message
    assert done.exception.hint.startswith("check the key: ")
