"""Context: a request that would not fit is made to, and what was left out is an entry.

First old tool outputs are shortened, each with the artifact that has it whole. Then the oldest
turns go: a summary by the `fast` model takes their place, or failing that a word that they are
gone. The task, the last message of a person, the latest turn, the system prompt and the tools
(the result's schema is one of them) always stay. The transcript keeps everything, and folding
its `context` entries over its messages gives exactly what the model sees.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import anyio

from crew.entries import (
    ContextEntry,
    Entry,
    FollowUpEntry,
    Message,
    SteerEntry,
    ThinkingEntry,
    ToolCallEntry,
    ToolResultEntry,
    UserEntry,
)
from crew.errors import Fault, ModelError
from crew.models.answer import Answer, AnswerBuilder
from crew.models.protocol import ModelClient, ModelRequest
from crew.models.tokens import CHARS_A_TOKEN, estimate, size_of
from crew.plaintext import cap
from crew.records import NO_USAGE, Usage
from crew.session.middleware import AskModel, Middleware, Stage

if TYPE_CHECKING:
    from crew.session.session import Session

HEAD = 400
"""Characters of a shortened output that stay."""

FILL = 0.6
"""Part of the room that is filled after a cut, so that not every turn needs one."""

RETRIES = 2
"""How often a request that overflowed all the same is cut again, to the half each time."""

SUMMARY_TIME = 120.0
SUMMARY_CHARS = 200_000
SUMMARY = "Summary of the earlier turns of this conversation:"
GONE = "[Earlier turns of this conversation were left out for lack of room.]"
ASK_SUMMARY = """\
You compress the log of an AI agent's work, so that the agent can go on without it. Keep what it
learned, decided and changed, with names, paths and line numbers, and what is still open. Leave
out how it was found. Write plain text, 400 words at most."""


@dataclass(slots=True)
class Cuts:
    """What the model no longer sees whole, by entry id.

    Attributes:
        shortened: What stands in the place of a tool result's text.
        summary: What stands in the place of all that is dropped.
    """

    shortened: dict[int, str] = field(default_factory=dict)
    dropped: set[int] = field(default_factory=set)
    summary: str = ""

    def add(self, entry: ContextEntry) -> None:
        """Take one more cut."""
        self.shortened |= entry.shortened
        self.dropped |= set(entry.dropped)
        self.summary = entry.summary or self.summary

    def apply(self, messages: Sequence[Message]) -> Sequence[Message]:
        """The conversation as the model sees it; the very same object where nothing is cut."""
        if not self.shortened and not self.dropped:
            return messages
        seen: list[Message] = []
        told = not self.summary
        for message in messages:
            if message.id in self.dropped:
                if not told and not isinstance(message, ThinkingEntry):
                    seen.append(UserEntry(text=self.summary, source="crew", turn=message.turn))
                    told = True
                continue
            short = self.shortened.get(message.id)
            seen.append(message if short is None else message.model_copy(update={"text": short}))
        return seen


def cuts_of(entries: Iterable[Entry]) -> Cuts:
    """The cuts that a transcript tells of."""
    cuts = Cuts()
    for entry in entries:
        if isinstance(entry, ContextEntry):
            cuts.add(entry)
    return cuts


@dataclass(slots=True)
class _State:
    """What is known of one session.

    Attributes:
        ratio: Tokens that the provider counted for each that was estimated.
    """

    cuts: Cuts = field(default_factory=Cuts)
    ratio: float = 1.0


class ContextGuard(Middleware):
    """Keeps requests inside the model's context window.

    Args:
        fast: The model that summarises; None where none is to be had.
    """

    stage = Stage.RESOLVE

    def __init__(self, fast: Callable[[], ModelClient | None]) -> None:
        self._fast = fast
        self._states: WeakKeyDictionary[Session, _State] = WeakKeyDictionary()

    async def model(self, session: "Session", request: ModelRequest, proceed: AskModel) -> Answer:
        """Ask with what fits; an overflow that was not foreseen is cut and asked again."""
        state = self._states.get(session)
        if state is None:
            past = session.past.entries if session.past is not None else ()
            state = self._states[session] = _State(cuts_of(past))
        spent = await self._fit(session, state, request)
        for left in reversed(range(RETRIES + 1)):
            await session.deliver_messages()  # a retry, or a summary, may have taken a while
            asked = _asked(request, state.cuts)
            try:
                answer = await proceed(asked)
            except ModelError as error:
                if error.fault is not Fault.CONTEXT_OVERFLOW or not left:
                    raise
                half = estimate(asked) * state.ratio / 2
                used = await self._cut(session, state, request, half)
                if used is None:
                    raise
                spent = spent + used
                continue
            self._learn(session, state, asked, answer)
            return answer if spent is NO_USAGE else replace(answer, usage=answer.usage + spent)
        raise AssertionError("the last try returns or raises")

    async def _fit(self, session: "Session", state: _State, request: ModelRequest) -> Usage:
        """Cut what would overflow; gives what that cost."""
        room = _room(session.model)
        if room is None:
            return NO_USAGE
        asked = _asked(request, state.cuts)
        if estimate(asked) * state.ratio <= room:
            return NO_USAGE
        return await self._cut(session, state, request, room * FILL) or NO_USAGE

    def _learn(
        self, session: "Session", state: _State, asked: ModelRequest, answer: Answer
    ) -> None:
        used = answer.usage
        if used.input_tokens and not used.estimated and _room(session.model) is not None:
            state.ratio = max(used.input_tokens / estimate(asked), 0.1)

    async def _cut(
        self, session: "Session", state: _State, request: ModelRequest, target: float
    ) -> Usage | None:
        """Cut until the estimate is at the target; None when there is nothing left to cut."""
        plan = _Plan(session, state, request, target)
        plan.shorten(before=session.turn - 1)
        plan.drop(before=session.turn - 1)
        summary, spent = "", NO_USAGE
        if plan.dropped:
            plan.drop_thinking(before=session.turn - 1)
            summary, spent = await self._summary(session, state.cuts, plan.dropped)
        standing = summary or (plan.dropped and (state.cuts.summary or GONE)) or ""
        plan.shorten(before=session.turn + 1)
        if not plan.dropped and not plan.shortened:
            return None
        cut = ContextEntry(
            shortened=plan.shortened,
            dropped=tuple(message.id for message in plan.dropped),
            summary=standing,
            text=_words(plan, summarised=bool(summary)),
        )
        session.append(cut)
        state.cuts.add(cut)
        return spent

    async def _summary(
        self, session: "Session", cuts: Cuts, dropped: Sequence[Message]
    ) -> tuple[str, Usage]:
        """A summary by the fast model, empty when there is none, and what it cost."""
        client = self._fast()
        if client is None:
            return "", NO_USAGE
        told, _ = cap("\n".join([cuts.summary, *map(_line, dropped)]), SUMMARY_CHARS)
        request = ModelRequest(
            system=ASK_SUMMARY,
            messages=(UserEntry(text=told),),
            tools=(),
            agent="summary",
            session=f"{session.spec.id}.summary",
        )
        builder = AnswerBuilder(new_id=session.env.new_id)
        try:
            with anyio.fail_after(SUMMARY_TIME):
                async with client.stream(request) as deltas:
                    async for delta in deltas:
                        builder.add(delta)
            builder.finish()
        except (ModelError, TimeoutError):
            return "", builder.usage
        text = builder.text_so_far.strip()
        return text and f"{SUMMARY}\n\n{text}", builder.usage


class _Plan:
    """What will be cut, and what the request comes to by it."""

    def __init__(
        self, session: "Session", state: _State, request: ModelRequest, target: float
    ) -> None:
        self._session = session
        self._messages = state.cuts.apply(request.messages)
        self._left = estimate(replace(request, messages=self._messages)) - target / state.ratio
        self._kept = _always_kept(self._messages)
        self.shortened: dict[int, str] = {}
        self.dropped: list[Message] = []

    def shorten(self, *, before: int) -> None:
        """Shorten outputs of turns before that one, the oldest first, as far as needed."""
        gone = {message.id for message in self.dropped}
        for message in self._messages:
            if self._left <= 0:
                return
            if not isinstance(message, ToolResultEntry) or len(message.text) <= 2 * HEAD:
                continue
            if message.turn >= before or message.id in gone or message.id in self.shortened:
                continue
            text = self._reference(message)
            self.shortened[message.id] = text
            self._left -= (len(message.text) - len(text)) / CHARS_A_TOKEN

    def drop(self, *, before: int) -> None:
        """Drop whole turns before that one, the oldest first, as far as needed."""
        turns = sorted({message.turn for message in self._messages if message.turn < before})
        for turn in turns:
            if self._left <= 0:
                return
            for message in self._messages:
                if message.turn == turn and message.id >= 0 and message.id not in self._kept:
                    self.dropped.append(message)
                    size = len(self.shortened.pop(message.id, "")) or size_of(message)
                    self._left -= size / CHARS_A_TOKEN

    def drop_thinking(self, *, before: int) -> None:
        """Drop the thinking of kept turns: providers bind it to a beginning that is now gone."""
        gone = {message.id for message in self.dropped}
        self.dropped += [
            message
            for message in self._messages
            if isinstance(message, ThinkingEntry)
            and message.turn < before
            and message.id not in gone
        ]

    def _reference(self, result: "ToolResultEntry") -> str:
        if result.artifact is not None:
            name = result.artifact.name
        else:
            data = result.text.encode("utf-8", "backslashreplace")
            stem = f"{self._session.spec.id}.{result.call_id}.txt"
            name = self._session.env.recorder.artifacts.put(stem, data).name
        return (
            f"{result.text[:HEAD]}\n[shortened for lack of room: {len(result.text):,} characters; "
            f"the whole: read artifact:{name}]"
        )


def _asked(request: ModelRequest, cuts: Cuts) -> ModelRequest:
    """The request as the model gets it."""
    messages = cuts.apply(request.messages)
    return request if messages is request.messages else replace(request, messages=messages)


def _always_kept(messages: Sequence[Message]) -> set[int]:
    """The task, and the last message of a person."""
    task = next((m.id for m in messages if isinstance(m, UserEntry)), -1)
    said = [m.id for m in messages if isinstance(m, SteerEntry | FollowUpEntry)]
    return {task, *said[-1:]}


def _room(client: ModelClient) -> float | None:
    """Tokens that a request may have, with room left for the answer."""
    # What `Bounded` says; to ask for it by isinstance costs more than the rest of a request.
    window: int | None = getattr(client, "context", None)
    return None if window is None else window - min(window / 4, 16_000)


def _line(message: Message) -> str:
    if isinstance(message, ToolCallEntry):
        return f"[call] {message.tool} {json.dumps(message.args, ensure_ascii=False)}"
    label = message.tool if isinstance(message, ToolResultEntry) else message.kind
    return f"[{label}] {message.text}"


def _words(plan: _Plan, *, summarised: bool) -> str:
    parts = []
    if plan.shortened:
        parts.append(f"{len(plan.shortened)} old outputs shortened")
    if plan.dropped:
        turns = len({message.turn for message in plan.dropped})
        how = "summarised" if summarised else "left out"
        parts.append(f"{turns} older turns {how}")
    return f"for lack of room: {', '.join(parts)}; the transcript keeps them"
