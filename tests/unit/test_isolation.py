"""The world that tests run in keeps its promises."""

import os
import socket
from datetime import datetime
from pathlib import Path

import pytest

from tests.conftest import NetworkBlockedError


def test_a_test_reaches_no_host_but_its_own() -> None:
    with socket.socket() as client, pytest.raises(NetworkBlockedError):
        client.connect(("192.0.2.1", 80))
    with pytest.raises(NetworkBlockedError):
        socket.getaddrinfo("example.org", 80)


def test_a_test_may_talk_to_itself() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as client,
    ):
        assert client.getpeername() == server.getsockname()


def test_a_test_has_an_empty_home_and_no_settings_of_this_machine(isolated: Path) -> None:
    assert Path.home() == isolated
    assert list(isolated.iterdir()) == []
    assert [name for name in os.environ if name.startswith("CREW_")] == ["CREW_FORBID_REQUESTS"]
    assert [name for name in os.environ if name.endswith("_API_KEY")] == []
    assert "TERM" not in os.environ
    assert datetime.now().astimezone().tzname() == "UTC"
