"""Lists and transcripts below the screens: geometry, reading on demand, text in cells."""

from collections.abc import Hashable
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from crew.entries import Entry, TextEntry
from crew.tui.cells import fit, wrap
from crew.tui.folds import Folds
from crew.tui.keys import KEYS
from crew.tui.transcript_source import TranscriptSource
from tests.doubles.feeds import MemoryPages

texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Mn", "Me", "Cs")))


@given(st.lists(st.integers(1, 5), min_size=1, max_size=30))
def test_lines_and_items_lead_to_each_other(sizes: list[int]) -> None:
    folds = Folds()
    for index, size in enumerate(sizes):
        if size > 1:
            folds.open(index, size)

    def place(key: Hashable) -> int:
        return key if isinstance(key, int) else -1

    assert folds.measure(place) == []
    starts = list(accumulate(sizes, initial=0))
    assert [folds.line_of(index) for index in range(len(sizes))] == starts[:-1]
    assert len(sizes) + folds.extra == starts[-1]
    told = [folds.item_at(line) for line in range(starts[-1])]
    assert told == [(index, part) for index, size in enumerate(sizes) for part in range(size)]


def test_an_open_item_that_is_gone_is_forgotten() -> None:
    folds = Folds()
    folds.open("a", 4)
    folds.open("b", 2)
    assert folds.measure(lambda key: 3 if key == "b" else -1) == ["a"]
    assert folds.extra == 1
    assert "a" not in folds


@given(texts, st.integers(0, 30))
def test_fitted_text_has_exactly_the_width(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) == width


@given(texts, st.integers(2, 30))
def test_wrapped_text_is_never_wider_and_loses_only_spaces(text: str, width: int) -> None:
    lines = list(wrap(text, width))
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.expandtabs(4).replace(" ", "")


def book(lines: int) -> MemoryPages:
    said: list[Entry] = [TextEntry(id=n, text=f"entry {n}") for n in range(lines)]
    return MemoryPages(said)


def held(source: TranscriptSource) -> list[int]:
    return [row.line for row in source.rows.rows]


async def test_a_long_transcript_is_read_from_its_end_and_on_demand() -> None:
    source = TranscriptSource(book(1_000), page=100, kept=300)
    source.take(await source.read_end())
    assert (held(source)[0], source.total, source.at_end) == (900, 1_000, True)
    for _ in range(4):
        reading = await source.read_older()
        assert reading is not None
        source.take(reading)
    assert held(source) == list(range(500, 800))
    assert not source.at_end
    reading = await source.read_newer()
    assert reading is not None
    source.take(reading)
    assert held(source) == list(range(600, 900))


async def test_a_reading_that_the_rows_have_overtaken_is_dropped() -> None:
    pages = book(10)
    source = TranscriptSource(pages)
    source.take(await source.read_end())
    late = await source.read_growth()
    pages.entries.append(TextEntry(id=10, text="new"))
    assert source.take(await source.read_growth()) == []
    assert source.take(late) is None
    assert held(source) == list(range(11))


async def test_where_the_end_is_not_in_memory_growth_only_counts() -> None:
    pages = book(1_000)
    source = TranscriptSource(pages, page=100)
    source.take(await source.read_end())
    start = await source.read_start()
    assert start is not None
    source.take(start)
    pages.entries.append(TextEntry(id=1_000, text="new"))
    source.take(await source.read_growth())
    assert (source.total, held(source)[-1]) == (1_001, 99)


async def test_a_transcript_that_was_replaced_is_read_anew() -> None:
    pages = book(10)
    source = TranscriptSource(pages)
    source.take(await source.read_end())
    pages.entries[:] = [TextEntry(id=0, text="another")]
    pages.resets += 1
    source.take(await source.read_growth())
    assert (held(source), source.total) == ([0], 1)


@settings(max_examples=40)
@given(st.integers(0, 60), st.data())
async def test_whatever_is_read_in_any_order_is_one_stretch(
    lines: int, data: st.DataObject
) -> None:
    pages = book(lines)
    source = TranscriptSource(pages, page=5, kept=12)
    source.take(await source.read_end())
    for step in data.draw(st.lists(st.sampled_from("onsegf"), max_size=12)):
        match step:
            case "o":
                reading = await source.read_older()
            case "n":
                reading = await source.read_newer()
            case "s":
                reading = await source.read_start()
            case "e":
                reading = await source.read_end()
            case "f":
                reading = await source.find("entry", 7, backwards=False)
            case _:
                number = len(pages.entries)
                pages.entries.append(TextEntry(id=number, text=f"entry {number}"))
                reading = await source.read_growth()
        if reading is not None:
            source.take(reading)
        rows = held(source)
        assert rows == list(range(source.rows.first, source.rows.end))
        assert source.at_start == (source.rows.first == 0)
        assert source.total >= source.rows.end


async def test_a_search_reads_around_what_it_finds_and_begins_again_at_the_other_end() -> None:
    source = TranscriptSource(book(1_000), page=100)
    source.take(await source.read_end())
    found = await source.find("entry 17", 950, backwards=True)
    assert found is not None
    source.take(found)
    assert found.line == 179
    assert 179 in held(source)
    again = await source.find("entry 999", 10, backwards=True)
    assert again is not None
    assert again.line == 999
    assert await source.find("nowhere", 0, backwards=False) is None


def test_no_key_means_two_things_on_one_screen_but_step_and_the_next_match() -> None:
    taken: dict[tuple[str, str], list[str]] = {}
    for key in KEYS:
        for screen in key.screens:
            for pressed in key.keys.split(","):
                taken.setdefault((screen, pressed), []).append(key.id)
    twice = [names for names in taken.values() if len(names) > 1]
    assert twice == [["next_match", "step"]]
