"""What every display promises beside its text: pace, width, and that it never fails a run."""

import io
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import anyio
import pytest
from rich.text import Text

from crew.console import Frame, JsonDisplay, LiveDisplay, Output, PlainDisplay
from crew.events import RunStarted, SessionStarted, TaskAdded, TaskStarted
from crew.feed import FeedItem
from crew.progress import Progress
from crew.records import Status
from crew.view import RULES_HINT, RULES_NOTE, replay, story_line
from tests.doubles.feeds import MemoryFeed, golden_events, golden_items
from tests.doubles.terminals import Terminal, console
from tests.doubles.virtual_time import VIRTUAL, Backend

T0 = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def busy_run(items: int) -> list[FeedItem]:
    """A run in which one session's progress changes with every item."""
    head: list[FeedItem] = [
        RunStarted(team="t", workflow="w", goal="", model="m", workspace="/w", version="0", at=T0),
        TaskAdded(task="s", step="s", role="r"),
        TaskStarted(task="s", attempt=1),
        SessionStarted(session="s", task="s", role="r", agent="a", model="m", max_turns=9, at=T0),
    ]
    return head + [
        Progress(session="s", status=Status.RUNNING, turn=1, tools=number, started=T0, updated=T0)
        for number in range(items)
    ]


async def paints_of(items: list[FeedItem], pace: float, clock: Callable[[], datetime]) -> int:
    stream = Terminal()
    await LiveDisplay(console(stream), clock=clock).follow(MemoryFeed(items, pace=pace))
    return stream.getvalue().count("turns tools tokens")


async def test_a_busy_run_is_painted_at_most_eight_times_a_second() -> None:
    paints = await paints_of(busy_run(200), 0.02, lambda: T0)
    assert 4.08 * 4 < paints <= 4.08 * 8 + 4


async def test_nothing_is_painted_while_nothing_changes() -> None:
    events = busy_run(0)
    assert await paints_of(events, 10.0, lambda: T0) <= len(events) + 3


async def test_clocks_tick_once_a_second_while_nothing_happens() -> None:
    stream = Terminal()
    # Each look at the clock is a later second, so every picture differs from the one before.
    seconds = iter(range(10_000))
    display = LiveDisplay(console(stream), clock=lambda: T0.replace(second=next(seconds) % 60))
    await display.follow(MemoryFeed(busy_run(0)[:2], pace=30.0))
    assert 28 <= stream.getvalue().count("turns tools tokens") <= 34


async def test_the_cursor_is_shown_again_when_the_display_ends() -> None:
    stream = Terminal()
    await LiveDisplay(console(stream), clock=lambda: T0).follow(MemoryFeed(golden_items()))
    text = stream.getvalue()
    assert text.index("\x1b[?25l") < text.rindex("\x1b[?25h")


async def test_the_cursor_is_shown_again_when_the_feed_fails() -> None:
    stream = Terminal()
    with pytest.raises(ExceptionGroup):
        await LiveDisplay(console(stream), clock=lambda: T0).follow(FailingFeed())
    text = stream.getvalue()
    assert text.index("\x1b[?25l") < text.rindex("\x1b[?25h")


async def test_a_word_to_the_person_stands_on_the_last_line() -> None:
    stream = Terminal()
    display = LiveDisplay(console(stream), clock=lambda: T0)
    display.say("cancelling")
    await display.follow(MemoryFeed(busy_run(3), pace=1))
    assert "cancelling" in stream.getvalue()


@pytest.mark.parametrize("colours", [None, "standard"])
async def test_colour_appears_only_where_the_terminal_has_it(colours: str | None) -> None:
    stream = Terminal()
    screen = console(stream, colours="standard" if colours else None)
    await LiveDisplay(screen, clock=lambda: T0).follow(MemoryFeed(golden_items()))
    assert ("\x1b[32m" in stream.getvalue()) is bool(colours)


def test_a_stream_that_is_not_utf_8_gets_ascii_signs() -> None:
    fold = replay(golden_events())
    lines = Frame(width=80, encoding="ascii").summary(fold, T0)
    assert "+ explore" in lines[2].plain
    assert {row.plain[0] for row in lines[2:5]} <= {"+", " "}


