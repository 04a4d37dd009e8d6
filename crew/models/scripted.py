"""A model that plays a script (`scripted:FILE`): for tests, demos and broken streams on demand.

The format of the file is described in `crew.models.script`. The turn is found by the number of
answers that the request's messages hold, so a resumed session goes on where it stood; a turn
that fails adds no answer and is counted by the client, which plays it once.
"""

import json
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import anyio
import anyio.lowlevel

from crew.entries import Message, TextEntry, ThinkingEntry, ToolCallEntry
from crew.errors import Fault, ModelError
from crew.models.protocol import (
    Delta,
    ModelRequest,
    StopDelta,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageDelta,
)
from crew.models.script import Call, Script, ScriptedFault, Turn, load_script
from crew.records import NO_USAGE

__all__ = ["Call", "Script", "Scripted", "ScriptedFault", "Turn", "load_script"]

ENDED = Turn(text="(script ended)")


@dataclass(frozen=True, slots=True)
class _Seen:
    """How far a session's messages were counted, and the last one counted."""

    length: int
    answers: int
    last: Message | None


class Scripted:
    """Plays a script; a `ModelClient`.

    Args:
        script: What to answer.
        name: The name that selected it.
    """

    def __init__(self, script: Script, name: str = "scripted") -> None:
        self._script = script
        self._name = name
        self._seen: dict[str, _Seen] = {}
        self._failed: Counter[str] = Counter()

    @classmethod
    def of(
        cls,
        agents: Mapping[str, Sequence[Turn]],
        *,
        loop: bool = False,
        name: str = "scripted",
    ) -> "Scripted":
        """Play turns that are written in code."""
        turns = {key: tuple(value) for key, value in agents.items()}
        return cls(Script(agents=turns, loop=loop), name)

    @property
    def name(self) -> str:
        """The name that selected it."""
        return self._name

    @property
    def note(self) -> str:
        """What it is, since it is no language model."""
        return "scripted: a script is played, no language model"

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[Delta]]:
        """Play the turn that is due.

        Raises:
            ModelError: The turn says so, or the script has no turns for this session.
        """
        async with aclosing(self._play(request)) as deltas:
            yield deltas

    async def _play(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        position = self._answers(request) + self._failed[request.session]
        turn = self._turn(request, position)
        if turn.delay:
            await anyio.sleep(turn.delay)
        else:
            await anyio.lowlevel.checkpoint()
        paced = False
        for delta in _parts(turn, position):
            if paced:
                await anyio.sleep(turn.pace)
            paced = turn.pace > 0
            yield delta
        if turn.usage is not NO_USAGE:
            yield UsageDelta(turn.usage)
        if turn.error is not None or turn.cut:
            self._failed[request.session] += 1
        if turn.error is not None:
            raise ModelError(
                turn.error.message, fault=turn.error.fault, retry_after=turn.error.retry_after
            )
        if not turn.cut:
            yield StopDelta(turn.stop or ("tool_calls" if turn.calls else "end"))

    def _turn(self, request: ModelRequest, position: int) -> Turn:
        agents = self._script.agents
        for key in (request.session, request.agent, "*"):
            if (turns := agents.get(key)) is None:
                continue
            if position < len(turns):
                return turns[position]
            return turns[-1] if self._script.loop and turns else ENDED
        raise ModelError(
            f"the script has no turns for {request.agent} ({request.session})",
            fault=Fault.BAD_REQUEST,
            hint=f'add {request.agent!r} or "*" under agents',
        )

    def _answers(self, request: ModelRequest) -> int:
        """Count the answers in the messages: runs of parts that a model wrote.

        Only what is new is looked at, or a long session would pay for its length at each turn.
        """
        messages = request.messages
        seen = self._seen.get(request.session)
        if seen is None or not _continues(messages, seen):
            seen = _Seen(0, 0, None)
        answers, last = seen.answers, seen.last
        for place in range(seen.length, len(messages)):
            message = messages[place]
            answers += _is_answer(message) and not _is_answer(last)
            last = message
        self._seen[request.session] = _Seen(len(messages), answers, last)
        return answers


def _continues(messages: Sequence[Message], seen: _Seen) -> bool:
    if seen.length > len(messages):
        return False
    return seen.length == 0 or messages[seen.length - 1] is seen.last


def _is_answer(message: Message | None) -> bool:
    return isinstance(message, TextEntry | ThinkingEntry | ToolCallEntry)


def _parts(turn: Turn, position: int) -> Iterator[Delta]:
    index = 0
    if turn.thinking:
        for piece in _pieces(turn.thinking, turn.chunk):
            yield ThinkingDelta(index, piece)
        index += 1
    if turn.text:
        for piece in _pieces(turn.text, turn.chunk):
            yield TextDelta(index, piece)
        index += 1
    for number, call in enumerate(turn.calls, start=1):
        args = call.args if isinstance(call.args, str) else json.dumps(call.args)
        call_id = call.id or f"call-{position + 1}-{number}"
        for place, piece in enumerate(_pieces(args, turn.chunk)):
            if place == 0:
                yield ToolCallDelta(index, piece, call_id, call.tool)
            else:
                yield ToolCallDelta(index, piece)
        index += 1


def _pieces(text: str, chunk: int | None) -> Iterator[str]:
    if chunk is None or len(text) <= chunk:
        yield text
        return
    for start in range(0, len(text), chunk):
        yield text[start : start + chunk]
