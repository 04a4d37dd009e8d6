"""`rules` as a model client: a pure function of the request, streamed."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from crew.models.protocol import (
    Delta,
    ModelRequest,
    StopDelta,
    TextDelta,
    ToolCallDelta,
    UsageDelta,
)
from crew.models.rules.extract import extract_play
from crew.models.rules.mapping import map_play
from crew.models.rules.play import NOTE, Play, Turn
from crew.models.rules.replay import current_turn
from crew.models.rules.review import review_play
from crew.models.rules.talk import Talk
from crew.models.rules.verify import verify_play
from crew.records import NO_USAGE


class Rules:
    """A deterministic model: no network, no clock, no disk; it acts only through the tools."""

    name = "rules"
    note = NOTE

    def stream(self, request: ModelRequest) -> AbstractAsyncContextManager[AsyncIterator[Delta]]:
        """Answer at once; nothing is paced."""
        return _streamed(answer(request), len(Talk.of(request).rounds))


def answer(request: ModelRequest) -> Turn:
    """What `rules` says and calls next; the same for the same request."""
    talk = Talk.of(request)
    turn = current_turn(_play_for(talk)(talk), talk)
    text = turn.text
    if talk.steered:
        text = f"Built-in checks can't follow a message; going on with the plan. {text}"
    if not talk.rounds and not text.startswith(NOTE):
        text = f"{NOTE}. {text}"
    return Turn(text, turn.calls)


def _play_for(talk: Talk) -> Play:
    fields = (talk.schema or {}).get("properties")
    names = set(fields) if isinstance(fields, dict) else set()
    if {"findings", "verdict"} <= names:
        return verify_play
    if "findings" in names:
        return review_play
    if "files" in names:
        return map_play
    return extract_play


@asynccontextmanager
async def _streamed(turn: Turn, number: int) -> AsyncIterator[AsyncIterator[Delta]]:
    stream = _deltas(turn, number)
    try:
        yield stream
    finally:
        await stream.aclose()


async def _deltas(turn: Turn, number: int) -> AsyncGenerator[Delta, None]:
    yield TextDelta(0, turn.text)
    for index, call in enumerate(turn.calls, 1):
        yield ToolCallDelta(
            index,
            args=json.dumps(call.args, ensure_ascii=False),
            call_id=f"rules-{number}-{index}",
            tool=call.tool,
        )
    yield UsageDelta(NO_USAGE)
    yield StopDelta("tool_calls" if turn.calls else "end")
