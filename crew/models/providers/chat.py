"""The OpenAI chat format as servers really speak it: what they get wrong is put right here.

- calls of one answer that all have index 0 stay apart, by their ids or their finished arguments
- a tool's name that is repeated in every piece is taken once
- usage on every piece is cumulative, and the last one counts
- an answer that ends without a finish reason was cut
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from openai.types.chat.chat_completion_chunk import Choice, ChoiceDeltaToolCall
from pydantic_ai.messages import ModelResponseStreamEvent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIStreamedResponse
from pydantic_ai.models.openrouter import OpenRouterModel, OpenRouterStreamedResponse
from pydantic_ai.usage import RequestUsage


@dataclass(slots=True)
class _Call:
    """A call as far as it has come; `index` is the one it goes on under."""

    index: int
    id: str
    name: str
    args: list[str] = field(default_factory=list)

    def is_continued_by(self, piece: ChoiceDeltaToolCall) -> bool:
        """Whether a piece under the same index belongs to this call."""
        if piece.id and self.id and piece.id != self.id:
            return False
        name = piece.function.name if piece.function else None
        if not name or piece.id:
            return True
        return not _is_object("".join(self.args))


class _CallsApart:
    """Gives each call of an answer an index of its own."""

    def __init__(self) -> None:
        self._latest: dict[int, _Call] = {}
        self._used = 0

    def sort(self, piece: ChoiceDeltaToolCall) -> ChoiceDeltaToolCall:
        """The piece under the index of its call, the name left out where it was said before."""
        given: Any = piece.index  # None from servers that count nothing
        if given is None:
            given = self._used if piece.id or (piece.function and piece.function.name) else -1
            given = max(self._latest, default=0) if given == -1 else given
        function = piece.function
        call = self._latest.get(given)
        if call is None or not call.is_continued_by(piece):
            call = _Call(self._used, piece.id or "", (function.name if function else None) or "")
            self._latest[given] = call
            self._used += 1
        elif function is not None and function.name:
            known, call.name = call.name, call.name or function.name
            function = function.model_copy(update={"name": None if known else function.name})
        if function is not None and function.arguments:
            call.args.append(function.arguments)
        return piece.model_copy(update={"index": call.index, "function": function})


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


@dataclass
class ChatStream(OpenAIStreamedResponse):
    """A chat stream, mended."""

    _apart: _CallsApart = field(default_factory=_CallsApart, init=False)

    def _map_tool_call_delta(self, choice: Choice) -> Iterable[ModelResponseStreamEvent]:
        return super()._map_tool_call_delta(_sorted(choice, self._apart))

    def _add_usage(self, usage: RequestUsage, *, reported: bool, cumulative: bool = False) -> None:
        super()._add_usage(usage, reported=reported, cumulative=cumulative or reported)


@dataclass
class OpenRouterStream(OpenRouterStreamedResponse):
    """An OpenRouter stream, mended."""

    _apart: _CallsApart = field(default_factory=_CallsApart, init=False)

    def _map_tool_call_delta(self, choice: Choice) -> Iterable[ModelResponseStreamEvent]:
        return super()._map_tool_call_delta(_sorted(choice, self._apart))

    def _add_usage(self, usage: RequestUsage, *, reported: bool, cumulative: bool = False) -> None:
        super()._add_usage(usage, reported=reported, cumulative=cumulative or reported)


def _sorted(choice: Choice, apart: _CallsApart) -> Choice:
    if not choice.delta.tool_calls:
        return choice
    pieces = [apart.sort(piece) for piece in choice.delta.tool_calls]
    return choice.model_copy(
        update={"delta": choice.delta.model_copy(update={"tool_calls": pieces})}
    )


class ChatModel(OpenAIChatModel):
    """A server that speaks the chat format."""

    @property
    def _streamed_response_cls(self) -> type[OpenAIStreamedResponse]:
        return ChatStream


class OpenRouterChatModel(OpenRouterModel):
    """OpenRouter, with its own reasoning and cache fields."""

    @property
    def _streamed_response_cls(self) -> type[OpenAIStreamedResponse]:
        return OpenRouterStream
