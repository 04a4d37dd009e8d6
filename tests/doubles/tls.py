"""A server whose certificate nobody has a reason to trust."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.tls import TLSStream
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


def self_signed(folder: Path, *, host: str = "localhost", ends: timedelta = DAY) -> Path:
    """A certificate that no authority signed, with its key, in one file.

    Args:
        host: Whom it is for.
        ends: When it ends, from now.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 3 * DAY)
        .not_valid_after(now + ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "self-signed.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


class Greeted:
    """A server that is greeted and hears no request.

    Attributes:
        url: Its address.
        times: How often it was greeted.
    """

    def __init__(self, port: int) -> None:
        self.url = f"https://localhost:{port}"
        self.times = 0


@asynccontextmanager
async def untrusted_server(certificate: Path | None) -> AsyncIterator[Greeted]:
    """Listen with such a certificate; without one every greeting is cut."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if certificate is not None:
        context.load_cert_chain(certificate)

    async def greet(stream: SocketStream) -> None:
        server.times += 1
        with suppress(OSError, anyio.BrokenResourceError, anyio.EndOfStream):
            async with stream:
                await stream.receive() if certificate is None else await TLSStream.wrap(
                    stream, server_side=True, ssl_context=context
                )

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        server = Greeted(listener.extra_attributes[SocketAttribute.local_port]())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, greet)
            yield server
            tasks.cancel_scope.cancel()
