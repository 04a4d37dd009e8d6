"""What `crew ps` and `crew show` print: the list of runs, one run, one transcript."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from crew.console.frame import Frame
from crew.console.signs import STYLES, sign
from crew.entries import Entry
from crew.records import Failure, Status
from crew.view import (
    Mark,
    RunView,
    Tone,
    age,
    entry_block,
    fallback_words,
    mark,
    one_line,
    short_count,
    status_words,
    tried_words,
)

if TYPE_CHECKING:
    from crew.service import RunSummary

BODY_LINES = 12

_GAP = 2
_TEAM, _STATUS, _TOKENS, _LEAST = 16, 13, 6, 8
_TOKENS_FROM = 40
"""Columns that must be left for tokens to be worth one."""

_SHORT = {
    Status.COMPLETED: "done",
    Status.NEEDS_ATTENTION: "attention",
    Status.MAX_TURNS: "turn limit",
    Status.OVER_BUDGET: "over budget",
}

_TONES = {
    Tone.SECONDARY: "dim",
    Tone.PLAIN: "",
    Tone.PERSON: "cyan",
    Tone.BAD: "red",
    Tone.GOOD: "green",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRun:
    """A run as the list shows it.

    Attributes:
        outcome: What it came to, in one line; empty where it has not.
        asks: Whether it waits for a person's word on a permission.
    """

    summary: "RunSummary"
    outcome: str = ""
    asks: bool = False


def runs_table(runs: Sequence[ListedRun], *, now: datetime, width: int, encoding: str) -> Table:
    """Runs as rows, in the order given; what one copies or must know is never cut."""
    rows = [_cells(run, now, encoding) for run in runs]
    table = Table(
        box=None, pad_edge=False, show_edge=False, padding=(0, _GAP, 0, 0), header_style="dim"
    )
    widths = _widths(rows, width)
    for name, wide in widths.items():
        justify: Literal["left", "right"] = "right" if name in {"age", "tokens"} else "left"
        table.add_column(name, no_wrap=True, overflow="ellipsis", width=wide, justify=justify)
    for row in rows:
        table.add_row(*(row[name] for name in widths))
    return table


def _cells(run: ListedRun, now: datetime, encoding: str) -> dict[str, Text]:
    summary = run.summary
    meaning = Mark.WAITING if run.asks else mark(summary.status)
    words = "asks" if run.asks else _SHORT.get(summary.status, summary.status.value)
    return {
        "run": Text(summary.id),
        "team": Text(one_line(summary.team)),
        "status": Text(f"{sign(meaning, encoding)} {words}", STYLES[meaning]),
        "age": Text(age(summary.created, now)),
        "tokens": Text(short_count(summary.usage.tokens)),
        "outcome": Text(one_line(run.outcome)),
        "goal": Text(one_line(summary.goal)),
    }


def _widths(rows: Sequence[dict[str, Text]], width: int) -> dict[str, int]:
    """The columns that have room, with their widths: what a run came to before its goal."""

    def longest(name: str) -> int:
        return max((row[name].cell_len for row in rows), default=0)

    found = {
        "run": max(longest("run"), len("run")),
        "team": min(_TEAM, max(longest("team"), len("team"))),
        "status": _STATUS,
        "age": max(longest("age"), len("age")),
    }
    room = width - sum(found.values()) - _GAP * len(found)
    if room >= _TOKENS_FROM:
        found["tokens"] = _TOKENS
        room -= _TOKENS + _GAP
    outcome, goal = longest("outcome"), longest("goal")
    share = room * 3 // 5 if goal and room >= 3 * _LEAST else room
    for name, wanted, most in (("outcome", outcome, share), ("goal", goal, width)):
        if wanted and room >= _LEAST:
            found[name] = min(max(wanted, len(name)), most, room)
            room -= found[name] + _GAP
    return found


def print_run(
    view: RunView,
    summary: "RunSummary",
    error: Failure | None,
    console: Console,
    *,
    now: datetime,
) -> None:
    """Print a run's header and its tasks and sessions.

    Args:
        view: The run as its journal tells it.
        summary: How it stands; a run that nobody runs any more can't tell it by itself.
        error: Why it did not complete.
        console: Where to.
        now: The wall clock in UTC, for what goes on.
    """
    facts = [
        ("run", summary.id),
        ("workspace", one_line(view.workspace)),
        ("started", f"{summary.created:%Y-%m-%d %H:%M:%S} UTC"),
        ("status", status_words(summary.status)),
    ]
    if summary.forked_from:
        facts.insert(1, ("forked", f"from {one_line(summary.forked_from)}"))
    if error is not None:
        facts.append(("why", one_line(error.message)))
    if error is not None and error.hint:
        facts.append(("mend", one_line(error.hint)))
    for name, value in facts:
        console.print(Text.assemble((f"{name:<10}", "dim"), value), soft_wrap=True)
    console.print()
    frame = Frame(width=console.width - 1, encoding=console.encoding)
    for line in frame.summary(view, now if summary.live else view.ended or summary.updated):
        console.print(line, no_wrap=True, crop=True)
    for words in (*tried_words(view), *fallback_words(view)):
        console.print(Text(words, "dim"), soft_wrap=True)


def print_entries(entries: Iterable[Entry], console: Console, *, full: bool) -> bool:
    """Print transcript entries one by one.

    Args:
        entries: In file order.
        console: Where to.
        full: Whether long bodies are printed whole.

    Returns:
        Whether a body was cut.
    """
    cut = False
    for entry in entries:
        block = entry_block(entry)
        style = _TONES[block.tone]
        head = Text.assemble((f"{block.label:<10}", f"bold {style}".strip()), " ", block.head)
        console.print(head, soft_wrap=True)
        lines = block.body.rstrip().splitlines()
        shown = lines if full else lines[:BODY_LINES]
        for line in shown:
            console.print(Text(f"  {line}", style), soft_wrap=True)
        if len(shown) < len(lines):
            cut = True
            console.print(Text(f"  ... {len(lines) - len(shown)} more lines", "dim"))
    return cut
