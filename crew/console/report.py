"""A run's result on standard output: findings and verdict for people, the Markdown for pipes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from crew.console.output import Output
from crew.console.signs import PRIORITY_STYLES
from crew.plaintext import clean
from crew.records import Status
from crew.view import RULES_NOTE, Finding, findings, found_words, summary, verdict

if TYPE_CHECKING:
    from crew.service import RunOutcome

SHOWN_FINDINGS = 50

_VERDICT_STYLES = {"approve": "green", "request_changes": "red", "revise": "red"}


def write_report(outcome: "RunOutcome", out: Output, console: Console) -> None:
    """Write the report: as Markdown, or on a terminal as a page.

    Args:
        outcome: How the run ended.
        out: Standard output.
        console: The same stream, for a terminal.
    """
    if not console.is_terminal:
        text = clean(outcome.report)
        out.put(text if not text or text.endswith("\n") else f"{text}\n")
        return
    with console.capture() as page:
        show_result(outcome, console)
    out.put(page.get())


def show_result(outcome: "RunOutcome", console: Console, *, headed: bool = False) -> None:
    """Print findings, verdict and where the rest is; a result without findings as its report.

    A run that ended badly and has no findings has nothing to show here: why it did is an error.

    Args:
        outcome: How the run ended.
        console: Where to.
        headed: The page says above what the built-in checks are, which is then not said again.
    """
    result = outcome.result
    if isinstance(result, dict) and "findings" in result:
        found = findings(result)
        if found:
            console.print()
            console.print(findings_table(found[:SHOWN_FINDINGS]))
        if len(found) > SHOWN_FINDINGS:
            console.print(Text(f"and {len(found) - SHOWN_FINDINGS} more in the report", "dim"))
        console.print()
        console.print(_verdict_line(result, headed=headed))
    elif outcome.status is Status.COMPLETED:
        from rich.markdown import Markdown  # noqa: PLC0415 - slow, and most results need none

        console.print()
        console.print(Markdown(clean(outcome.report), hyperlinks=False))
    else:
        return
    if (where := report_path(outcome)) is not None:
        console.print(Text.assemble(("report: ", "dim"), short_path(where)), soft_wrap=True)


def report_path(outcome: "RunOutcome") -> Path | None:
    """Where the full report is; None when there is none."""
    path = outcome.folder / "report.md"
    return path if path.is_file() else None


def short_path(path: Path) -> str:
    """A path as a person at this prompt would write it: relative where it is below."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def findings_table(found: Sequence[Finding]) -> Table:
    """Findings as rows of priority, place, title and rule, in the order given."""
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="dim")
    table.add_column("", no_wrap=True)
    table.add_column("where", overflow="fold", max_width=40)
    table.add_column("finding", ratio=1)
    table.add_column("rule", style="dim", overflow="fold", max_width=24)
    for finding in found:
        table.add_row(
            Text(finding.priority, PRIORITY_STYLES[finding.priority]),
            Text(finding.place or "the whole change"),
            Text(finding.title),
            Text(finding.rule),
        )
    return table


def _verdict_line(result: object, *, headed: bool) -> Text:
    word = verdict(result)
    line = Text()
    if word:
        line.append(word.replace("_", " "), f"bold {_VERDICT_STYLES.get(word, '')}".strip())
        line.append(", ")
    line.append(found_words(result))
    said = summary(result)
    if headed:
        said = said.removeprefix(RULES_NOTE).lstrip(". ")
    if said:
        line.append(f"\n{said}", "dim")
    return line
