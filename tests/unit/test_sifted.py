"""A transcript of which only some entries are wanted reads like a whole one."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crew.bus.pages import DiskPages
from crew.bus.sifted import SiftedPages
from crew.entries import (
    Entry,
    ErrorEntry,
    NoticeEntry,
    Outcome,
    SteerEntry,
    TextEntry,
    ToolCallEntry,
    ToolResultEntry,
    UserEntry,
)
from crew.feed import Sieve
from crew.store.folder import RunFolder, create
from crew.view import Only, next_only, only_words, sieve_of

SAMPLES: list[Entry] = [
    UserEntry(text="do it"),
    TextEntry(text='it says "error" and "steer"'),
    ToolCallEntry(call_id="a", tool="read", args={}),
    ToolResultEntry(call_id="a", tool="read", text="", outcome=Outcome.OK),
    ToolResultEntry(call_id="b", tool="edit", text="", outcome=Outcome.DENIED),
    SteerEntry(text="hurry", command="c"),
    NoticeEntry(text="a notice"),
    ErrorEntry(title="Model", text="overloaded"),
]
DAMAGED = [b"", b'{"kind":"te', b'{"kind":"text","text":"\xff"}', b"[1]"]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create(tmp_path, "20260101-120000-crew-0001")


def write(run: RunFolder, lines: Sequence[Entry | bytes]) -> DiskPages:
    made = [
        line if isinstance(line, bytes) else _numbered(line, row) for row, line in enumerate(lines)
    ]
    run.transcript("work").write_bytes(b"".join(line + b"\n" for line in made))
    return DiskPages(run, "work")


def _numbered(entry: Entry, row: int) -> bytes:
    return entry.model_copy(update={"id": row}).model_dump_json().encode()


def sieve(only: Only) -> Sieve:
    found = sieve_of(only)
    assert found is not None
    return found


def ids(entries: tuple[Entry, ...]) -> list[int]:
    return [entry.id for entry in entries]


some_lines = st.lists(st.sampled_from([*SAMPLES, *DAMAGED]), max_size=40)
some_only = st.sampled_from([only for only in Only if only is not Only.ALL])


@settings(max_examples=60)
@given(some_lines, some_only, st.integers(1, 7), st.data())
def test_any_way_through_it_gives_the_wanted_entries_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[Entry | bytes],
    only: Only,
    want: int,
    data: st.DataObject,
) -> None:
    run = create(tmp_path_factory.mktemp("run"), "20260101-120000-crew-0001")
    pages = write(run, lines).sifted(sieve(only))
    whole = DiskPages(run, "work").last(1_000).entries
    wanted = [row for row, entry in enumerate(whole) if sieve(only).wants(entry)]

    forwards, place = [], 0
    while (page := pages.after(place, want)).entries:
        assert len(page.entries) <= want
        forwards += ids(page.entries)
        place = page.end
    assert forwards == wanted

    page = pages.last(want)
    backwards = ids(page.entries)
    while page.start > 0:
        page = pages.before(page.start, want)
        backwards[:0] = ids(page.entries)
    assert backwards == wanted

    if wanted:
        row = data.draw(st.sampled_from(wanted))
        found = DiskPages(run, "work").find(lambda entry: entry.id == row, 0, backwards=False)
        if found is not None:  # a line that can't be read has no number of its own
            around = ids(pages.before(found.start, 99).entries) + ids(
                pages.after(found.start, 99).entries
            )
            assert around == wanted


def test_what_grows_is_found_from_where_the_last_look_ended(run: RunFolder) -> None:
    pages = write(run, [SAMPLES[0], SAMPLES[7]]).sifted(sieve(Only.ERRORS))
    page = pages.last(10)
    with run.transcript("work").open("ab") as file:
        file.write(_numbered(SAMPLES[0], 2) + b"\n" + _numbered(SAMPLES[7], 3) + b"\n")
    more = pages.after(page.end, 10)
    assert ids(more.entries) == [3]
    assert pages.after(more.end, 10).entries == ()
    run.transcript("work").write_bytes(_numbered(SAMPLES[7], 0) + b"\n")
    pages.last(10)
    assert pages.resets == 1


def test_a_search_finds_wanted_entries_alone(run: RunFolder) -> None:
    pages = write(run, SAMPLES).sifted(sieve(Only.MESSAGES))

    def says_error(entry: Entry) -> bool:
        return "error" in entry.model_dump_json()

    found = pages.find(says_error, 0, backwards=False, hint="error")
    assert found is not None
    assert ids(found.entries) == [1]
    assert pages.find(says_error, found.end, backwards=False, hint="error") is None
    assert isinstance(pages.sifted(sieve(Only.TOOLS)), SiftedPages)


def test_each_kind_holds_what_its_name_says() -> None:
    kept = {
        only: [entry.kind for entry in SAMPLES if sieve(only).wants(entry)]
        for only in Only
        if only is not Only.ALL
    }
    assert kept == {
        Only.MESSAGES: ["user", "text"],
        Only.TOOLS: ["tool_call", "tool_result", "tool_result"],
        Only.NOTES: ["steer", "notice"],
        Only.ERRORS: ["tool_result", "error"],
    }
    assert sieve_of(Only.ALL) is None


def test_one_key_goes_round_all_kinds() -> None:
    seen = [Only.ALL]
    while (following := next_only(seen[-1])) is not Only.ALL:
        seen.append(following)
    assert seen == list(Only)
    assert only_words(Only.NOTES) == "steers and notices"
