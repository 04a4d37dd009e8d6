"""What `crew ps` and `crew show` print: the list of runs, one run, one transcript."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from crew.console.frame import Frame
from crew.console.signs import STYLES, sign
from crew.entries import Entry
from crew.records import Failure
from crew.view import (
    RunView,
    Tone,
    age,
    entry_block,
    mark,
    one_line,
    short_count,
    status_words,
    tried_words,
)

if TYPE_CHECKING:
    from crew.service import RunSummary

BODY_LINES = 12

_TONES = {
    Tone.SECONDARY: "dim",
    Tone.PLAIN: "",
    Tone.PERSON: "cyan",
    Tone.BAD: "red",
    Tone.GOOD: "green",
}


def runs_table(runs: Sequence["RunSummary"], *, now: datetime, encoding: str) -> Table:
    """Runs as rows, in the order given."""
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="dim")
    longest = max((len(run.id) for run in runs), default=0)
    table.add_column("run", no_wrap=True, min_width=longest)  # what one copies is never cut
    table.add_column("team", no_wrap=True)
    table.add_column("status", no_wrap=True, overflow="ellipsis")
    table.add_column("age", justify="right", no_wrap=True, min_width=3)
    table.add_column("tokens", justify="right", no_wrap=True, min_width=6)
    table.add_column("goal", ratio=1, no_wrap=True, overflow="ellipsis")
    for run in runs:
        meaning = mark(run.status)
        table.add_row(
            Text(run.id),
            Text(one_line(run.team)),
            Text(f"{sign(meaning, encoding)} {status_words(run.status)}", STYLES[meaning]),
            Text(age(run.created, now)),
            Text(short_count(run.usage.tokens)),
            Text(one_line(run.goal)),
        )
    return table


def print_run(
    view: RunView, summary: "RunSummary", error: Failure | None, console: Console
) -> None:
    """Print a run's header and its tasks and sessions.

    Args:
        view: The run as its journal tells it.
        summary: How it stands; a run that nobody runs any more can't tell it by itself.
        error: Why it did not complete.
        console: Where to.
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
    for line in frame.summary(view, view.ended or summary.updated):
        console.print(line, no_wrap=True, crop=True)
    for words in tried_words(view):
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
