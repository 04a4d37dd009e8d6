"""One model's connections and its requests; imported when the first request is made."""

import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from urllib.request import getproxies

import anyio
import httpx2
from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import (
    ModelResponse,
    ModelResponsePart,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
)
from pydantic_ai.models import StreamedResponse

from crew.errors import Fault, ModelError
from crew.models.answer import LENGTH
from crew.models.protocol import (
    Delta,
    ModelRequest,
    NoticeDelta,
    StopDelta,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageDelta,
)
from crew.models.providers import network
from crew.models.providers.build import build_model
from crew.models.providers.client import Clock
from crew.models.providers.cost import usage_of
from crew.models.providers.crowd import crowd
from crew.models.providers.faults import model_error, no_answer
from crew.models.providers.history import meta_of, to_messages
from crew.models.providers.names import PROVIDERS, Endpoint, ModelName
from crew.models.providers.settings import parameters_for, settings_for

CONNECT = 10.0
"""Seconds to open a connection; what comes behind it has the client's deadlines."""

_CLOSING = 1.0

_current: ContextVar["_Connections | None"] = ContextVar("crew_connections", default=None)

# The library warns people who call it; what it warns of (a dropped signature, a setting that a
# model has not) is no word for a terminal that shows a run.
warnings.filterwarnings("ignore", module=r"pydantic_ai\.")


class Wire:
    """A model with its connections, for one event loop.

    Raises:
        ModelError: The provider's library will not have such a model.
    """

    def __init__(self, target: ModelName) -> None:
        self._target = target
        self._endpoint = target.endpoint
        self._http = _http_client(target.endpoint)
        try:
            self._model = build_model(target, self._http)
        except Exception as error:
            raise model_error(error, target) from error

    @property
    def context(self) -> int | None:
        """Tokens of the context window, where the library knows the model."""
        return None if self._endpoint.is_local else self._model.context_window

    @asynccontextmanager
    async def stream(
        self, request: ModelRequest, clock: Clock, *, notice: str = ""
    ) -> AsyncIterator[AsyncIterator[Delta]]:
        """Ask once.

        Args:
            clock: Is told of each sign of life.
            notice: Comes before the answer, for a person.

        Raises:
            ModelError: On entering, or while reading.
        """
        async with _watched_connections(clock) as connections:
            try:
                asking = model_request_stream(
                    self._model,
                    to_messages(request.system, request.messages, fill=self._wants_text),
                    model_settings=settings_for(request, self._endpoint),
                    model_request_parameters=parameters_for(request),
                    instrument=False,
                )
                async with asking as stream:
                    reading = self._read(stream, request, clock, notice)
                    async with aclosing(reading) as deltas:
                        yield deltas
            except Exception as error:
                if connections.said_nothing:
                    window = self._endpoint.context or self.context
                    raise no_answer(request, window, self._target) from error
                raise model_error(error, self._target) from error

    @property
    def thinks(self) -> bool:
        """Whether a level of thinking reaches the model: the library knows how it takes one."""
        return bool(self._model.profile.get("supports_thinking"))

    async def aclose(self) -> None:
        """Close the connections that wait for a next request."""
        await self._http.aclose()

    @property
    def _wants_text(self) -> bool:
        """Whether an answer of calls only needs an empty text: some servers take no null."""
        return self._endpoint.kind == "openai-chat" and self._endpoint.name not in PROVIDERS

    async def _read(
        self, stream: StreamedResponse, request: ModelRequest, clock: Clock, notice: str
    ) -> AsyncGenerator[Delta, None]:
        if notice:
            yield NoticeDelta(notice)
        indices: set[int] = set()
        async for event in stream:
            clock.begun()
            match event:
                case PartStartEvent(index=index, part=part):
                    indices.add(index)
                    if (first := _first_delta(index, part)) is not None:
                        yield first
                case PartDeltaEvent(index=index, delta=TextPartDelta(content_delta=text)):
                    yield TextDelta(index, text)
                case PartDeltaEvent(index=index, delta=ThinkingPartDelta(content_delta=text)):
                    if text:
                        yield ThinkingDelta(index, text)
                case PartDeltaEvent(index=index, delta=ToolCallPartDelta() as delta):
                    if isinstance(delta.args_delta, str):
                        yield ToolCallDelta(index, delta.args_delta)
        response = stream.get()
        for last in _last_deltas(response, sorted(indices)):
            yield last
        yield UsageDelta(usage_of(request, response, self._endpoint))
        yield self._stop(response)

    def _stop(self, response: ModelResponse) -> StopDelta:
        """Why the answer ended.

        Raises:
            ModelError: It did not end as a whole answer does.
        """
        match response.finish_reason:
            case "stop" | "tool_call":
                return StopDelta("tool_calls" if response.tool_calls else "end")
            case "length":
                return StopDelta(LENGTH)
            case "content_filter":
                raise ModelError(
                    f"{self._target}: the provider's filter stopped the answer",
                    fault=Fault.BAD_REQUEST,
                    hint="use another model: --model",
                )
            case "error":
                raise ModelError(
                    f"{self._target}: the provider says that its answer failed",
                    fault=Fault.MALFORMED,
                )
            case _:
                raise ModelError(
                    f"{self._target}: the answer was cut off before its end",
                    fault=Fault.TRUNCATED,
                )


