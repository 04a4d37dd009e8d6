"""One golden run through every sink; each prints exactly what it printed before."""

import io
import json
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from crew.console import (
    Frame,
    JsonDisplay,
    ListedRun,
    LiveDisplay,
    Output,
    PlainDisplay,
    dumps,
    outcome_json,
    print_run,
    print_whole,
    run_document,
    runs_document,
    runs_table,
    show_result,
    write_report,
)
from crew.errors import ExitCode
from crew.events import parse_event
from crew.records import Failure, Status
from crew.view import RunFold, replay
from tests.doubles.feeds import GOLDEN, MemoryFeed, golden_events, golden_items
from tests.doubles.goldens import check_golden
from tests.doubles.outcomes import golden_result, outcome, summary
from tests.doubles.terminals import Terminal, console
from tests.doubles.virtual_time import VIRTUAL, Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


async def test_plain_lines() -> None:
    stream = io.StringIO()
    await PlainDisplay(Output(stream), tz=UTC).follow(MemoryFeed(golden_events()))
    check_golden("review.plain.txt", stream.getvalue())


async def test_json_lines() -> None:
    stream, notes = io.StringIO(), io.StringIO()
    await JsonDisplay(Output(stream), Output(notes)).follow(MemoryFeed(golden_items()))
    stream.write(outcome_json(outcome(result=golden_result()), ExitCode.VERDICT_FAILED) + "\n")
    check_golden("review.stream.jsonl", stream.getvalue())
    assert notes.getvalue() == ""


async def test_the_events_among_the_json_lines_are_the_journal_to_the_byte() -> None:
    stream = io.StringIO()
    await JsonDisplay(Output(stream), Output(io.StringIO())).follow(MemoryFeed(golden_events()))
    assert stream.getvalue() == (GOLDEN / "review.events.jsonl").read_text(encoding="utf-8")


async def test_every_json_line_parses_and_the_outcome_comes_last() -> None:
    lines = (GOLDEN / "review.stream.jsonl").read_bytes().splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds.count("outcome") == 1
    assert kinds[-1] == "outcome"
    events = [parse_event(line) for line in lines if b'"seq"' in line]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


@pytest.mark.parametrize("width", [120, 80, 60, 40, 24])
def test_the_picture_at_every_width(width: int) -> None:
    fold = RunFold()
    parts: list[str] = []
    for number, item in enumerate(golden_items()):
        fold.apply(item)
        if number % 12 == 11:
            now = golden_events()[0].at + timedelta(seconds=number / 3)
            lines = Frame(width=width).draw(fold.view, now, "a word")
            assert {line.cell_len for line in lines} == {width}
            parts.append(_page(lines))
    end = fold.view.ended
    assert end is not None
    parts.append(_page(Frame(width=width).summary(fold.view, end)))
    check_golden(f"review.live.{width}.txt", "\n".join(parts))


async def test_the_live_display_leaves_its_last_picture() -> None:
    stream = Terminal()
    end = golden_events()[-1].at
    display = LiveDisplay(console(stream), clock=lambda: end)
    await display.follow(MemoryFeed(golden_items()))
    last = stream.getvalue().rpartition("\x1b[2K")[2]
    expected = Frame(width=79).summary(replay(golden_events()), end)
    assert [line.rstrip() for line in last.splitlines()][-len(expected) :] == [
        line.plain.rstrip() for line in expected
    ]


def test_the_report_on_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "report.md").touch()
    ended = outcome(tmp_path, result=golden_result())
    for width in (100, 50):
        stream = Terminal()
        write_report(ended, Output(stream), console(stream, width=width))
        shown = stream.getvalue().replace(str(tmp_path), "RUN_FOLDER")
        check_golden(f"review.report.{width}.txt", _plain(shown))


def test_the_page_of_a_run() -> None:
    stream = io.StringIO()
    failure = Failure(title="Model", message="no key", hint="set one")
    page = console(stream)
    ended = summary(status=Status.FAILED)
    print_run(replay(golden_events()), ended, failure, page, now=ended.updated)
    show_result(outcome(result=golden_result()), page)
    check_golden("review.show.txt", _plain(stream.getvalue()))


def test_words_of_a_table_are_never_broken() -> None:
    stream = io.StringIO()
    address = f"https://{'a' * 60}.example"
    table = Table(box=None)
    for name in ("what", "where"):
        table.add_column(name, overflow="fold")
    table.add_row("many words that may well be wrapped", address)
    print_whole(table, console(stream, width=60))
    assert address in stream.getvalue()


def test_the_page_of_a_run_that_goes_on_counts_its_time_until_the_present() -> None:
    stream = io.StringIO()
    begun = [event for event in golden_events() if event.seq <= 5]
    live = summary(status=Status.RUNNING, live=True)
    print_run(replay(begun), live, None, console(stream), now=begun[0].at + timedelta(seconds=90))
    assert "1m 30s" in stream.getvalue()


def test_the_document_of_a_run() -> None:
    document = run_document(
        replay(golden_events()), summary(), outcome(result=golden_result()), "/runs/x"
    )
    check_golden("review.show.json", dumps(document) + "\n")


def test_the_list_of_runs() -> None:
    runs = [summary(status=Status.RUNNING, live=True), summary(status=Status.INTERRUPTED)]
    check_golden("runs.json", dumps(runs_document(runs)) + "\n")
    stream = io.StringIO()
    now = summary().created + timedelta(hours=3)
    page = console(stream, width=100)
    listed = [
        ListedRun(summary=runs[0], asks=True),
        ListedRun(summary=runs[1]),
        ListedRun(summary=summary(), outcome="request changes, 2 findings: 2 P1"),
        ListedRun(summary=summary(status=Status.OVER_BUDGET), outcome="the tokens are spent"),
    ]
    for width in (100, 80):
        page.print(runs_table(listed, now=now, width=width, encoding="utf-8"), crop=False)
    check_golden("runs.txt", _plain(stream.getvalue()))


def _page(lines: list[Text]) -> str:
    return "".join(f"{line.plain.rstrip()}\n" for line in lines)


def _plain(text: str) -> str:
    return "".join(f"{Text.from_ansi(line).plain.rstrip()}\n" for line in text.splitlines())
