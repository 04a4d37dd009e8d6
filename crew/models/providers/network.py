"""Direct connections whose reads wait for their turn among the other streams of the event loop."""

import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

import httpcore2
import httpx2

from crew.models.providers.crowd import MOST, Place

at: ContextVar[Place | None] = ContextVar("crew_place", default=None)
"""Where the request that reads is at work."""

_FAULTS = (
    *("TimeoutException", "ConnectTimeout", "ReadTimeout", "WriteTimeout", "PoolTimeout"),
    *("NetworkError", "ConnectError", "ReadError", "WriteError"),
    *("ProtocolError", "LocalProtocolError", "RemoteProtocolError", "UnsupportedProtocol"),
)
_KNOWN: Mapping[type[BaseException], type[httpx2.TransportError]] = {
    getattr(httpcore2, name): getattr(httpx2, name) for name in _FAULTS
}
"""The faults of a connection, as they are known to who uses a client."""


class InTurn(httpx2.AsyncBaseTransport):
    """A client's connections, which share the event loop fairly.

    httpx2's own transport takes no network to stand on; httpcore2, which it is made of, does.
    """

    def __init__(self, limits: httpx2.Limits, verify: ssl.SSLContext) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=verify,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Network(httpcore2.AnyIOBackend()),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; gives the head of the answer, the rest is read from its stream."""
        url = request.url
        asked = httpcore2.Request(
            method=request.method,
            url=httpcore2.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _faults_as_known():
            answer = await self._pool.handle_async_request(asked)
        return httpx2.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        with _faults_as_known():
            await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    """The rest of an answer."""

    def __init__(self, answer: httpcore2.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = cast("AsyncIterable[bytes]", self._answer.stream)
        with _faults_as_known():
            async for piece in pieces:
                yield piece

    async def aclose(self) -> None:
        await self._answer.aclose()


@contextmanager
def _faults_as_known() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        known = next((_KNOWN[kind] for kind in type(error).__mro__ if kind in _KNOWN), None)
        if known is None:
            raise
        raise known(str(error)) from error


class _Network(httpcore2.AsyncNetworkBackend):
    """Opens connections that are read in turn."""

    def __init__(self, inner: httpcore2.AsyncNetworkBackend) -> None:
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        return _Connection(
            await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        )

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class _Connection(httpcore2.AsyncNetworkStream):
    """A connection whose reads wait for their turn, and leave what comes time to gather."""

    def __init__(self, inner: httpcore2.AsyncNetworkStream) -> None:
        self._inner = inner
        self._read = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        place = at.get()
        if place is None:
            return await self._inner.read(max_bytes, timeout)
        place.leave()
        if self._read:
            await place.crowd.pause(self._read)
        data = await self._inner.read(min(max_bytes, MOST), timeout)
        self._read = len(data)
        await place.enter()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._read = 0
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        return _Connection(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
