"""A provider on this machine, for tests: real sockets, scripted answers, and every way to fail."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import anyio
from anyio.abc import SocketAttribute, SocketStream

from crew.config import Config, Kind, ProviderConfig
from crew.errors import Fault
from crew.models.script import ScriptedFault, Turn
from crew.records import JsonObject
from crew.testing.formats import PATHS, STATUS, error_body, error_event, pieces

KINDS: tuple[Kind, ...] = ("openai-chat", "openai", "anthropic", "google")


class Ending(Enum):
    """How a connection ends before its answer does."""

    CUT = "cut"
    RESET = "reset"


CUT = Ending.CUT
"""The answer ends here, in good order: the last piece is the last that was sent."""

RESET = Ending.RESET
"""The connection is dropped in the middle of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """An answer byte for byte; a number among the pieces is a pause in seconds."""

    pieces: Sequence[bytes | float | Ending]
    status: int = 200
    headers: Mapping[str, str] = field(
        default_factory=lambda: {"Content-Type": "text/event-stream"}
    )


Reply = Turn | Raw


@dataclass(slots=True, kw_only=True)
class Received:
    """A request, and what became of its answer.

    Attributes:
        gone: Set once the connection is no longer used for this answer: it was sent whole, or
            the client closed it.
        closed_early: Whether the client closed it before the answer was whole.
    """

    kind: Kind
    path: str
    headers: Mapping[str, str]
    body: JsonObject
    gone: anyio.Event = field(default_factory=anyio.Event)
    closed_early: bool = False


