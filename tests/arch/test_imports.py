"""Imports point down the floors, and the program starts with few of them."""

import json
import pkgutil
import subprocess
import sys
import tomllib
from typing import Any

import pytest
from importlinter.cli import lint_imports

import crew
from tests.arch.source import ROOT

DRAWING = {"rich", "textual", "typer"}
PROVIDERS = {"anthropic", "google.genai", "httpx", "mistralai", "openai", "pydantic_ai"}
FRONT_ENDS = {"__main__", "cli", "console", "serve", "tui"}
HEADLESS = sorted({module.name for module in pkgutil.iter_modules(crew.__path__)} - FRONT_ENDS)

IMPORT_ROOM = """
import importlib, json, pkgutil, sys
room = importlib.import_module(sys.argv[1])
at_the_door = list(sys.modules)
for module in pkgutil.walk_packages(getattr(room, "__path__", ()), room.__name__ + "."):
    importlib.import_module(module.name)
print(json.dumps({"door": at_the_door, "all": list(sys.modules)}))
"""
RUN_PROGRAM = """
import json, runpy, sys
sys.argv = ["crew", *sys.argv[1:]]
try:
    runpy.run_module("crew", run_name="__main__")
finally:
    print(json.dumps(list(sys.modules)))
"""


def test_every_import_contract_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    code = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True)
    assert code == 0, capsys.readouterr().out


def test_the_contract_about_front_ends_names_every_one() -> None:
    rooms = {module.name for module in pkgutil.iter_modules(crew.__path__)}
    watched = rooms & {"console", "serve", "tui", "view"}
    assert set(_contract("front-ends")["source_modules"]) == {f"crew.{room}" for room in watched}


def test_the_contract_about_drawing_names_every_headless_room() -> None:
    assert _contract("headless")["source_modules"] == [f"crew.{room}" for room in HEADLESS]


@pytest.mark.parametrize("room", HEADLESS)
def test_a_headless_room_loads_no_screen_and_no_provider(room: str) -> None:
    loaded = json.loads(_fresh_process(IMPORT_ROOM, f"crew.{room}"))
    assert _named(loaded["door"], PROVIDERS | DRAWING) == set()
    drawn_by_others = {"rich"} if room == "models" else set()  # a provider's HTTP client has it
    assert _named(loaded["all"], DRAWING) <= drawn_by_others


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_load_no_engine(option: str) -> None:
    loaded = json.loads(_fresh_process(RUN_PROGRAM, option).splitlines()[-1])
    unwanted = {"anyio", "asyncio", "pydantic", "textual", "yaml"} | PROVIDERS
    assert _named(loaded, unwanted) == set()
    assert "crew.cli.app" in loaded
    assert "crew.cli.run" not in loaded, "the commands load when they are called"


@pytest.mark.parametrize("command", ["ps", "show", "logs"])
def test_looking_at_runs_loads_no_engine(command: str) -> None:
    ended = "latest.tar.gz" if command != "ps" else "-a"  # refused once everything is loaded
    loaded = json.loads(_fresh_process(RUN_PROGRAM, command, ended, fails=True).splitlines()[-1])
    unwanted = {"crew.definitions", "crew.models", "crew.orchestration.engine", "crew.session"}
    assert (
        _named(loaded, unwanted | {"crew.tools.registry", "textual", "yaml"} | PROVIDERS) == set()
    )
    assert "crew.service.runs" in loaded


def test_what_a_room_offers_by_name_is_there() -> None:
    for module in pkgutil.walk_packages(crew.__path__, "crew."):
        room = __import__(module.name, fromlist=["*"]) if module.ispkg else None
        for name in getattr(room, "__all__", ()):
            assert hasattr(room, name), f"{module.name}.{name}"


def _contract(contract: str) -> dict[str, Any]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return next(each for each in contracts if each["id"] == contract)


def _named(modules: list[str], names: set[str]) -> set[str]:
    return names & set(modules)


def _fresh_process(program: str, *args: str, fails: bool = False) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *args],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    assert fails or done.returncode == 0, done.stderr
    return done.stdout
