"""The network under a provider's connections, read in turn with the other streams of the loop."""

import ssl
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

import httpcore2
import httpx2

from crew.models.providers.crowd import MOST, Place

at: ContextVar[Place | None] = ContextVar("crew_place", default=None)
"""Where the request that reads is at work."""


def read_in_turn(client: httpx2.AsyncClient) -> None:
    """Have a client's direct connections share the event loop fairly; those over a proxy do not."""
    direct: Any = client  # neither library lets a client be given a network
    pool = direct._transport._pool
    pool._network_backend = _Network(pool._network_backend)


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
