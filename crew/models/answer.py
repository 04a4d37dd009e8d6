"""One model answer out of its deltas: the same parts however the stream was cut into pieces."""

import json
import math
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from typing import Any

from crew.entries import TextEntry, ThinkingEntry, ToolCallEntry
from crew.errors import Fault, ModelError
from crew.models.protocol import (
    Delta,
    StopDelta,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageDelta,
)
from crew.records import NO_USAGE, JsonObject, Usage

Part = ThinkingEntry | TextEntry | ToolCallEntry

RAW_SHOWN = 2_000
"""Characters of unreadable arguments that are kept for the model to see."""

LENGTH = "length"
"""The stop of an answer that ran into the limit of its length."""

UNNAMED = "unnamed"
"""Stands for the tool in a call that names none; such a call is always invalid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole model answer.

    Attributes:
        parts: In the order of their index; unstamped, the transcript stamps them.
    """

    parts: tuple[Part, ...]
    usage: Usage
    stop: str


@dataclass(slots=True)
class _Piece:
    """A part that is still growing."""

    chunks: list[str] = field(default_factory=list)
    meta: JsonObject | None = None
    call_id: str = ""
    tool: str = ""


class AnswerBuilder:
    """Collects the deltas of one request.

    Args:
        new_id: Gives a fresh id at each call, for tool calls that have none of their own.
        taken: Call ids that earlier answers of the session used; some providers count from
            zero in every answer.
    """

    def __init__(self, *, new_id: Callable[[], str], taken: Set[str] = frozenset()) -> None:
        self._new_id = new_id
        self._taken = taken
        self._pieces: dict[tuple[int, type], _Piece] = {}
        self._usage = NO_USAGE
        self._stop: str | None = None

    def add(self, delta: Delta) -> None:
        """Take the next delta of the stream."""
        match delta:
            case TextDelta():
                piece = self._piece(delta.index, TextEntry)
                piece.chunks.append(delta.text)
                piece.meta = delta.meta or piece.meta
            case ThinkingDelta():
                piece = self._piece(delta.index, ThinkingEntry)
                piece.chunks.append(delta.text)
                piece.meta = delta.meta or piece.meta
            case ToolCallDelta():
                piece = self._piece(delta.index, ToolCallEntry)
                piece.chunks.append(delta.args)
                piece.call_id = delta.call_id or piece.call_id
                piece.tool = delta.tool or piece.tool
                piece.meta = delta.meta or piece.meta
            case UsageDelta():
                self._usage = delta.usage
            case StopDelta():
                self._stop = delta.reason

    @property
    def usage(self) -> Usage:
        """What the request cost so far."""
        return self._usage

    @property
    def text_so_far(self) -> str:
        """The answer's text up to here, joined when asked: linear in its length."""
        return "".join(
            chunk
            for (_, kind), piece in self._ordered()
            if kind is TextEntry
            for chunk in piece.chunks
        )

    def finish(self) -> Answer:
        """The whole answer.

        Raises:
            ModelError: `TRUNCATED` when the stream ended without a stop, `MALFORMED` when
                there is nothing in it.
        """
        if self._stop is None:
            raise ModelError("the answer was cut off", fault=Fault.TRUNCATED)
        used = set(self._taken)
        parts = tuple(
            part
            for (_, kind), piece in self._ordered()
            if (part := self._finished(kind, piece, used)) is not None
        )
        if not parts:
            raise ModelError("the answer is empty", fault=Fault.MALFORMED)
        return Answer(parts=parts, usage=self._usage, stop=self._stop)

    def partial(self) -> tuple[ThinkingEntry | TextEntry, ...]:
        """What a cut request had said, marked as partial; tool calls are left out."""
        return tuple(
            kind(text=text, partial=True)
            for (_, kind), piece in self._ordered()
            if kind in {ThinkingEntry, TextEntry} and (text := _sound(piece.chunks)).strip()
        )

    def _piece(self, index: int, kind: type) -> _Piece:
        # The kind is part of the key: a provider that reuses an index mixes nothing up.
        key = (index, kind)
        if (piece := self._pieces.get(key)) is None:
            piece = self._pieces[key] = _Piece()
        return piece

    def _ordered(self) -> list[tuple[tuple[int, Any], _Piece]]:
        return sorted(self._pieces.items(), key=lambda item: item[0][0])

    def _finished(self, kind: type, piece: _Piece, used: set[str]) -> Part | None:
        if kind is ToolCallEntry:
            return self._call(piece, used)
        text = _sound(piece.chunks)
        if kind is TextEntry:
            return TextEntry(text=text, meta=piece.meta) if text.strip() else None
        return ThinkingEntry(text=text, meta=piece.meta) if text.strip() or piece.meta else None

    def _call(self, piece: _Piece, used: set[str]) -> ToolCallEntry:
        call_id = piece.call_id
        while not call_id or call_id in used:
            call_id = self._new_id()
        used.add(call_id)
        raw = _sound(piece.chunks)
        args, invalid = _arguments(raw)
        if self._stop == LENGTH and not raw.strip():
            invalid = "the answer ran into the limit of its length before the arguments came"
        if not piece.tool:
            args, invalid = {}, f"the call names no tool: {_shown(raw)}"
        return ToolCallEntry(
            call_id=call_id,
            tool=piece.tool or UNNAMED,
            args=args,
            invalid=invalid,
            meta=piece.meta,
        )


def _arguments(raw: str) -> tuple[JsonObject, str | None]:
    """Parse a call's arguments; none at all means an empty object, as providers send it."""
    if not raw.strip():
        return {}, None
    try:
        value = _DECODER.decode(raw)
        if "\\u" in raw:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        return {}, f"the arguments are nested too deep: {_shown(raw)}"
    except UnicodeEncodeError:
        return {}, f"the arguments hold half of a surrogate pair: {_shown(raw)}"
    except ValueError as error:
        return {}, f"the arguments are not JSON ({error}): {_shown(raw)}"
    if not isinstance(value, dict):
        return {}, f"the arguments are not a JSON object: {_shown(raw)}"
    return value, None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")


def _finite(number: str) -> float:
    if math.isinf(value := float(number)):
        raise ValueError(f"{number} is out of range")
    return value


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)


def _shown(raw: str) -> str:
    shown = _sound([raw[:RAW_SHOWN]])
    left = len(raw) - RAW_SHOWN
    return shown if left <= 0 else f"{shown} [... {left:,} more characters]"


def _sound(chunks: list[str]) -> str:
    """Join, without lone surrogates: no file and no provider takes those.

    A pair that the stream cut in two is made whole again.
    """
    text = "".join(chunks)
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
