"""The verifier of `rules`: doubles go, places are looked at again, large results are read whole."""

import json
from pathlib import Path
from typing import Any

import pytest

from crew.entries import Outcome, ToolCallEntry
from crew.models.rules import NOTE, Rules
from crew.records import JsonObject
from tests.doubles.repository import Repository
from tests.doubles.stage import Performance, Stage
from tests.doubles.workbench import Workbench

FINDING: JsonObject = {
    "title": "Undefined name `total`",
    "body": "It raises.",
    "priority": "P1",
    "confidence": 0.9,
    "file": "a.py",
    "line": 3,
    "rule": "F821",
    "quote": "return total",
}
OUTPUT: JsonObject = {
    "type": "object",
    "required": ["verdict", "summary", "findings"],
    "properties": {
        "verdict": {"enum": ["approve", "request_changes"]},
        "summary": {"type": "string"},
        "findings": {"type": "array"},
        "dropped": {"type": "array"},
    },
}

EXECUTED: JsonObject = {
    "type": "object",
    "required": ["summary"],
    "properties": {"summary": {"type": "string"}},
}


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """A workspace with `a.py`, whose third line returns `total`."""
    bench = Workbench(tmp_path)
    bench.file("a.py", "def run():\n    value = 1\n    return total\n\n\ndef go():\n    return 2\n")
    return bench


def finding(**changes: Any) -> JsonObject:
    return {key: value for key, value in (FINDING | changes).items() if value is not None}


def prompt(*lists: list[JsonObject], around: str = "Verify these.") -> str:
    blocks = [
        f'<result step="s{number}" agent="reviewer" status="completed">\n'
        f"{json.dumps({'summary': 's', 'findings': found}, indent=1)}\n</result>"
        for number, found in enumerate(lists)
    ]
    return "\n\n".join([around, *blocks])


async def verify(bench: Workbench, opening: str, **stage: Any) -> Performance:
    return await Stage(bench, Rules(), **stage).play("verifier", OUTPUT, opening)


async def result_of(bench: Workbench, *lists: list[JsonObject]) -> JsonObject:
    seen = await verify(bench, prompt(*lists))
    assert seen.result is not None
    return seen.result


async def test_a_finding_that_stands_where_it_says_is_kept_as_it_is(bench: Workbench) -> None:
    result = await result_of(bench, [finding()])
    assert result["findings"] == [FINDING]
    assert (result["verdict"], result["dropped"]) == ("request_changes", [])


@pytest.mark.parametrize("moved", [-2, -1, 1, 4])
async def test_a_finding_that_is_a_few_lines_off_is_moved(bench: Workbench, moved: int) -> None:
    lines = ["x"] * 30
    lines[9] = "    return  total"
    bench.file("b.py", "\n".join(lines))
    off = finding(file="b.py", line=10 + moved, end_line=11 + moved)
    (kept,) = (await result_of(bench, [off]))["findings"]
    assert (kept["line"], kept["end_line"]) == (10, 11)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quote": "return nothing"}, "its quote is not near line 3"),
        ({"line": 300, "quote": None}, "can't be read"),
        ({"file": "gone.py"}, "can't be read"),
        ({"file": "../outside.py"}, "can't be read"),
        ({"file": "gone.py", "line": None}, "can't be read"),
    ],
)
async def test_a_finding_without_its_place_is_dropped_with_the_reason(
    bench: Workbench, changes: JsonObject, reason: str
) -> None:
    result = await result_of(bench, [finding(**changes)])
    assert (result["verdict"], result["findings"]) == ("approve", [])
    assert reason in result["dropped"][0]["reason"]
    assert result["dropped"][0]["title"] == FINDING["title"]


@pytest.mark.parametrize(
    "changes",
    [
        {"line": None, "quote": None},
        {"quote": None},
        {"quote": "return total\nmore lines that the reviewer quoted"},
        {"file": ".", "line": None, "quote": None},
        {"line": 8, "quote": None},
    ],
)
async def test_a_finding_about_a_file_a_line_or_the_change_needs_no_quote(
    bench: Workbench, changes: JsonObject
) -> None:
    result = await result_of(bench, [finding(**changes)])
    assert len(result["findings"]) == 1


@pytest.mark.parametrize(
    ("other", "left"),
    [
        ({"title": "Another word for it"}, 1),  # the same rule on the same line
        ({"rule": None, "line": 2, "quote": None, "title": "undefined name total here"}, 1),
        ({"rule": "B006", "title": "A mutable default"}, 2),
        ({"rule": "F823", "line": 2, "quote": None}, 2),  # the same words of another line
        ({"rule": None, "line": 5, "quote": None}, 2),
        ({"line": 7, "quote": "return 2"}, 2),
        ({"file": "b.py", "quote": None, "line": 1}, 2),
    ],
)
async def test_what_says_the_same_about_the_same_place_is_one_finding(
    bench: Workbench, other: JsonObject, left: int
) -> None:
    bench.file("b.py", "total\n")
    result = await result_of(bench, [finding()], [finding(**other)])
    assert len(result["findings"]) == left
    assert len(result["dropped"]) == 2 - left


