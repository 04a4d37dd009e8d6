"""Servers that are not there, or that nobody should trust: what is told of them, in each format."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

from crew.config import Config, Kind, ProviderConfig
from crew.entries import ErrorEntry
from crew.errors import Fault, ModelError
from crew.events import Notice
from crew.models.providers.client import ProviderModel
from crew.models.providers.names import resolve_name
from crew.records import Status
from tests.doubles.models import submits
from tests.doubles.providers import WIRES, ask
from tests.doubles.tls import DAY, self_signed, untrusted_server
from tests.unit.conftest import Arrange

every_wire = pytest.mark.parametrize("wire", WIRES)


def served_at(url: str, wire: Kind) -> Config:
    return Config(providers={"mine": ProviderConfig(kind=wire, base_url=url)})


async def refusal(wire: Kind, url: str) -> ModelError:
    client = ProviderModel(resolve_name("mine:m", served_at(url, wire), {}), environ={})
    with pytest.raises(ModelError) as failed:
        await ask(client)
    await client.aclose()
    return failed.value


@every_wire
async def test_a_name_that_nobody_knows_is_told_with_the_address(
    wire: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*asked: Any, **options: Any) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = await refusal(wire, "https://nosuch.invalid/v1")
    assert error.fault is Fault.NETWORK
    assert "Name or service not known" in error.message
    assert error.hint == "is https://nosuch.invalid/v1 right, and the server up?"


UNTRUSTED = "its certificate is not trusted: set SSL_CERT_FILE, or mend base_url"
OUT_OF_DATE = "the server needs a new one; or is this machine's clock wrong?"
ANOTHER_S = "it is another host's than {url} names: mend base_url"


REFUSED: Mapping[str, tuple[dict[str, Any], bool, str, str]] = {
    "self-signed": ({}, False, "self-signed certificate", UNTRUSTED),
    "expired": ({"ends": -DAY}, True, "certificate has expired", OUT_OF_DATE),
    "another host's": ({"host": "elsewhere.test"}, True, "Hostname mismatch", ANOTHER_S),
}
"""What is wrong with it, whether its signer is trusted, and what is said of it."""


@every_wire
@pytest.mark.parametrize("case", REFUSED)
async def test_a_certificate_that_is_refused_is_told_with_the_mend(
    wire: Kind, case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, trusted, why, mend = REFUSED[case]
    certificate = self_signed(tmp_path, **wrong)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with untrusted_server(certificate) as server:
        error = await refusal(wire, server.url)
    assert error.fault is Fault.CERTIFICATE
    assert not error.fault.retryable
    assert "CERTIFICATE_VERIFY_FAILED" in error.message
    assert why in error.message
    assert "\n" not in error.message
    assert error.hint == mend.format(url=server.url)


@every_wire
async def test_a_greeting_that_is_cut_may_pass(wire: Kind) -> None:
    async with untrusted_server(None) as server:
        error = await refusal(wire, server.url)
    assert error.fault is Fault.NETWORK
    assert error.fault.retryable


async def test_a_session_ends_at_once_where_a_certificate_is_refused(
    arrange: Arrange, tmp_path: Path
) -> None:
    async with untrusted_server(self_signed(tmp_path)) as server:
        crew = arrange([], model="mine:m", config=served_at(server.url, "openai-chat"))
        outcome = await crew.finish()
    assert outcome.status is Status.FAILED
    assert server.times == 1
    (told,) = (entry for entry in crew.transcript() if isinstance(entry, ErrorEntry))
    assert "CERTIFICATE_VERIFY_FAILED" in told.text
    assert told.hint == UNTRUSTED
    assert crew.events_of(Notice) == []


async def test_the_next_model_is_asked_at_once_where_a_certificate_is_refused(
    arrange: Arrange, tmp_path: Path
) -> None:
    async with untrusted_server(self_signed(tmp_path)) as server:
        config = served_at(server.url, "openai-chat")
        crew = arrange([submits()], model="mine:m,recorded", config=config)
        outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    assert server.times == 1
    (told,) = crew.events_of(Notice)
    assert told.text.endswith("going on with recorded")


@every_wire
async def test_a_closed_port_is_told_with_the_address(wire: Kind) -> None:
    error = await refusal(wire, "http://127.0.0.1:9")
    assert error.fault is Fault.NETWORK
    assert error.hint == "is http://127.0.0.1:9 right, and the server up?"


@every_wire
async def test_the_mend_for_a_certificate_works(
    wire: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with untrusted_server(certificate) as server:
        error = await refusal(wire, server.url)
    assert "CERTIFICATE" not in error.message  # it is trusted, and says nothing