def _first_delta(index: int, part: ModelResponsePart) -> Delta | None:
    match part:
        case TextPart(content=text):
            return TextDelta(index, text)
        case ThinkingPart(content=text):
            return ThinkingDelta(index, text)
        case ToolCallPart():
            args = part.args if isinstance(part.args, str) else part.args_as_json_str()
            return ToolCallDelta(
                index, args if part.args else "", part.tool_call_id, part.tool_name
            )
        case _:
            return None


def _last_deltas(response: ModelResponse, indices: list[int]) -> Iterator[Delta]:
    """What is known only at the end: marks, and final names."""
    for index, part in zip(indices, response.parts, strict=False):
        if (last := _last_delta(index, part)) is not None:
            yield last


def _last_delta(index: int, part: ModelResponsePart) -> Delta | None:
    meta = meta_of(part)
    match part:
        case TextPart() if meta:
            return TextDelta(index, "", meta)
        case ThinkingPart() if meta:
            return ThinkingDelta(index, "", meta)
        case ToolCallPart():
            return ToolCallDelta(index, "", part.tool_call_id, part.tool_name, meta)
        case _:
            return None


def _http_client(endpoint: Endpoint) -> httpx2.AsyncClient:
    """Connections that never follow a redirect: a key stays with the host it was meant for."""
    limits = httpx2.Limits(max_connections=1000, max_keepalive_connections=100)
    verify = httpx2.create_ssl_context()
    environment = not endpoint.is_local  # no proxy stands before this machine
    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(None, connect=CONNECT),
        limits=limits,
        follow_redirects=False,
        trust_env=environment,
        verify=verify,
        event_hooks={"response": [_watch]},
        # A client that is given a transport asks no proxy.
        transport=None if environment and _has_proxy() else network.InTurn(limits, verify),
    )


def _has_proxy() -> bool:
    """Whether the environment names one; over it, streams are read as they come."""
    proxies = getproxies()
    return any(proxies.get(scheme) for scheme in ("http", "https", "all"))


@dataclass(slots=True)
class _Connections:
    """The connections of one request.

    Attributes:
        ended: Answers that came to their end in good order.
        heard: Whether there was a byte in any of them.
    """

    clock: Clock
    opened: list[httpx2.Response] = field(default_factory=list)
    ended: int = 0
    heard: bool = False

    @property
    def said_nothing(self) -> bool:
        """Whether the answer was accepted and came to its end without a byte."""
        return bool(self.ended) and not self.heard and self.opened[-1].is_success


class _Heard(httpx2.AsyncByteStream):
    """A response's bytes, each arrival told to its request."""

    def __init__(self, stream: httpx2.AsyncByteStream, request: _Connections) -> None:
        self._stream = stream
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            self._request.clock.heard()
            self._request.heard = True
            yield piece
        self._request.ended += 1

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _watch(response: httpx2.Response) -> None:
    if (request := _current.get()) is not None and isinstance(
        response.stream, httpx2.AsyncByteStream
    ):
        request.opened.append(response)
        response.stream = _Heard(response.stream, request)


@asynccontextmanager
async def _watched_connections(clock: Clock) -> AsyncIterator[_Connections]:
    """Hear what comes, and close what was opened; an SDK may leave that to the collector."""
    request = _Connections(clock)
    token = _current.set(request)
    try:
        with crowd().joined() as place:
            network.at.set(place)
            await place.crowd.pause()
            yield request
    finally:
        network.at.set(None)
        _current.reset(token)
        unread = [response for response in request.opened if not response.is_closed]
        if unread:
            with anyio.move_on_after(_CLOSING, shield=True):
                for response in unread:
                    await response.aclose()
