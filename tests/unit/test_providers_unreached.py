"""Servers that are not there, or that nobody should trust: what is told of them, in each format."""

import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest

from crew.config import Config, Kind, ProviderConfig
from crew.errors import Fault, ModelError
from crew.models.providers.client import ProviderModel
from crew.models.providers.names import resolve_name
from tests.doubles.providers import WIRES, ask
from tests.doubles.tls import untrusted_server

every_wire = pytest.mark.parametrize("wire", WIRES)


async def refusal(wire: Kind, url: str) -> ModelError:
    config = Config(providers={"mine": ProviderConfig(kind=wire, base_url=url)})
    client = ProviderModel(resolve_name("mine:m", config, {}), environ={})
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


@every_wire
async def test_a_certificate_that_nobody_signed_is_told_with_the_mend(
    wire: Kind, tmp_path: Path
) -> None:
    async with untrusted_server(tmp_path) as url:
        error = await refusal(wire, url)
    assert error.fault is Fault.NETWORK
    assert "CERTIFICATE_VERIFY_FAILED" in error.message
    assert "self-signed certificate" in error.message
    assert "\n" not in error.message
    assert error.hint == "its certificate is not trusted: set SSL_CERT_FILE, or mend base_url"


@every_wire
async def test_a_closed_port_is_told_with_the_address(wire: Kind) -> None:
    error = await refusal(wire, "http://127.0.0.1:9")
    assert error.fault is Fault.NETWORK
    assert error.hint == "is http://127.0.0.1:9 right, and the server up?"


@every_wire
async def test_the_mend_for_a_certificate_works(
    wire: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with untrusted_server(tmp_path) as url:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "self-signed.pem"))
        error = await refusal(wire, url)
    assert "CERTIFICATE" not in error.message  # it is trusted, and says nothing
