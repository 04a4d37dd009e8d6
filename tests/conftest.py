"""Every test runs in a world of its own: an empty home, no terminal, UTC, no network."""

import ipaddress
import itertools
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

CI = bool(os.environ.get("CI"))

# A busy machine is no failure of the code; how often a test tries is its own choice.
settings.register_profile(
    "crew",
    deadline=None,
    max_examples=30 if CI else 100,
    derandomize=CI,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("crew")

_OF_THE_TERMINAL = (
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLORTERM",
    "COLUMNS",
    "FORCE_COLOR",
    "GITHUB_ACTIONS",  # Typer draws as on a terminal where it sees it
    "LINES",
    "NO_COLOR",
    "PY_COLORS",
    "TERM",
    "TERM_PROGRAM",
)
_OF_PROVIDERS = ("ANTHROPIC_", "GEMINI_", "GOOGLE_", "OPENAI_", "OPENROUTER_", "OLLAMA_")
_CALLS_TO_HOSTS = {"socket.connect", "socket.sendto", "socket.sendmsg"}


# Tests send them to programs that they start, which ignore them if those who started them do.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class NetworkBlockedError(RuntimeError):
    """A test reached for the network; only the loopback is open."""


def _refuse_network(event: str, args: tuple[Any, ...]) -> None:
    if event in _CALLS_TO_HOSTS:
        address = args[1]
        # A path of a Unix socket is a string, and stays on this machine.
        host = address[0] if isinstance(address, tuple) else None
    elif event == "socket.getaddrinfo":
        host = args[0]
    else:
        return
    if host is not None and not _is_loopback(host):
        raise NetworkBlockedError(f"{event} to {host!r}: tests have no network")


def _is_loopback(host: Any) -> bool:
    name = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return name in {"", "localhost"} or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


# An audit hook sees every way to a socket, and holds before the first fixture does.
sys.addaudithook(_refuse_network)


_homes = itertools.count()


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that has each test's home."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def isolated(homes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Hide this machine's settings from the test; gives its empty home."""
    home = homes / str(next(_homes))
    home.mkdir()
    hidden = ("CREW_", "GIT_", "XDG_", *_OF_PROVIDERS)
    ours = [name for name in os.environ if name.startswith(hidden)]
    for name in (*ours, *_OF_THE_TERMINAL):
        if name != "CREW_UPDATE_GOLDEN":
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CREW_FORBID_REQUESTS", "1")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield home
    monkeypatch.undo()
    time.tzset()
