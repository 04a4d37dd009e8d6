"""The progress snapshot of a session: what it is doing now, for whoever looks."""

from crew.records import NO_USAGE, SCHEMA_VERSION, Record, Status, Timestamp, Usage

OUTPUT_LINES = 8


class Retry(Record):
    """A wait before the model is asked again.

    Attributes:
        why: What the last try came to, in words: "rate limited", "overloaded".
        at: When it is asked again.
        attempt: The number of that try, out of `attempts`.
    """

    why: str
    at: Timestamp
    attempt: int
    attempts: int


class Progress(Record):
    """One session, now. Newest wins; sent at most once per 150 ms and session.

    Attributes:
        turn: Turns begun.
        tool: The tool that runs now, empty between tools.
        preview: One line of the running tool's arguments.
        writing: Whether the model's answer is coming in; its words are the last of `lines`.
        retry: Set while it waits to ask its model again.
        tools: Tool calls finished.
        context_tokens: Tokens of the last model request, which is what fills the context.
        lines: The last `OUTPUT_LINES` lines of output.
        finished: Set once the session has ended; nothing follows.
    """

    v: int = SCHEMA_VERSION
    session: str
    status: Status
    turn: int = 0
    max_turns: int = 0
    tool: str = ""
    preview: str = ""
    writing: bool = False
    retry: Retry | None = None
    tools: int = 0
    usage: Usage = NO_USAGE
    context_tokens: int = 0
    lines: tuple[str, ...] = ()
    started: Timestamp
    updated: Timestamp
    finished: bool = False
