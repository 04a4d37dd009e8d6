"""Transcript entries as rows: folding, growing at both ends, and what each row says."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crew.commands import Pause, Steer
from crew.entries import (
    Entry,
    ErrorEntry,
    FollowUpEntry,
    NoticeEntry,
    Outcome,
    PermissionEntry,
    ResultEntry,
    SteerEntry,
    SystemEntry,
    TextEntry,
    ThinkingEntry,
    ToolCallEntry,
    ToolResultEntry,
    UnknownEntry,
    UsageEntry,
    UserEntry,
)
from crew.records import ArtifactRef, JsonObject, Status, Usage
from crew.view.entry_rows import EntryRow, EntryRows
from crew.view.entry_words import (
    Form,
    Head,
    Part,
    child_of,
    entry_head,
    entry_matches,
    entry_parts,
    entry_text,
    message_head,
    waiting_messages,
)
from crew.view.state import CommandView, RunView, SessionView
from crew.view.transcript import Tone

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
REF = ArtifactRef(name="work.result.json", sha256="0" * 64, size=1234)


def call(name: str, tool: str = "read", **args: object) -> ToolCallEntry:
    return ToolCallEntry(call_id=name, tool=tool, args=args)


def answer(name: str, tool: str = "read", **fields: object) -> ToolResultEntry:
    given: JsonObject = {"outcome": Outcome.OK, "text": "body", **fields}
    return ToolResultEntry(call_id=name, tool=tool, **given)


def numbered(entries: Sequence[Entry], start: int = 0) -> list[Entry]:
    return [entry.model_copy(update={"id": start + n}) for n, entry in enumerate(entries)]


def row(entry: Entry, result: ToolResultEntry | None = None) -> EntryRow:
    return EntryRow(line=0, entry=entry, result=result)


def test_a_result_is_folded_into_its_call_and_usage_has_no_row() -> None:
    entries = numbered(
        [UserEntry(text="go"), call("a"), UsageEntry(model="m", usage=Usage(), stop="x")]
    )
    rows = EntryRows(entries)
    assert [each.line for each in rows.rows] == [0, 1]
    assert rows.append(numbered([answer("a"), TextEntry(text="done")], 3)) == [1]
    assert [(each.line, each.result is not None) for each in rows.rows] == [
        (0, False),
        (1, True),
        (4, False),
    ]
    assert rows.end == 5


def test_a_line_is_found_where_it_is_shown() -> None:
    rows = EntryRows(
        numbered([call("a"), call("b"), answer("a"), answer("b"), TextEntry(text="x")])
    )
    assert [rows.showing(line) for line in range(5)] == [0, 1, 0, 1, 2]
    assert EntryRows().showing(0) == -1


def test_a_bad_line_is_numbered_by_its_place() -> None:
    rows = EntryRows([*numbered([TextEntry(text="a")], 7), ErrorEntry(title="Bad", text="x")])
    assert [each.line for each in rows.rows] == [7, 8]
    assert (
        EntryRows([ErrorEntry(title="Bad", text="x"), *numbered([TextEntry(text="a")], 7)]).first
        == 6
    )


entries_lists = st.lists(
    st.sampled_from(
        [
            TextEntry(text="t"),
            UsageEntry(model="m", usage=Usage(), stop="end"),
            *(call(name) for name in "abc"),
            *(answer(name) for name in "abc"),
        ]
    ),
    max_size=24,
)


def unique_calls(entries: Sequence[Entry]) -> list[Entry]:
    """Each call once, each result once and behind its call."""
    kept: list[Entry] = []
    calls: set[str] = set()
    results: set[str] = set()
    for entry in entries:
        if isinstance(entry, ToolCallEntry):
            if entry.call_id in calls:
                continue
            calls.add(entry.call_id)
        if isinstance(entry, ToolResultEntry):
            if entry.call_id in results or entry.call_id not in calls:
                continue
            results.add(entry.call_id)
        kept.append(entry)
    return numbered(kept)


@given(entries_lists, st.integers(0, 24), st.integers(0, 24))
def test_rows_are_the_same_however_the_transcript_was_read(
    entries: list[Entry], one: int, two: int
) -> None:
    whole = unique_calls(entries)
    low, high = sorted((min(one, len(whole)), min(two, len(whole))))
    rows = EntryRows(whole[low:high])
    if low == high:
        rows.first = rows.end = low
    rows.append(whole[high:])
    rows.prepend(whole[:low])
    assert rows.rows == EntryRows(whole).rows
    assert (rows.first, rows.end) == (0, len(whole))


@given(entries_lists, st.integers(0, 24))
def test_what_was_forgotten_can_be_read_again(entries: list[Entry], at: int) -> None:
    whole = unique_calls(entries)
    at = min(at, len(whole))
    rows = EntryRows(whole)
    rows.forget_from(at)
    assert rows.rows == EntryRows(whole[:at]).rows
    rows.append(whole[at:])
    assert rows.rows == EntryRows(whole).rows
    rows.forget_before(at)
    assert all(each.line >= at for each in rows.rows)


SAID = [
    (
        row(SystemEntry(text="You are", model="m", tools=("ls",))),
        ("·", "system", "You are", "m, 1 tool"),
    ),
    (row(UserEntry(text="Do\nit")), (">", "task", "Do it", "")),
    (row(UserEntry(text="Submit.", source="crew")), (">", "crew", "Submit.", "")),
    (row(ThinkingEntry(text="Hm")), ("·", "thinking", "Hm", "")),
    (row(TextEntry(text="So far", partial=True)), ("▪", "text, cut", "So far", "")),
    (row(call("a", path="a.py")), ("●", "read", "a.py", "")),
    (
        row(call("a", path="a.py", start=40), answer("a", summary="12 lines", ms=400)),
        ("✓", "read", "a.py:40", "12 lines  0.4s"),
    ),
    (
        row(
            call("a", "shell", command=["ls", "-l"]), answer("a", outcome="error", summary="exit 1")
        ),
        ("✗", "shell", "ls -l", "error, exit 1"),
    ),
    (
        row(
            call("a", "grep", pattern="x", path="crew"), answer("a", outcome="skipped", summary="s")
        ),
        ("-", "grep", "x in crew", "skipped"),
    ),
    (row(call("a", "odd", n=[1], s="v")), ("●", "odd", "n=1 item s=v", "")),
    (row(answer("a", summary="12 lines")), ("✓", "read", "(the call is further up)", "12 lines")),
    (
        row(SteerEntry(text="left", command="c", turn=3)),
        ("»", "steer", "left", "delivered at turn 3"),
    ),
    (
        row(FollowUpEntry(text="then", command="c", turn=4)),
        ("»", "follow-up", "then", "delivered at turn 4"),
    ),
    (
        row(
            PermissionEntry(call_id="a", tool="shell", preview="ls", decision="denied", reason="no")
        ),
        ("?", "permission", "shell ls", "denied: no"),
    ),
    (row(NoticeEntry(text="80 %")), ("·", "notice", "80 %", "")),
    (row(ErrorEntry(title="Model", text="down")), ("✗", "error", "Model: down", "")),
    (row(ResultEntry(artifact=REF, preview="2 findings")), ("✓", "result", "2 findings", "")),
    (
        row(UnknownEntry(kind="new", raw={})),
        ("·", "unknown", "new (this version of crew does not know it)", ""),
    ),
]


@pytest.mark.parametrize(("given_row", "said"), SAID, ids=[said[1] + said[2] for _, said in SAID])
def test_a_closed_row_says_it_in_one_line(
    given_row: EntryRow, said: tuple[str, str, str, str]
) -> None:
    head = entry_head(given_row)
    assert (head.sign, head.label, " ".join(head.text.split()), head.detail) == said


def test_a_spawn_tells_of_its_child_and_leads_to_it() -> None:
    child = SessionView(
        id="work.explorer-1",
        role="explorer",
        agent="explorer",
        model="m",
        parent="work",
        started=NOON,
    )
    work = SessionView(
        id="work", role="worker", agent="worker", model="m", started=NOON, children=(child.id,)
    )
    view = RunView(sessions={"work": work, child.id: child})
    spawn = call("a", "spawn_agent", agent="explorer", prompt="Who calls it?")
    assert entry_head(row(spawn)).text == "explorer: Who calls it?"
    assert child_of(row(spawn), view, "work") == child.id
    ended = row(spawn, answer("a", "spawn_agent", session=child.id, ms=2_000))
    assert child_of(ended, view, "work") == child.id
    assert child_of(row(call("b")), view, "work") is None
    failed = SessionView(
        id=child.id,
        role="explorer",
        agent="explorer",
        model="m",
        started=NOON,
        status=Status.FAILED,
    )
    head = entry_head(ended, {child.id: failed})
    assert (head.detail, head.signal) == ("failed  2.0s", Tone.BAD)


def test_an_open_row_says_it_in_parts() -> None:
    edit = row(call("a", "edit", path="a", old="x\ny", new="z"), answer("a", text="ok\n"))
    assert entry_parts(edit) == (
        Part(form=Form.DIFF, text="-x\n-y\n+z"),
        Part(form=Form.PLAIN, text="ok"),
    )
    assert entry_parts(row(TextEntry(text="# Plan"))) == (Part(form=Form.MARKDOWN, text="# Plan"),)
    assert entry_parts(row(ResultEntry(artifact=REF, preview="fine"))) == (
        Part(form=Form.MARKDOWN, text="fine"),
        Part(form=Form.CAPTION, text="artifacts/work.result.json, 1,234 bytes"),
    )
    cut = row(call("a", "shell", command="make"), answer("a", artifact=REF, text="x"))
    assert entry_parts(cut) == (
        Part(form=Form.CAPTION, text="$ make"),
        Part(form=Form.PLAIN, text="x"),
        Part(form=Form.CAPTION, text="all of it: artifacts/work.result.json"),
    )
    assert entry_text(cut) == "shell make\n$ make\nx\nall of it: artifacts/work.result.json"
    assert entry_text(row(NoticeEntry(text="so"))) == "so"


def test_nothing_that_a_row_says_can_move_the_screen() -> None:
    evil = "a\x1b]0;x\x07\u202eb"
    for each in (
        row(TextEntry(text=evil)),
        row(call(evil, evil, **{evil: evil})),
        row(call("a", "shell", command=evil), answer("a", text=evil, summary=evil)),
        row(PermissionEntry(call_id="a", tool=evil, preview=evil, decision="denied", reason=evil)),
        row(ErrorEntry(title=evil, text=evil, hint=evil)),
    ):
        head = entry_head(each)
        shown = f"{head}{entry_parts(each)}{entry_text(each)}"
        assert not set("\x1b\x07\u202e") & set(shown)
        assert "\\x1b" not in str(head)


def test_messages_that_no_transcript_has_are_told_with_their_fate() -> None:
    def message(name: str, state: str, reason: str = "") -> CommandView:
        steer = Steer(id=name, session="work", text=f"say {name}")
        given: JsonObject = {"state": state}
        return CommandView(command=steer, at=NOON, reason=reason, **given)

    pause = CommandView(command=Pause(id="p", session="work"), at=NOON, state="accepted")
    views = [
        message("a", "accepted"),
        message("b", "delivered"),
        message("c", "undelivered", "it ended"),
        message("d", "refused"),
        pause,
    ]
    view = RunView(commands={each.command.id: each for each in views})
    waiting = waiting_messages(view, "work")
    assert [message_head(each).detail for each in waiting] == ["queued", "undelivered: it ended"]
    assert waiting_messages(view, "other") == ()


def test_search_looks_at_all_that_an_entry_says() -> None:
    assert entry_matches(answer("a", text="Überlauf in split()"), "überlauf")
    assert entry_matches(call("a", path="ledger/split.py"), "SPLIT.py")
    assert not entry_matches(TextEntry(text="fine"), "split")


def test_a_head_names_its_sign_tone() -> None:
    assert entry_head(row(call("a"), answer("a"))) == Head(sign="✓", label="read", signal=Tone.GOOD)


@given(st.lists(st.integers(0, 3), max_size=30), st.data())
def test_rows_with_lines_left_out_are_the_same_however_they_are_read(
    gaps: list[int], data: st.DataObject
) -> None:
    entries: list[Entry] = []
    line = -1
    for number, gap in enumerate(gaps):
        line += gap + 1
        pair = f"c{number // 2}"
        made: Entry = call(pair) if number % 2 == 0 else answer(pair)
        entries.append(made.model_copy(update={"id": line}))
    whole = EntryRows(entries, sparse=True)
    cut = data.draw(st.integers(0, len(entries)))
    parts = EntryRows(entries[cut:], sparse=True)
    parts.prepend(entries[:cut])
    assert parts.rows == whole.rows
    assert [row.line for row in whole.rows] == [entry.id for entry in entries[::2]]
    for row in whole.rows:
        assert whole.rows[whole.index(row.line)] == row


def test_a_failed_result_without_its_call_says_what_failed() -> None:
    alone = EntryRow(line=3, entry=answer("c1", text="no such file", outcome=Outcome.ERROR))
    assert entry_head(alone).text == "no such file"