class LoopbackProvider:
    """Answers the SDKs of all providers, in the order of its replies.

    Attributes:
        received: Every request so far.
        url: Its address.
    """

    def __init__(self, replies: Iterable[Reply] | Callable[[Received], Reply], port: int) -> None:
        self._choose = replies if callable(replies) else None
        self._replies: Iterator[Reply] = iter(() if callable(replies) else replies)
        self._asked = anyio.Event()
        self.received: list[Received] = []
        self.url = f"http://127.0.0.1:{port}"

    @classmethod
    @asynccontextmanager
    async def serve(
        cls, replies: Iterable[Reply] | Callable[[Received], Reply]
    ) -> AsyncIterator["LoopbackProvider"]:
        """Listen on a free port until the context is left.

        Args:
            replies: One for each request, in order; or a function that chooses one. When they
                have run out, the answer is an error that says so.
        """
        async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
            port: int = listener.extra_attributes[SocketAttribute.local_port]()
            provider = cls(replies, port)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listener.serve, provider._converse)
                yield provider
                tasks.cancel_scope.cancel()

    @property
    def config(self) -> Config:
        """Settings with a provider for each format: `loopback-openai-chat`, `loopback-google`."""
        return Config(
            providers={
                f"loopback-{kind}": ProviderConfig(kind=kind, base_url=self.url + _root(kind))
                for kind in KINDS
            }
        )

    def model(self, kind: Kind = "openai-chat") -> str:
        """The name of its model in one of the formats."""
        return f"loopback-{kind}:scripted"

    async def asked(self, times: int = 1) -> Received:
        """Wait until that many requests came; gives the last of them."""
        while len(self.received) < times:
            await self._asked.wait()
        return self.received[times - 1]

    async def _converse(self, stream: SocketStream) -> None:
        lines = _Lines(stream)
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream):
            async with stream:
                while True:
                    request = await lines.request()
                    self.received.append(request)
                    self._asked.set()
                    self._asked = anyio.Event()
                    if not await self._answer(stream, lines, request):
                        return

    async def _answer(self, stream: SocketStream, lines: "_Lines", request: Received) -> bool:
        """Send the reply; False when the connection can't be used again."""
        whole = False
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lines.watch, tasks.cancel_scope)
                whole = await _send(stream, self._reply(request))
                tasks.cancel_scope.cancel()
        except* (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
        finally:
            request.closed_early = lines.closed
            request.gone.set()
        return whole and not lines.closed

    def _reply(self, request: Received) -> Raw:
        reply = self._choose(request) if self._choose else next(self._replies, None)
        if reply is None:
            reply = Turn(
                error=ScriptedFault(fault=Fault.BAD_REQUEST, message="the replies have run out")
            )
        return reply if isinstance(reply, Raw) else _raw(request.kind, reply)


def _root(kind: Kind) -> str:
    return "/v1" if kind in ("openai", "openai-chat") else ""


def _raw(kind: Kind, turn: Turn) -> Raw:
    """The bytes of a scripted turn."""
    fault = turn.error
    begun = bool(turn.thinking or turn.text or turn.calls)
    if fault is not None and not begun and fault.fault in STATUS:
        headers = {"Content-Type": "application/json"}
        if fault.retry_after is not None:
            headers["Retry-After"] = f"{fault.retry_after:g}"
        body = json.dumps(error_body(kind, fault.fault, fault.message)).encode()
        return Raw(pieces=(turn.delay, body), status=STATUS[fault.fault], headers=headers)
    sent: list[bytes | float | Ending] = [turn.delay] if turn.delay else []
    for piece in pieces(kind, turn):
        sent.append(piece)
        if turn.pace:
            sent.append(turn.pace)
    match fault:
        case None:
            sent += [CUT] if turn.cut else []
        case ScriptedFault(fault=Fault.NETWORK):
            sent.append(RESET)
        case ScriptedFault(fault=Fault.CERTIFICATE):
            no_tls = "a loopback provider has no certificate; script this fault with Scripted"
            return _raw(kind, Turn(error=ScriptedFault(fault=Fault.BAD_REQUEST, message=no_tls)))
        case ScriptedFault(fault=Fault.TRUNCATED):
            sent.append(CUT)
        case ScriptedFault(fault=Fault.MALFORMED):
            sent.append(b"event: content_block_delta\ndata: {not json\n\n")
        case _:
            sent.append(error_event(kind, fault.fault, fault.message))
    return Raw(pieces=tuple(sent))


async def _send(stream: SocketStream, reply: Raw) -> bool:
    """Send an answer piece by piece; False when it was left unfinished."""
    head = [f"HTTP/1.1 {reply.status} Scripted", "Transfer-Encoding: chunked"]
    head += [f"{name}: {value}" for name, value in reply.headers.items()]
    await stream.send("\r\n".join([*head, "", ""]).encode())
    for piece in reply.pieces:
        match piece:
            case bytes() if piece:
                await stream.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            case float() | int():
                await anyio.sleep(piece)
            case Ending.RESET:
                return False
            case Ending.CUT:
                break
    await stream.send(b"0\r\n\r\n")
    return True


class _Lines:
    """The requests that come over one connection."""

    def __init__(self, stream: SocketStream) -> None:
        self._stream = stream
        self._held = b""
        self.closed = False

    async def request(self) -> Received:
        """Read the next request.

        Raises:
            anyio.EndOfStream: The client has closed the connection.
        """
        while b"\r\n\r\n" not in self._held:
            self._held += await self._stream.receive()
            if not self._held[:1].isalpha():
                raise anyio.EndOfStream  # no HTTP, such as a TLS greeting
        head, _, self._held = self._held.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in rest)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = int(headers.get("content-length", "0"))
        while len(self._held) < length:
            self._held += await self._stream.receive()
        body, self._held = self._held[:length], self._held[length:]
        path = first.split(" ")[1]
        parsed: Any = json.loads(body) if body else {}
        return Received(kind=_kind(path), path=path, headers=headers, body=parsed)

    async def watch(self, answering: anyio.CancelScope) -> None:
        """End the answer when the client closes the connection."""
        try:
            while True:
                self._held += await self._stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            self.closed = True
            answering.cancel()


def _kind(path: str) -> Kind:
    return next((kind for kind in KINDS if PATHS[kind] in path), "openai-chat")