def test_a_low_terminal_keeps_what_runs_and_counts_the_rest() -> None:
    items: list[FeedItem] = []
    for number in range(30):
        name = f"s{number:02}"
        items += [
            TaskAdded(task=name, step=name, role="r"),
            TaskStarted(task=name, attempt=1),
        ]
        if number % 10 == 9:
            items.append(
                SessionStarted(
                    session=name, task=name, role="r", agent="a", model="m", max_turns=9, at=T0
                )
            )
    items = [item for item in items if not _is_idle_start(item)]
    lines = Frame(width=80, height=10).draw(replay(items), T0)
    assert len(lines) == 10
    shown = [line.plain.split()[1] for line in lines[2:-3]]
    assert {"s09", "s19", "s29"} <= set(shown)
    assert shown == sorted(shown)
    assert lines[-3].plain.strip() == "and 25 more: 25 pending"


def _is_idle_start(item: FeedItem) -> bool:
    return isinstance(item, TaskStarted) and not (item.task or "").endswith("9")


def test_a_wide_character_never_makes_a_line_wider_than_its_frame() -> None:
    started = RunStarted(
        team="t", workflow="w", goal="漢字" * 60, model="m", workspace="/w", version="0", at=T0
    )
    lines = Frame(width=41).draw(replay([started]), T0)
    assert {line.cell_len for line in lines} == {41}


def test_a_counter_that_grows_moves_nothing() -> None:
    def figures(tools: int) -> Text:
        items = [
            *busy_run(0),
            Progress(
                session="s", status=Status.RUNNING, turn=1, tools=tools, started=T0, updated=T0
            ),
        ]
        return Frame(width=80).draw(replay(items), T0)[2]

    assert figures(9).plain.index("waiting") == figures(99_999).plain.index("waiting")
    assert figures(9).cell_len == figures(99_999).cell_len == 80


@pytest.mark.parametrize("kind", ["plain", "json"])
async def test_the_rules_model_is_named_for_what_it_is(kind: str) -> None:
    started = RunStarted(
        team="t", workflow="w", goal="", model="rules", workspace="/w", version="0", at=T0
    )
    out, notes = io.StringIO(), io.StringIO()
    if kind == "plain":
        await PlainDisplay(Output(notes), tz=UTC).follow(MemoryFeed([started]))
    else:
        await JsonDisplay(Output(out), Output(notes)).follow(MemoryFeed([started]))
    assert notes.getvalue().splitlines()[0] == f"{RULES_NOTE}; {RULES_HINT}"
    drawn = Frame(width=80).draw(replay([started]), T0)
    assert RULES_NOTE in drawn[1].plain
    assert RULES_HINT in drawn[-1].plain
    line = story_line(started, tz=UTC)
    assert line is not None
    assert RULES_HINT in line.text


async def test_following_from_an_event_leaves_out_those_before() -> None:
    events = golden_events()
    whole, rest = io.StringIO(), io.StringIO()
    await PlainDisplay(Output(whole), tz=UTC).follow(MemoryFeed(events))
    await PlainDisplay(Output(rest), tz=UTC, after=20).follow(MemoryFeed(events))
    assert rest.getvalue()
    assert whole.getvalue().endswith(rest.getvalue())
    assert len(rest.getvalue().splitlines()) < len(whole.getvalue().splitlines())


@pytest.mark.parametrize("kind", ["plain", "json"])
async def test_a_display_whose_reader_has_gone_ends_quietly(kind: str) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    feed = MemoryFeed(golden_items(), pace=60)
    with os.fdopen(write_end, "w") as stream:
        out = Output(stream)
        if kind == "plain":
            await PlainDisplay(out, tz=UTC).follow(feed)
        else:
            await JsonDisplay(out, Output(io.StringIO())).follow(feed)
        assert out.closed
    assert anyio.current_time() < 5 * 60  # it did not sit through the rest of the run


class FailingFeed(MemoryFeed):
    """A feed that breaks when it is read."""

    def __init__(self) -> None:
        super().__init__(golden_events())

    async def _follow(self, after: int) -> AsyncIterator[FeedItem]:
        yield golden_events()[0]
        raise ConnectionError("the disk went away")
