"""What a reader may want to see alone of a transcript: messages, tools, notices, errors."""

from enum import StrEnum

from crew.entries import Entry, Outcome, PermissionEntry, ToolResultEntry
from crew.feed import Sieve


class Only(StrEnum):
    """A kind of entries; `ALL` is everything."""

    ALL = "all"
    MESSAGES = "messages"
    TOOLS = "tools"
    NOTES = "notes"
    ERRORS = "errors"


_WORDS = {
    Only.ALL: "everything",
    Only.MESSAGES: "messages",
    Only.TOOLS: "tools",
    Only.NOTES: "steers and notices",
    Only.ERRORS: "errors",
}

_KINDS = {
    Only.MESSAGES: ("system", "user", "thinking", "text", "result"),
    Only.TOOLS: ("tool_call", "tool_result", "permission"),
    Only.NOTES: ("steer", "follow_up", "notice", "context", "permission"),
}

_GONE_WRONG = frozenset({Outcome.ERROR, Outcome.DENIED})


def only_words(only: Only) -> str:
    """What a filter leaves: `steers and notices`."""
    return _WORDS[only]


def next_only(only: Only) -> Only:
    """The filter behind another one, and after the last the first again."""
    order = list(Only)
    return order[(order.index(only) + 1) % len(order)]


def sieve_of(only: Only) -> Sieve | None:
    """How to find the entries of a filter; None where all of them are wanted."""
    if only is Only.ALL:
        return None
    if only is Only.ERRORS:
        return Sieve(wants=_went_wrong, hints=('"error"', '"denied"'))
    kinds = _KINDS[only]
    return Sieve(
        wants=lambda entry: entry.kind in kinds, hints=tuple(f'"{kind}"' for kind in kinds)
    )


def _went_wrong(entry: Entry) -> bool:
    if isinstance(entry, ToolResultEntry):
        return entry.outcome in _GONE_WRONG
    if isinstance(entry, PermissionEntry):
        return entry.decision == "denied"
    return entry.kind == "error"
