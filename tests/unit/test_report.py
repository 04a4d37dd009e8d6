"""The final report: the verdict first, then what it rests on, then what went wrong."""

from typing import Any

import pytest

from crew.orchestration.board import Task
from crew.orchestration.report import report_markdown
from crew.records import Failure, Status


def report(
    result: Any = None,
    *,
    status: Status = Status.COMPLETED,
    goal: str = "",
    note: str = "",
    error: Failure | None = None,
    tasks: tuple[Task, ...] = (),
) -> str:
    return report_markdown(
        team="review", goal=goal, note=note, status=status, error=error, result=result, tasks=tasks
    )


@pytest.mark.parametrize(
    ("status", "result", "headline"),
    [
        (Status.COMPLETED, {"verdict": "request_changes"}, "# review: request changes"),
        (Status.COMPLETED, {"summary": "x"}, "# review: completed"),
        (Status.COMPLETED, ["x"], "# review: completed"),
        (Status.NEEDS_ATTENTION, {"verdict": "approve"}, "# review: needs attention"),
    ],
)
def test_the_headline_is_the_verdict_of_what_completed(
    status: Status, result: Any, headline: str
) -> None:
    assert report(result, status=status).splitlines()[0] == headline


def test_a_report_opens_with_what_the_model_is_and_names_the_goal() -> None:
    text = report({"summary": "Fine."}, note="rules: no language model", goal="be sure")
    assert text == "rules: no language model\n\n# review: completed\n\nGoal: be sure\n\nFine.\n"


@pytest.mark.parametrize("key", ["summary", "document"])
def test_what_the_model_is_stands_there_once(key: str) -> None:
    text = report({key: "rules: no model. Fine: rules: no model."}, note="cloud\nrules: no model")
    assert text == "cloud\n\nrules: no model\n\n# review: completed\n\nFine: rules: no model.\n"


def test_a_summary_that_the_document_holds_is_not_said_twice() -> None:
    text = report({"summary": "rules. Fine.", "document": "rules.\n\nFine.\n\nMore."}, note="rules")
    assert text == "rules\n\n# review: completed\n\nFine.\n\nMore.\n"


def test_long_values_of_an_item_stand_below_it_and_its_place_once() -> None:
    item = {"claim": "a.py:3: x = 1", "file": "a.py", "line": 3, "evidence": "x = 1\ny = 2"}
    text = report({"answers": [item]})
    assert text.endswith("## Answers\n\n- `a.py:3` x = 1\n\n  ```\n  x = 1\n  y = 2\n  ```\n")


def test_an_error_is_told_with_its_mend() -> None:
    error = Failure(title="Task a", message="it broke", hint="try again")
    text = report(status=Status.FAILED, error=error)
    assert text == "# review: failed\n\n**Task a**: it broke (try again)\n"


def test_findings_come_worst_first_with_their_places() -> None:
    findings = [
        {"title": "Odd", "priority": "P9", "body": "Hm.", "file": "c.py"},
        {"title": "Small", "priority": "P2", "body": "Meh.", "file": "b.py", "line": 0},
        {
            "title": "Bad",
            "priority": "P0",
            "body": "Leaks.",
            "file": "a.py",
            "line": 7,
            "rule": "S1",
            "quote": "k = 1",
        },
    ]
    text = report({"findings": findings})
    assert "### P0 Bad\n\n`a.py:7` (S1)\n\nLeaks.\n\n```\nk = 1\n```" in text
    assert "### P2 Small\n\n`b.py`\n\nMeh." in text
    assert text.index("P0 Bad") < text.index("P2 Small") < text.index("P9 Odd")


@pytest.mark.parametrize("findings", [[], None, "none"])
def test_no_findings_are_said_to_be_none(findings: Any) -> None:
    assert "No findings." in report({"findings": findings})


def test_a_quote_with_fences_stays_in_its_own_fence() -> None:
    text = report({"findings": [{"title": "T", "quote": "```\ncode\n  ````"}]})
    assert "`````\n```\ncode\n  ````\n`````" in text


def test_other_values_are_shown_under_their_names_and_empty_ones_are_left_out() -> None:
    result = {
        "verdict": "approve",
        "document": "# Doc",
        "next_steps": ["one", {"title": "two", "file": "a.py", "line": 3, "tags": ["x", "y"]}],
        "sources": [{"path": "b", "file": "c.py"}],
        "notes": "Words.",
        "numbers": {"n": 1},
        "empty": [],
        "nothing": None,
    }
    assert report(result).split("\n\n")[1:] == [
        "# Doc",
        "## Next steps",
        "- one\n- `a.py:3` two; tags: x, y",
        "## Sources",
        "- `c.py` b",
        "## Notes",
        "Words.",
        "## Numbers",
        '```json\n{\n  "n": 1\n}\n```\n',
    ]


@pytest.mark.parametrize(
    ("result", "shown"), [("Words.", "Words."), ([1, 2], "- 1\n- 2"), (3, "```json\n3\n```")]
)
def test_a_result_that_is_no_object_is_shown_as_it_is(result: Any, shown: str) -> None:
    assert report(result) == f"# review: completed\n\n{shown}\n"


def test_tasks_that_did_not_complete_are_listed_with_their_reasons() -> None:
    broke = Failure(title="Off", message="it broke")
    tasks = (
        Task(id="a", step="a", role="r", status="failed", error=broke),
        Task(id="b", step="b", role="r", status="completed"),
    )
    text = report(status=Status.FAILED, tasks=tasks)
    assert text.endswith("## Tasks that did not complete\n\n- a: failed: it broke\n")


def test_notes_are_paragraphs_of_their_own() -> None:
    assert report({"summary": "x"}, note="one\ntwo").startswith("one\n\ntwo\n\n# review")


def test_a_task_that_was_cancelled_before_it_began_is_told_as_well() -> None:
    said = Failure(title="Cancelled", message="by the person")
    tasks = (
        Task(id="plan", step="plan", role="worker", status="cancelled", error=said),
        Task(id="after", step="after", role="worker", status="cancelled"),
        Task(id="done", step="done", role="worker", status="completed"),
    )
    told = report(status=Status.CANCELLED, tasks=tasks).partition("did not complete\n\n")[2]
    assert told == "- plan: cancelled: by the person\n- after: cancelled\n"
