"""A language model as a session asks it: light until the first request, bounded in every wait."""

import gc
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import anyio.to_thread

from crew.errors import Fault, ModelError, UsageError
from crew.models.protocol import Delta, ModelRequest
from crew.models.providers.names import Endpoint, ModelName

if TYPE_CHECKING:
    from crew.models.providers.wire import Wire

FORBID = "CREW_FORBID_REQUESTS"
"""Set to 1, no request leaves this machine: for tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long a request may be silent, in seconds.

    Attributes:
        first: Until the first piece of the answer; a model thinks, and a local server reads a
            long prompt, for minutes.
        chunk: Without a single byte, once the answer has begun.
        whole: From the request to the end of the answer.
    """

    first: float = 600.0
    chunk: float = 180.0
    whole: float = 1800.0


DEADLINES = Deadlines()


class ProviderModel:
    """A model behind a provider's API; a `ModelClient`.

    It may be used from several event loops, one after the other: each gets connections of its own.

    Args:
        target: What to ask, and where.
        environ: Where the switch against requests is looked for.

    Raises:
        UsageError: The provider needs a key and there is none.
    """

    def __init__(
        self,
        target: ModelName,
        *,
        environ: Mapping[str, str] = os.environ,
        deadlines: Deadlines = DEADLINES,
    ) -> None:
        endpoint = target.endpoint
        if endpoint.needs_key and not endpoint.key:
            raise UsageError(f"{target} needs a key", hint=f"set {key_place(endpoint)}")
        self._target = target
        self._deadlines = deadlines
        self._forbidden = environ.get(FORBID) == "1" and not endpoint.is_local
        self._wire: Wire | None = None
        self._loop: anyio.lowlevel.EventLoopToken | None = None
        self._opening = anyio.Lock()
        self._told = False

    @property
    def name(self) -> str:
        """The name that selects it, `provider:model`."""
        return str(self._target)

    @property
    def note(self) -> str:
        """Nothing: it is a language model."""
        return ""

    @property
    def context(self) -> int | None:
        """Tokens of its context window; before the first request only what the config says."""
        if self._target.endpoint.context is not None or self._wire is None:
            return self._target.endpoint.context
        return self._wire.context

    async def load(self) -> None:
        """Load its library and make its connections; else the first request does."""
        await self._open()

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[Delta]]:
        """Ask once; whatever ends it, the connection is closed when the context is left.

        Raises:
            ModelError: The request failed, or the provider was silent for too long.
        """
        if self._forbidden:
            raise ModelError(
                f"{self.name} is beyond this machine, and {FORBID}=1 forbids requests there",
                fault=Fault.BAD_REQUEST,
                hint=f"unset {FORBID}, or use crew.testing.LoopbackProvider",
            )
        wire = await self._open()
        clock = Clock(self._deadlines, anyio.current_time())
        with clock.scope:
            async with wire.stream(request, clock, notice=self._notice(wire, request)) as deltas:
                yield deltas
        if clock.scope.cancelled_caught:
            raise ModelError(
                f"{self.name} {clock.silence}",
                fault=Fault.NETWORK,
                hint="the server may be overloaded or hung",
            )

    async def aclose(self) -> None:
        """Close its connections."""
        wire, self._wire = self._wire, None
        if wire is not None and self._loop == anyio.lowlevel.current_token():
            await wire.aclose()

    def _notice(self, wire: "Wire", request: ModelRequest) -> str:
        """What of the request is not sent, said once; empty when all of it is."""
        level, endpoint = request.settings.thinking, self._target.endpoint
        if level in (None, "off") or wire.thinks or self._told or endpoint.extra_body:
            return ""
        self._told = True
        return (
            f"{self.name}: thinking {level} is not sent, because it is not known how this model "
            f"takes it; extra_body in [providers.{endpoint.name}] of config.toml can say it"
        )

    async def _open(self) -> "Wire":
        token = anyio.lowlevel.current_token()
        if self._loop != token:
            self._wire, self._loop, self._opening = None, token, anyio.Lock()
        async with self._opening:
            if self._wire is None:
                # The SDKs take seconds to import, and a certificate store is read from disk.
                self._wire = await anyio.to_thread.run_sync(
                    _load, self._target, abandon_on_cancel=True
                )
            return self._wire


class Clock:
    """Cuts a request that is silent for too long; one timer serves the three deadlines."""

    def __init__(self, deadlines: Deadlines, began: float) -> None:
        self._deadlines = deadlines
        self._end = began + deadlines.whole
        self._begun = False
        self.scope = anyio.CancelScope(deadline=min(began + deadlines.first, self._end))

    def begun(self) -> None:
        """The answer has begun; from now on bytes count."""
        if not self._begun:
            self._begun = True
            self.heard()

    def heard(self) -> None:
        """Bytes arrived; those before the answer, such as pings, win no time."""
        if self._begun:
            self.scope.deadline = min(anyio.current_time() + self._deadlines.chunk, self._end)

    @property
    def silence(self) -> str:
        """Which deadline passed, in words."""
        if self.scope.deadline >= self._end:
            return f"did not finish within {self._deadlines.whole:g} s"
        if not self._begun:
            return f"did not begin to answer within {self._deadlines.first:g} s"
        return f"was silent for {self._deadlines.chunk:g} s in the middle of its answer"


def key_place(endpoint: Endpoint) -> str:
    """Where the key of an endpoint is set, for a hint."""
    said = "api_key" if endpoint.key and not endpoint.key_env else "api_key_env"
    where = f"{said} in [providers.{endpoint.name}] of config.toml"
    return f"{endpoint.key_env[0]}, or {where}" if endpoint.key_env else where


def _load(target: ModelName) -> "Wire":
    first = "crew.models.providers.wire" not in sys.modules
    from crew.models.providers.wire import Wire

    wire = Wire(target)
    if first:
        # The SDKs stay to the end; a full collection that walks them all takes a fifth of a second.
        gc.freeze()
    return wire
