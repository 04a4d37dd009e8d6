"""Short words for people: durations, counts, and what a tool call does."""

from datetime import datetime, timedelta

from crew.plaintext import clean
from crew.records import Usage

RULES_NOTE = "rules: built-in checks, no language model"
"""What a run on the model `rules` says of itself, once."""

RULES_HINT = "for one, set ANTHROPIC_API_KEY or see crew models"
"""What a person may do about it."""

_ELLIPSIS = "…"

_DOING = {
    "read": "reading {}",
    "ls": "listing {}",
    "glob": "finding {}",
    "grep": "searching for {}",
    "git_changes": "reading the change {}",
    "lint": "running the {} checks",
    "write": "writing {}",
    "edit": "editing {}",
    "shell": "running {}",
    "submit_result": "submitting the result",
    "spawn_agent": "waiting for {}",
}

_DOING_ALONE = {
    "read": "reading a file",
    "ls": "listing the folder",
    "glob": "finding files",
    "grep": "searching",
    "git_changes": "reading the change",
    "lint": "running the checks",
    "write": "writing a file",
    "edit": "editing a file",
    "shell": "running a command",
    "submit_result": "submitting the result",
    "spawn_agent": "waiting for another agent",
}


def one_line(text: str, limit: int = 0) -> str:
    """Text from outside as one clean line, cut at `limit` characters; 0 leaves it whole."""
    line = " ".join(clean(text).split())
    if limit and len(line) > limit:
        return line[: limit - 1].rstrip() + _ELLIPSIS
    return line


def preview_line(preview: str) -> str:
    """A result's preview as one line, without the note that the run's head has already."""
    return one_line(preview).removeprefix(RULES_NOTE).lstrip(". ")


def tool_words(tool: str, preview: str = "") -> str:
    """What a running tool call does: `reading crew/feed.py`, `searching for 'x'`."""
    subject = one_line(preview)
    if tool == "grep" and subject and subject[0] not in "'\"/":
        subject = f"'{subject}'"
    if tool not in _DOING:
        return f"using {one_line(tool)} {subject}".rstrip()
    if not subject:
        return _DOING_ALONE[tool]
    return _DOING[tool].format(subject).rstrip()


def duration(span: timedelta, *, tenths: bool = False) -> str:
    """A span as a clock would say it: `0s`, `59s`, `1m 04s`, `2h 03m`; never negative.

    Args:
        span: The span.
        tenths: Say `0.4s` below ten seconds, for what no longer ticks.
    """
    exact = max(0.0, span.total_seconds())
    if tenths and exact < 9.95:
        return f"{exact:.1f}s"
    seconds = int(exact)
    if seconds < 60:
        return f"{seconds}s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes}m {seconds:02}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m"


def age(then: datetime, now: datetime) -> str:
    """How long ago, in one unit: `12s`, `5m`, `3h`, `12d`."""
    seconds = max(0, int((now - then).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 turn`, `2 turns`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def short_count(number: int) -> str:
    """A number in at most five characters: `999`, `12.3k`, `123k`, `1.2M`."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        # 999.95k would round to 1000.0k, so the larger unit takes over a little early.
        if number >= size * 0.9995:
            value = number / size
            return f"{value:.1f}{unit}" if value < 99.95 else f"{value:.0f}{unit}"
    return str(number)


def tokens(usage: Usage) -> str:
    """Tokens in words: `12.3k tokens`, `~12.3k tokens` where they are estimated."""
    return f"{'~' if usage.estimated else ''}{short_count(usage.tokens)} tokens"


def money(cost: float | None) -> str:
    """US dollars: `$0.042`, `$1.20`; `unknown` when the price is not known."""
    if cost is None:
        return "unknown"
    return f"${cost:.3f}" if cost < 1 else f"${cost:.2f}"
