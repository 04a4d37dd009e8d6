"""One kind of entries alone, by a key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from crew.entries import Entry, ErrorEntry, TextEntry, ToolCallEntry
from crew.tui import Observer
from crew.tui.session_screen import SessionScreen
from crew.tui.transcript_pane import TranscriptPane
from crew.view import Only
from tests.doubles.observers import OpenFeed, observer, screen_text, settle, until
from tests.doubles.transcripts import golden_transcripts

SIZE = (100, 30)


@asynccontextmanager
async def reading(
    *more: Entry,
) -> AsyncIterator[tuple[Pilot[None], Observer, TranscriptPane, OpenFeed]]:
    """A session's transcript, with more entries behind the golden ones."""
    feed = OpenFeed(until(35), golden_transcripts())
    if more:
        feed.write("code-review", *more)
    app = observer(feed=feed)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "enter")
        await settle(pilot)
        assert isinstance(app.stage, SessionScreen)
        yield pilot, app, app.stage.transcript, feed


def lines_of(transcript: TranscriptPane) -> list[int]:
    return [row.line for row in transcript.rows.rows]


async def test_a_key_goes_round_the_kinds_and_the_line_below_says_which() -> None:
    async with reading() as (pilot, app, transcript, _):
        everything = lines_of(transcript)
        seen: dict[Only, list[int]] = {}
        for only in [*list(Only)[1:], Only.ALL]:
            await pilot.press("F")
            await settle(pilot)
            seen[only] = lines_of(transcript)
            said = any("only " in line and "[" in line for line in screen_text(app))
            assert said is (only is not Only.ALL)
        assert seen[Only.ALL] == everything
        assert seen[Only.NOTES] == [12, 13, 18]
        assert seen[Only.ERRORS] == [18, 19, 21]
        assert not set(seen[Only.TOOLS]) & set(seen[Only.MESSAGES])


async def test_the_selected_entry_stays_selected_as_long_as_it_is_shown() -> None:
    async with reading() as (pilot, _, transcript, _):
        await pilot.press("g", *"jjjj")
        row = transcript.row
        assert row is not None
        assert isinstance(row.entry, ToolCallEntry)
        shown = []
        for _ in Only:
            await pilot.press("F")
            await settle(pilot)
            assert transcript.row is not None
            shown.append(transcript.row.line)
        assert shown == [3, 4, 12, 18, 4]
        assert not transcript.follow


async def test_what_comes_is_followed_through_the_filter() -> None:
    async with reading() as (pilot, app, transcript, feed):
        await pilot.press(*"FFFF")
        await settle(pilot)
        feed.write("code-review", TextEntry(text="calm"), ErrorEntry(title="Model", text="gone"))
        await settle(pilot)
        assert any("Model: gone" in line for line in screen_text(app))
        assert not any("calm" in line for line in screen_text(app))
        assert transcript.follow


async def test_a_search_goes_through_what_is_shown_alone() -> None:
    texts = [TextEntry(text=f"number {n}") for n in range(1_200)]
    async with reading(ErrorEntry(title="Model", text="number 7 was lost"), *texts) as (
        pilot,
        app,
        transcript,
        _,
    ):
        await pilot.press(*"FFFF")
        await settle(pilot)
        await pilot.press("slash", *"number 7", "enter")
        await settle(pilot)
        assert transcript.row is not None
        assert isinstance(transcript.row.entry, ErrorEntry)
        await pilot.press("slash", *"number 8", "enter")
        await settle(pilot)
        assert any("nothing here says number 8 among errors" in line for line in screen_text(app))


async def test_a_filter_reaches_entries_that_are_not_in_memory() -> None:
    texts = [TextEntry(text=f"number {n}") for n in range(6_000)]
    async with reading(*texts) as (pilot, app, transcript, _):
        await pilot.press(*"FFFF")
        await settle(pilot)
        assert lines_of(transcript) == [18, 19, 21]
        assert any("/6026]" in line for line in screen_text(app))
        await pilot.press("g", "F")
        await settle(pilot)
        assert transcript.row is not None
        assert transcript.row.line == 18


async def test_a_kind_that_is_not_there_says_so() -> None:
    async with reading() as (pilot, app, _, _):
        app.open("code-review.explorer-1")
        await settle(pilot)
        await pilot.press(*"FFFF")
        await settle(pilot)
        assert any("only errors" in line and "[none of 5]" in line for line in screen_text(app))
