"""Any part of a transcript, from its files."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crew.bus.pages import DiskPages
from crew.entries import Entry, ErrorEntry, TextEntry
from crew.feed import Page
from crew.store.folder import RunFolder, create, new_run_id
from crew.view import entry_matches

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def made(home: Path) -> RunFolder:
    return create(home, new_run_id("crew", NOON, "ab12"))


def lines(texts: Sequence[str], start: int = 0) -> bytes:
    entries = (TextEntry(id=start + n, text=text) for n, text in enumerate(texts))
    return b"".join(entry.model_dump_json().encode() + b"\n" for entry in entries)


def texts(page: Page) -> list[str]:
    return [entry.text for entry in page.entries if isinstance(entry, TextEntry)]


def test_the_end_of_a_transcript_is_read_first_and_the_rest_on_demand(tmp_path: Path) -> None:
    folder = made(tmp_path)
    path = folder.transcript("work")
    path.write_bytes(lines([str(n) for n in range(100)]))
    pages = DiskPages(folder, "work")
    last = pages.last(10)
    assert texts(last) == [str(n) for n in range(90, 100)]
    before = pages.before(last.start, 5)
    assert texts(before) == [str(n) for n in range(85, 90)]
    assert before.end == last.start
    assert texts(pages.after(before.start, 7)) == [str(n) for n in range(85, 92)]
    assert texts(pages.after(0, 2)) == ["0", "1"]
    assert pages.after(last.end, 5) == Page(start=last.end, end=last.end)


def test_what_is_written_later_comes_after_the_end(tmp_path: Path) -> None:
    folder = made(tmp_path)
    pages = DiskPages(folder, "work")
    assert pages.last(10) == Page()
    path = folder.transcript("work")
    path.write_bytes(lines(["a"]) + b'{"kind": "te')
    first = pages.after(0, 10)
    assert texts(first) == ["a"]
    path.write_bytes(lines(["a", "b"]))
    assert texts(pages.after(first.end, 10)) == ["b"]
    assert pages.resets == 0


def test_a_transcript_that_was_cut_or_replaced_is_noticed(tmp_path: Path) -> None:
    folder = made(tmp_path)
    path = folder.transcript("work")
    path.write_bytes(lines(["a", "b"]))
    pages = DiskPages(folder, "work")
    end = pages.last(10).end
    path.write_bytes(lines(["c"]))
    pages.after(end, 10)
    assert pages.resets == 1
    other = tmp_path / "other"
    other.write_bytes(lines(["c", "d", "e"]))
    other.rename(path)
    pages.last(10)
    assert pages.resets == 2


def test_a_damaged_line_is_an_error_among_the_others(tmp_path: Path) -> None:
    folder = made(tmp_path)
    folder.transcript("work").write_bytes(lines(["a"]) + b"\xff{\n" + lines(["b"], 2))
    page = DiskPages(folder, "work").last(10)
    assert [type(entry) for entry in page.entries] == [TextEntry, ErrorEntry, TextEntry]


def test_a_search_goes_through_the_whole_transcript(tmp_path: Path) -> None:
    folder = made(tmp_path)
    folder.transcript("work").write_bytes(lines([f'say "{n}" ü' for n in range(3000)]))
    pages = DiskPages(folder, "work")
    end = pages.last(1).end

    def says(entry: Entry) -> bool:
        return entry_matches(entry, 'SAY "7"')

    found = pages.find(says, end, backwards=True, hint='SAY "7"')
    assert found is not None
    assert texts(found) == ['say "7" ü']
    assert pages.find(says, 0, backwards=False, hint='SAY "7"') == found
    assert pages.find(says, found.end, backwards=False, hint='SAY "7"') is None
    assert pages.find(lambda entry: entry_matches(entry, "Ü"), 0, backwards=False, hint="Ü")
    assert pages.find(says, 0, backwards=False, stop=lambda: True) is None


def test_the_part_in_flight_is_what_no_line_holds_yet(tmp_path: Path) -> None:
    folder = made(tmp_path)
    folder.live("work").write_bytes(b'{"row": 3, "text": "Hel"}\n{"row": 3, "text": "lo"}\n')
    pages = DiskPages(folder, "work")
    assert pages.in_flight(3) == "Hello"
    assert pages.in_flight(4) == ""


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=20), max_size=30), st.integers(1, 12), st.data())
def test_pages_in_any_sizes_make_the_whole(
    tmp_path_factory: pytest.TempPathFactory, said: list[str], want: int, data: st.DataObject
) -> None:
    folder = made(tmp_path_factory.mktemp("pages"))
    folder.transcript("work").write_bytes(lines(said))
    pages = DiskPages(folder, "work")
    page = pages.last(want)
    backwards = texts(page)
    while page.start:
        page = pages.before(page.start, data.draw(st.integers(1, 12)))
        backwards[:0] = texts(page)
    forwards: list[str] = []
    place = 0
    while (page := pages.after(place, want)).entries:
        forwards += texts(page)
        place = page.end
    assert backwards == forwards == said
