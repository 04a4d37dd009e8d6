"""The only interposition on a session's model and tool calls.

Middleware runs in its declared order, the first outermost, in three stages: *intercept* may
refuse or change a call before anything happens, *resolve* decides how it is carried out, and
*observe* sees what came of it. An observer cannot fail a call: what it raises is put into the
transcript as a notice.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic_core import from_json

from crew.entries import NoticeEntry, ToolCallEntry
from crew.models.answer import Answer
from crew.models.protocol import ModelRequest
from crew.records import indented_json
from crew.store.redact import Redactor
from crew.tools.protocol import Tool, ToolArgs, ToolOutput

if TYPE_CHECKING:
    from crew.session.session import Session


class Stage(IntEnum):
    """When a middleware acts; a chain is sorted by it, and within it keeps the given order."""

    INTERCEPT = 0
    RESOLVE = 1
    OBSERVE = 2


@dataclass(frozen=True, kw_only=True)
class Call:
    """A tool call about to run: known tool, parsed arguments.

    Args:
        redact: Takes the secrets out of what is told of it.
    """

    entry: ToolCallEntry
    tool: Tool[Any]
    args: ToolArgs
    redact: Redactor = field(repr=False)

    @cached_property
    def preview(self) -> str:
        """One line that says what it is about; empty where the tool has no word for it.

        Secrets go first: half of one is no longer known for what it is.
        """
        raw = indented_json(self.entry.args)
        clean = self.redact.line(raw)
        try:
            args = self.args if clean is raw else self.tool.parse(from_json(clean))
            return self.tool.preview(args)
        except Exception:  # whoever looks on is not to be stopped by a broken tool
            return ""

    @property
    def digest(self) -> str:
        """Tells the same tool with the same arguments again, without their secrets."""
        asked = json.dumps([self.tool.name, self.entry.args], sort_keys=True)
        return hashlib.sha256(self.redact.line(asked.encode())).hexdigest()


AskModel = Callable[[ModelRequest], Awaitable[Answer]]
RunTool = Callable[[Call], Awaitable[ToolOutput]]


class Middleware:
    """Base of the intercept and resolve stages: pass the call on, or don't."""

    stage: ClassVar[Stage] = Stage.INTERCEPT

    async def model(self, session: "Session", request: ModelRequest, proceed: AskModel) -> Answer:
        """Wrap a model request."""
        return await proceed(request)

    async def tool(self, session: "Session", call: Call, proceed: RunTool) -> ToolOutput:
        """Wrap a tool call."""
        return await proceed(call)


class Observer(Middleware):
    """Base of the observe stage: sees, and changes nothing."""

    stage = Stage.OBSERVE

    def saw_answer(self, session: "Session", answer: Answer) -> None:
        """A model request was answered."""

    def saw_output(self, session: "Session", call: Call, output: ToolOutput) -> None:
        """A tool call returned."""

    async def model(self, session: "Session", request: ModelRequest, proceed: AskModel) -> Answer:
        """Pass the request on and look at the answer."""
        answer = await proceed(request)
        self._contained(session, lambda: self.saw_answer(session, answer))
        return answer

    async def tool(self, session: "Session", call: Call, proceed: RunTool) -> ToolOutput:
        """Pass the call on and look at the output."""
        output = await proceed(call)
        self._contained(session, lambda: self.saw_output(session, call, output))
        return output

    def _contained(self, session: "Session", look: Callable[[], None]) -> None:
        try:
            look()
        except Exception as error:
            name = type(self).__name__
            session.append(NoticeEntry(text=f"{name} failed: {type(error).__name__}: {error}"))


@dataclass(frozen=True, slots=True)
class Chain:
    """A session's middleware around its two cores, composed once."""

    model: AskModel
    tool: RunTool


def compose(
    session: "Session", middleware: Sequence[Middleware], ask: AskModel, run: RunTool
) -> Chain:
    """Wrap the cores, leaving out what a middleware does not override."""
    outermost_first = sorted(middleware, key=lambda layer: layer.stage)
    for layer in reversed(outermost_first):
        if _overrides(layer, "model", "saw_answer"):
            ask = _around_model(session, layer, ask)
        if _overrides(layer, "tool", "saw_output"):
            run = _around_tool(session, layer, run)
    return Chain(ask, run)


def _overrides(layer: Middleware, method: str, seen: str) -> bool:
    if isinstance(layer, Observer):
        return getattr(type(layer), seen) is not getattr(Observer, seen)
    return getattr(type(layer), method) is not getattr(Middleware, method)


def _around_model(session: "Session", layer: Middleware, inner: AskModel) -> AskModel:
    return lambda request: layer.model(session, request, inner)


def _around_tool(session: "Session", layer: Middleware, inner: RunTool) -> RunTool:
    return lambda call: layer.tool(session, call, inner)
