"""What a session asks of a model, and what a model streams back."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from crew.entries import Message
from crew.records import JsonObject, Usage

Thinking = Literal["off", "low", "medium", "high"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSchema:
    """A tool as the model sees it; `parameters` is a JSON schema of an object."""

    name: str
    description: str
    parameters: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to answer.

    Attributes:
        tool_choice: Name of the tool that the answer must call; None leaves it to the model.
    """

    thinking: Thinking | None = None
    tool_choice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One model request.

    Attributes:
        system: The system prompt; the same for every turn of a session.
        messages: The conversation in order. Every tool call in it has its result.
        agent: Name of the agent that asks.
        session: Id of the session that asks.
    """

    system: str
    messages: Sequence[Message]
    tools: tuple[ToolSchema, ...]
    agent: str
    session: str
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text of part `index`; `meta` is the provider's own and the last one stays."""

    index: int
    text: str
    meta: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """More reasoning of part `index`; `meta` is the provider's own and the last one stays."""

    index: int
    text: str
    meta: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """More of the tool call that is part `index`.

    Attributes:
        args: A fragment of the arguments' JSON text.
    """

    index: int
    args: str = ""
    call_id: str = ""
    tool: str = ""
    meta: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class UsageDelta:
    """What the request cost so far; the last one counts."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class StopDelta:
    """The answer is whole. A stream that ends without it was cut."""

    reason: str


@dataclass(frozen=True, slots=True)
class NoticeDelta:
    """Something about the request that a person should know; no part of the answer."""

    text: str


Delta = NoticeDelta | TextDelta | ThinkingDelta | ToolCallDelta | UsageDelta | StopDelta


class ModelClient(Protocol):
    """A model that can be asked; safe to share between sessions of one event loop."""

    @property
    def name(self) -> str:
        """The name that selects it, such as `rules` or `provider:model`."""
        ...

    @property
    def note(self) -> str:
        """A line that its reports open with; empty for language models."""
        ...

    def stream(self, request: ModelRequest) -> AbstractAsyncContextManager[AsyncIterator[Delta]]:
        """Ask once. Leaving the context ends the request, whatever was read of it.

        Raises:
            ModelError: On entering, or while reading; with its class.
        """
        ...


@runtime_checkable
class Bounded(Protocol):
    """A model that can say how much it takes in."""

    @property
    def context(self) -> int | None:
        """Tokens of its context window, question and answer together; None when unknown."""
        ...
