"""A session's conversation as the providers' library takes it, valid for every provider.

What a provider marked its own parts with (signatures, ids) goes back to it exactly and is kept
from others. Every call has its one result right behind the answer that made it, whatever was cut.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from crew.entries import (
    FollowUpEntry,
    Message,
    Outcome,
    SteerEntry,
    TextEntry,
    ThinkingEntry,
    ToolCallEntry,
    ToolResultEntry,
    UserEntry,
)
from crew.records import JsonObject

NOT_RUN = "interrupted: not run"

_MARKS = ("id", "signature", "provider_name", "provider_details")
"""What a provider may mark a part with, kept as the part's `meta`."""

_Said = ThinkingEntry | TextEntry | ToolCallEntry


def to_messages(
    system: str, messages: Sequence[Message], *, fill: bool = False
) -> list[ModelMessage]:
    """The conversation, request and answer in turn; each request repeats the system prompt.

    Args:
        fill: Give an answer that has no text an empty one.
    """
    built: list[ModelMessage] = []
    asked: list[ModelRequestPart] = []
    place = 0
    while place < len(messages):
        entry = messages[place]
        if isinstance(entry, ThinkingEntry | TextEntry | ToolCallEntry):
            end = _answer_end(messages, place)
            _flush(built, asked, system)
            answer = [entry for entry in messages[place:end] if isinstance(entry, _Said)]
            results, place = _results_behind(messages, end)
            parts = [_part(entry) for entry in answer]
            if fill and not any(isinstance(part, TextPart) for part in parts):
                parts.insert(0, TextPart(""))
            built.append(ModelResponse(parts=parts))
            asked = list(_returns(answer, results))
            continue
        if isinstance(entry, UserEntry | SteerEntry | FollowUpEntry):
            asked.append(UserPromptPart(entry.text))
        place += 1
    _flush(built, asked, system)
    return built


def meta_of(part: ModelResponsePart) -> JsonObject | None:
    """What the provider marked a part with; None when with nothing."""
    marks = {name: getattr(part, name, None) for name in _MARKS}
    said = {name: value for name, value in marks.items() if value is not None}
    return said if said.keys() - {"provider_name"} else None


def _answer_end(messages: Sequence[Message], begin: int) -> int:
    """Where the run of parts of one answer ends; two answers in a row have different turns."""
    end, turn = begin, messages[begin].turn
    while end < len(messages) and isinstance(messages[end], _Said) and messages[end].turn == turn:
        end += 1
    return end


def _results_behind(
    messages: Sequence[Message], place: int
) -> tuple[dict[str, ToolResultEntry], int]:
    results: dict[str, ToolResultEntry] = {}
    while place < len(messages):
        entry = messages[place]
        if not isinstance(entry, ToolResultEntry):
            break
        results.setdefault(entry.call_id, entry)
        place += 1
    return results, place


def _flush(built: list[ModelMessage], asked: list[ModelRequestPart], system: str) -> None:
    if asked or not built or isinstance(built[-1], ModelResponse):
        parts = asked or [UserPromptPart("Go on.")]
        built.append(ModelRequest(parts=list(parts), instructions=system or None))
        asked.clear()


def _returns(
    answer: Iterable[_Said], results: dict[str, ToolResultEntry]
) -> Iterator[ToolReturnPart]:
    for call in answer:
        if not isinstance(call, ToolCallEntry):
            continue
        result = results.get(call.call_id)
        ok = result is not None and result.outcome is Outcome.OK
        yield ToolReturnPart(
            tool_name=call.tool,
            content=result.text if result is not None else NOT_RUN,
            tool_call_id=call.call_id,
            outcome="success" if ok else "failed",
        )


def _part(entry: _Said) -> ModelResponsePart:
    marks: dict[str, Any] = {
        name: value for name, value in (entry.meta or {}).items() if name in _MARKS
    }
    match entry:
        case ThinkingEntry():
            return ThinkingPart(entry.text, **marks)
        case TextEntry():
            marks.pop("signature", None)
            return TextPart(entry.text, **marks)
        case ToolCallEntry():
            marks.pop("signature", None)
            return ToolCallPart(entry.tool, entry.args, tool_call_id=entry.call_id, **marks)