@pytest.mark.parametrize(
    ("rule", "other", "left"),
    [("S602", "S605", 1), ("E722", "swallowed-error", 1), ("S307", "S602", 2)],
)
async def test_rules_that_look_for_the_same_find_it_once(
    bench: Workbench, rule: str, other: str, left: int
) -> None:
    one, two = finding(rule=rule, title="One way"), finding(rule=other, title="Said differently")
    result = await result_of(bench, [one], [two])
    assert len(result["findings"]) == left


async def test_of_two_the_weightier_stays(bench: Workbench) -> None:
    light = finding(priority="P3", confidence=0.2, body="light")
    heavy = finding(priority="P0", confidence=0.5, body="heavy")
    result = await result_of(bench, [light], [heavy])
    assert [each["body"] for each in result["findings"]] == ["heavy"]
    assert result["dropped"][0]["reason"] == "the same as 'Undefined name `total`'"


@pytest.mark.parametrize(
    ("priority", "confidence", "verdict"),
    [
        ("P0", 0.1, "request_changes"),
        ("P1", 0.5, "request_changes"),
        ("P2", 0.8, "request_changes"),
        ("P2", 0.79, "approve"),
        ("P3", 1.0, "approve"),
    ],
)
async def test_the_verdict_follows_priority_and_confidence(
    bench: Workbench, priority: str, confidence: float, verdict: str
) -> None:
    result = await result_of(bench, [finding(priority=priority, confidence=confidence)])
    assert result["verdict"] == verdict


async def test_the_summary_counts_by_priority(bench: Workbench) -> None:
    found = [
        finding(priority="P1"),
        finding(priority="P3", line=7, quote="return 2", rule="x", title="Seven"),
        finding(priority="P3", line=1, quote="def run", rule="y", title="One"),
        finding(file="gone.py"),
    ]
    result = await result_of(bench, found)
    assert result["summary"] == (f"{NOTE}. Changes are needed: 1 P1, 2 P3 findings, 1 dropped.")


async def test_malformed_findings_do_not_stop_the_verdict(bench: Workbench) -> None:
    odd: list[Any] = [
        {"title": "no place", "priority": "urgent", "confidence": "high", "line": "three"},
        {"body": "no title"},
        "words",
        None,
        finding(line=-1, end_line=0, confidence=7),
    ]
    result = await result_of(bench, odd)
    assert {each["title"] for each in result["findings"]} == {"no place", FINDING["title"]}
    assert all(0 <= each["confidence"] <= 1 for each in result["findings"])


async def test_results_of_a_foreach_are_all_counted(bench: Workbench) -> None:
    body = json.dumps([{"summary": "s", "findings": [finding()]}, {"summary": "s", "findings": []}])
    opening = f'<result step="s" agent="reviewer" status="completed">\n{body}\n</result>'
    seen = await verify(bench, opening)
    assert seen.result is not None
    assert len(seen.result["findings"]) == 1


async def test_a_large_result_is_read_from_its_artifact(bench: Workbench) -> None:
    bench.file("many.py", "".join(f"name_{number}\n" for number in range(900)))
    found = [
        finding(file="many.py", line=number + 1, quote=f"name_{number}", body="why " * 20)
        for number in range(900)
    ]
    data = json.dumps({"summary": "s", "findings": found}, indent=1).encode()
    ref = bench.artifacts.put("s1.json", data)
    opening = (
        f'<result step="s" agent="reviewer" status="completed" artifact="artifact:{ref.name}" '
        f'size="{ref.size}">\n{data[:500].decode()}\n[...]\n</result>'
    )
    seen = await verify(bench, opening)
    assert seen.result is not None
    assert len(seen.result["findings"]) == 900
    assert len(seen.texts) < 12


async def test_very_long_strings_in_an_artifact_are_cut_and_the_rest_is_read(
    bench: Workbench,
) -> None:
    found = [finding(body="\\n" * 5_000), finding(line=7, quote="return 2", title="Second")]
    data = json.dumps({"findings": found, "summary": "s" * 9_000}, indent=1).encode()
    ref = bench.artifacts.put("s1.json", data)
    opening = (
        f'<result step="s" agent="reviewer" status="completed" artifact="artifact:{ref.name}" '
        f'size="{ref.size}">\n...\n</result>'
    )
    seen = await verify(bench, opening)
    assert seen.result is not None
    assert [each["line"] for each in seen.result["findings"]] == [3, 7]


async def test_an_unreadable_result_is_told(bench: Workbench) -> None:
    opening = '<result step="s" agent="reviewer" status="completed">\n{"findings": [\n</result>'
    seen = await verify(bench, opening, tools=("read",))
    assert seen.result is None
    assert "Not checked: the result of s could not be read" in seen.texts[-1]


