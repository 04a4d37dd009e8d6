"""What a session is doing now, kept as it goes and shown as a `Progress` when one is due."""

from collections import deque
from collections.abc import Callable
from datetime import datetime

from crew.plaintext import clean
from crew.progress import OUTPUT_LINES, Progress, Retry
from crew.records import NO_USAGE, TERMINAL, Status, Usage
from crew.session.middleware import Call
from crew.store.redact import Redactor, StreamRedactor

_TAIL = 2_000
_LINE = 240


class Meter:
    """The mutable side of a session's progress.

    Secrets leave before lines are cut: half of one is no longer known for what it is.
    """

    def __init__(
        self, session: str, *, max_turns: int, now: Callable[[], datetime], redact: Redactor
    ) -> None:
        self._session = session
        self._max_turns = max_turns
        self._now = now
        self._redact = redact
        self._stream = StreamRedactor(redact)
        self._fresh: list[str] = []
        self._started = now()
        self._running: dict[str, Call] = {}
        self._lines: deque[str] = deque(maxlen=OUTPUT_LINES)
        self._tail = ""
        self.tools = 0
        self.usage = NO_USAGE
        self.context_tokens = 0
        self.retry: Retry | None = None

    def take_up(self, usage: Usage, *, context: int, tools: int) -> None:
        """Go on from what the session had done under an earlier process."""
        self.usage, self.context_tokens, self.tools = usage, context, tools

    def answered(self, usage: Usage) -> None:
        """A model request was answered."""
        self.usage = self.usage + usage
        self.context_tokens = usage.tokens
        self._settle()

    def streamed(self, text: str) -> None:
        """The model wrote."""
        self._fresh.append(text)

    def cut(self) -> None:
        """The model's answer was cut; what came of it is no longer being written."""
        self._settle()

    def printed(self, line: str) -> None:
        """A tool printed a line."""
        self._settle()
        self._lines.append(self._redact.plain(clean(line))[:_LINE])

    def tool_started(self, call: Call) -> None:
        """A tool call runs."""
        self._settle()
        self._running[call.entry.call_id] = call

    def tool_ended(self, call_id: str) -> None:
        """A tool call has its result."""
        self._running.pop(call_id, None)
        self.tools += 1

    def snapshot(self, status: Status, turn: int) -> Progress:
        """The session as it is now."""
        call = next(iter(self._running.values()), None)
        if status in TERMINAL:
            self._settle()
        self._take()
        tail = [line for line in clean(self._tail).splitlines() if line.strip()]
        return Progress(
            session=self._session,
            status=status,
            turn=turn,
            max_turns=self._max_turns,
            tool=call.entry.tool if call else "",
            preview=call.preview if call else "",
            writing=bool(tail),
            retry=self.retry,
            tools=self.tools,
            usage=self.usage,
            context_tokens=self.context_tokens,
            lines=tuple([*self._lines, *(line[:_LINE] for line in tail)][-OUTPUT_LINES:]),
            started=self._started,
            updated=self._now(),
            finished=status in TERMINAL,
        )

    def _take(self) -> None:
        """Move on what of the stream is safe to show."""
        if self._fresh:
            safe = self._stream.feed("".join(self._fresh))
            self._fresh.clear()
            self._tail = (self._tail + safe)[-_TAIL:]

    def _settle(self) -> None:
        """Make the streamed text part of the lines, in the order it appeared."""
        self._take()
        self._tail += self._stream.flush()
        if self._tail:
            lines = [line for line in clean(self._tail).splitlines() if line.strip()]
            self._lines.extend(line[:_LINE] for line in lines[-OUTPUT_LINES:])
            self._tail = ""
