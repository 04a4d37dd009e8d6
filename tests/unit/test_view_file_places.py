"""Which files an entry speaks of."""

import pytest

from crew.entries import Entry, ErrorEntry, Outcome, TextEntry, ToolCallEntry, ToolResultEntry
from crew.view import EntryRow, FilePlace, Finding, entry_places, finding_place


def row(entry: Entry, result: str = "") -> EntryRow:
    answer = (
        ToolResultEntry(call_id="c", tool="t", text=result, outcome=Outcome.OK) if result else None
    )
    return EntryRow(line=0, entry=entry, result=answer)


def call(tool: str, **args: object) -> ToolCallEntry:
    return ToolCallEntry(call_id="c", tool=tool, args=args)


def at(file: str, line: int | None = None) -> FilePlace:
    return FilePlace(file=file, line=line)


@pytest.mark.parametrize(
    ("shown", "first"),
    [
        (row(call("read", path="a.py", start=7), "1 x"), at("a.py", 7)),
        (row(call("edit", path="a.py", old="x", new="y")), at("a.py")),
        (row(call("grep", pattern="x", path="src"), "src/b.py:12: x"), at("src/b.py", 12)),
        (row(call("lint"), '{"findings": [{"file": "a b.py", "line": 3}]}'), at("a b.py", 3)),
        (row(call("git_changes"), "--- a/x.py\n+++ b/x.py\n@@ -1,2 +4,9 @@"), at("x.py", 4)),
        (row(TextEntry(text="see ledger/split.py:3, and more")), at("ledger/split.py", 3)),
        (row(TextEntry(text="at http://host:80/x it is 12:30")), None),
        (row(ErrorEntry(title="x", text='  File "app.py", line 9, in f')), at("app.py", 9)),
    ],
)
def test_the_likeliest_place_comes_first(shown: EntryRow, first: FilePlace | None) -> None:
    assert next(iter(entry_places(shown)), None) == first


def test_every_place_is_named_once_and_not_without_end() -> None:
    text = " ".join(f"f{n}.py:1 f{n}.py:1" for n in range(500))
    places = entry_places(row(TextEntry(text=text)))
    assert len(places) == len(set(places)) == 20


def test_a_finding_has_its_place_when_it_names_a_file() -> None:
    assert finding_place(Finding(title="x", file="a.py", line=3)) == at("a.py", 3)
    assert finding_place(Finding(title="x", file="a.py")) == at("a.py")
    assert finding_place(Finding(title="x")) is None