async def test_a_step_that_was_skipped_leaves_nothing_unchecked(bench: Workbench) -> None:
    skipped = '<result step="o" agent="reviewer" status="skipped">\nnull\n</result>'
    seen = await verify(bench, f"{prompt([])}\n\n{skipped}")
    assert seen.result is not None
    assert seen.result["verdict"] == "approve"


def reviews(*summaries: str, found: list[JsonObject]) -> str:
    blocks = [
        f'<result step="s{number}" agent="reviewer" status="completed">\n'
        f"{json.dumps({'summary': summary, 'findings': found}, indent=1)}\n</result>"
        for number, summary in enumerate(summaries)
    ]
    return "\n\n".join(blocks)


async def test_what_reviewers_note_is_said_once_more(bench: Workbench) -> None:
    opening = reviews(
        f"{NOTE}. No findings. Note: 2 not checked: generated files; git isn't installed.",
        f"{NOTE}. No findings. Note: 2 not checked: generated files.",
        "Fine. Note: another model's words are its own.",
        found=[],
    )
    seen = await verify(bench, opening)
    assert seen.result is not None
    assert seen.result["summary"] == (
        f"{NOTE}. Approved: no findings. Note: 2 not checked: generated files; git isn't installed."
    )


async def test_what_was_not_checked_is_not_approved(bench: Workbench) -> None:
    gap = f"{NOTE}. Not everything could be checked; no findings so far. Not checked: quality, a.b."
    seen = await verify(bench, reviews(gap, f"{NOTE}. No findings.", found=[]))
    assert seen.result is None
    assert seen.texts[-1] == (
        f"{NOTE}. Not approved. Not everything could be checked; no findings so far. "
        "Not checked: quality, a.b."
    )
    stage = Stage(bench, Rules())
    due = await stage.play("verifier", OUTPUT, reviews(gap, found=[]), due_after=0)
    assert (due.result, due.texts) == (None, seen.texts)


async def test_what_was_not_checked_is_told_beside_what_was_found(bench: Workbench) -> None:
    gap = f"{NOTE}. 1 P1 finding. Not checked: the quality checks failed."
    seen = await verify(bench, reviews(gap, found=[finding()]))
    assert seen.result is not None
    assert seen.result["verdict"] == "request_changes"
    assert "Not checked: the quality checks failed." in seen.result["summary"]


@pytest.mark.parametrize("outcome", [Outcome.CANCELLED, None])
async def test_a_finding_is_not_dropped_because_nobody_could_look(
    bench: Workbench, outcome: Outcome | None
) -> None:
    def never(_number: int, call: ToolCallEntry) -> Outcome | None:
        return outcome if call.tool == "read" else None

    due = 99 if outcome else 0
    stage = Stage(bench, Rules(), interfere=never)
    seen = await stage.play("verifier", OUTPUT, prompt([finding()]), due_after=due)
    assert seen.result is not None
    assert seen.result["findings"] == [FINDING]
    assert "1 of the places were not looked at again" in seen.result["summary"]


async def test_many_places_are_read_in_batches(bench: Workbench) -> None:
    found = []
    for number in range(100):
        bench.file(f"f{number:03}.py", "total\n")
        found.append(finding(file=f"f{number:03}.py", line=1, quote="total"))
    seen = await verify(bench, prompt(found))
    assert seen.result is not None
    assert len(seen.result["findings"]) == 100
    assert seen.texts[:3] == [
        f"{NOTE}. Looking at 40 places again.",
        "Looking at 40 places again.",
        "Looking at 20 places again.",
    ]


async def test_without_reviewers_it_checks_the_change_itself(tmp_path: Path) -> None:
    repo = Repository(tmp_path)
    repo.write("a.py", "print(unknown)\n")
    opening = '<result step="fix" agent="executor" status="completed">\n{"summary": "s"}\n</result>'
    seen = await verify(Workbench(repo.root), opening)
    assert seen.result is not None
    assert [each["rule"] for each in seen.result["findings"]] == ["F821"]
    assert seen.tools == ["git_changes", "lint", "read", "submit_result"]


async def test_what_was_asked_for_and_not_done_is_not_approved(tmp_path: Path) -> None:
    bench = Workbench(Repository(tmp_path).root)
    stage = Stage(bench, Rules(), tools=("read", "grep", "glob", "write"))
    fixed = await stage.play("executor", EXECUTED, "<goal>\nadd `x`\n</goal>\n\nDo it.")
    body = json.dumps(fixed.result)
    opening = f'<result step="fix" agent="executor" status="completed">\n{body}\n</result>'
    seen = await verify(bench, opening)
    assert seen.result is not None
    assert seen.result["verdict"] == "request_changes"
    assert "nothing was written or run" in seen.result["summary"]


async def test_arguments_that_come_back_redacted_are_known_again(bench: Workbench) -> None:
    def redact(number: int, call: ToolCallEntry) -> None:
        if number == 0:
            call.args["path"] = "[redacted]"

    seen = await verify(bench, prompt([finding()]), interfere=redact)
    assert seen.result is not None
    assert seen.tools == ["read", "submit_result"]
