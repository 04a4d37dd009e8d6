"""A transcript read by keys: opened, followed, searched, and entries taller than the view."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from crew.entries import TextEntry
from crew.tui import Observer
from crew.tui.session_screen import SessionScreen
from crew.tui.transcript_pane import TranscriptPane
from tests.doubles.observers import (
    OpenFeed,
    observer,
    screen_text,
    settle,
    until,
)
from tests.doubles.transcripts import golden_transcripts

SIZE = (100, 30)
RUNNING = 35
"""The golden run while two sessions work."""


async def test_an_entry_opens_where_it_stands_and_closes_again() -> None:
    app = observer()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "enter")
        await settle(pilot)
        before = screen_text(app)
        await pilot.press("g", "j", "j", "j", "enter")
        await settle(pilot)
        opened = screen_text(app)
        assert any("What I will look at" in line and "│" in line for line in opened)
        assert any("return [round(total / n, 2)] * n" in line for line in opened)
        await pilot.press("enter")
        await settle(pilot)
        assert [line[1:] for line in screen_text(app)[2:20]] == [line[1:] for line in before[2:20]]


async def test_an_open_entry_takes_the_colours_of_another_theme() -> None:
    app = observer()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "enter", "g", "j", "j", "j", "enter")
        await settle(pilot)
        app.theme = "crew-light"
        await settle(pilot)
        strips = app.screen._compositor.render_strips()
        text = screen_text(app)
        first = next(
            at for at, line in enumerate(text) if "What I will look at" in line and "│" in line
        )
        last = next(at for at, line in enumerate(text) if "return [round" in line)
        styles = [part.style for strip in strips[first : last + 1] for part in strip if part.style]
        grounds = {style.bgcolor.name for style in styles if style.bgcolor is not None}
        assert grounds == {app.theme_variables["background"].lower()}


async def test_following_is_left_by_going_up_and_taken_up_again() -> None:
    feed = OpenFeed(until(RUNNING), golden_transcripts())
    app = observer(feed=feed)
    async with app.run_test(size=(100, 20)) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "enter")
        await settle(pilot)
        assert isinstance(app.stage, SessionScreen)
        transcript = app.stage.transcript
        feed.write("code-review", TextEntry(text="one more"))
        await settle(pilot)
        assert any("one more" in line for line in screen_text(app))
        await pilot.press("k")
        top = transcript.top
        feed.write("code-review", *[TextEntry(text=f"later {n}") for n in range(3)])
        await settle(pilot)
        assert transcript.top == top
        assert any("3 new entries below" in line for line in screen_text(app))
        await pilot.press("f")
        await settle(pilot)
        assert any("later 2" in line for line in screen_text(app))
        assert not any("new entries" in line for line in screen_text(app))


async def test_a_search_finds_what_entries_say_and_n_goes_on() -> None:
    app = observer()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "enter")
        await settle(pilot)
        assert isinstance(app.stage, SessionScreen)
        await pilot.press("g", "slash", *"findings", "enter")
        await settle(pilot)
        found = [app.stage.transcript.cursor]
        for key in ("n", "n", "N"):
            await pilot.press(key)
            await settle(pilot)
            found.append(app.stage.transcript.cursor)
        assert found[1] > found[0]
        assert found[3] == found[1]
        await pilot.press("slash", *"no such words", "enter")
        await settle(pilot)
        assert any("nothing here says no such words" in line for line in screen_text(app))


LONG = "\n".join(f"    line {n}." for n in range(40))


def numbers(app: Observer) -> list[int]:
    """Which lines of the long entry are seen."""
    found = (re.search(r"line (\d+)\.", line) for line in screen_text(app) if "│" in line)
    return [int(each.group(1)) for each in found if each]


@asynccontextmanager
async def long_entry() -> AsyncIterator[tuple[Pilot[None], Observer, TranscriptPane]]:
    """An open entry of forty lines between two others, its first line selected."""
    feed = OpenFeed(until(RUNNING), golden_transcripts())
    said = [TextEntry(text="the one before"), TextEntry(text=LONG), TextEntry(text="the one after")]
    feed.write("code-review", *said)
    app = observer(feed=feed)
    async with app.run_test(size=(100, 20)) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "enter")
        await settle(pilot)
        await pilot.press("k", "enter")
        await settle(pilot)
        assert isinstance(app.stage, SessionScreen)
        yield pilot, app, app.stage.transcript


async def test_pages_of_an_entry_taller_than_the_view_miss_no_line() -> None:
    async with long_entry() as (pilot, app, transcript):
        entry, read = transcript.cursor, set(numbers(app))
        for _ in range(6):
            await pilot.press("pagedown")
            await settle(pilot)
            read |= set(numbers(app))
        assert read == set(range(40))
        assert transcript.cursor == entry + 1
        read = set(numbers(app))
        for _ in range(6):
            await pilot.press("pageup")
            await settle(pilot)
            read |= set(numbers(app))
        assert read == set(range(40))


async def test_j_and_k_read_an_entry_taller_than_the_view_before_they_leave_it() -> None:
    async with long_entry() as (pilot, app, transcript):
        entry, top = transcript.cursor, transcript.top
        await pilot.press("j")
        assert (transcript.cursor, transcript.top) == (entry, top + 1)
        while transcript.cursor == entry:
            before = numbers(app)
            await pilot.press("j")
            await settle(pilot)
        assert before[-1] == 39
        await pilot.press("k", "k")
        await settle(pilot)
        assert transcript.cursor == entry
        while transcript.cursor == entry:
            before = numbers(app)
            await pilot.press("k")
            await settle(pilot)
        assert before[0] == 0
        assert transcript.cursor == entry - 1


async def test_an_entry_that_is_closed_in_its_middle_stays_in_view() -> None:
    async with long_entry() as (pilot, app, transcript):
        await pilot.press("pagedown", "pagedown", "enter")
        await settle(pilot)
        assert numbers(app) == []
        first, end = transcript.seen()
        assert first <= transcript.cursor < end
