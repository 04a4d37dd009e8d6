"""`rules` on the review team: real tools on a real repository, from the map to the verdict."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from crew.definitions import Library, bundled_root
from crew.entries import Message, Outcome, ToolCallEntry, ToolResultEntry, UserEntry
from crew.errors import ToolError
from crew.models.protocol import ModelRequest, ToolSchema
from crew.models.rules import NOTE, Rules, answer
from crew.orchestration.report import report_markdown
from crew.records import JsonObject, Status
from crew.view.findings import outcome_words
from tests.doubles.repository import Repository
from tests.doubles.stage import Performance, Stage
from tests.doubles.workbench import Workbench

TOKEN = "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vX7zA9cE1fG3hJ5"

GOOD = "def total(items):\n    return sum(items)\n"

QUIET = """\
def load(read):
    try:
        return read()
    except Exception:
        pass
"""
QUERY = """\
def load(db, name):
    return db.execute(f"SELECT id FROM t WHERE n = '{name}'")
"""

SEEDED = {
    "app/merge.py": "<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> topic\n",
    "app/names.py": "def show():\n    return unknown\n",
    "app/defaults.py": "def add(item, items=[]):\n    items.append(item)\n    return items\n",
    "app/quiet.py": QUIET,
    "app/debug.py": "def run():\n    breakpoint()\n",
    "app/shell.py": "import os\n\n\ndef run(name):\n    os.system(f'rm {name}')\n",
    "app/query.py": QUERY,
    "web/key.ts": f'export const key = "{TOKEN}";\n',
    "web/debug.ts": "export function run() {\n  debugger;\n}\n",
    "web/app.test.ts": 'it.only("runs", () => {});\n',
    "web/quiet.ts": "try {\n  go();\n} catch (error) {\n}\n",
    "api/main.go": "package api\n\n// TODO: everything\nvar a = 1\n",
    "deploy.yml": f"env:\n  API_TOKEN: {TOKEN}\n",
}
EXPECTED = {
    ("app/merge.py", 1, "conflict-marker"),
    ("app/names.py", 2, "F821"),
    ("app/defaults.py", 1, "B006"),
    ("app/quiet.py", 4, "swallowed-error"),
    ("app/debug.py", 2, "debugger"),
    ("app/shell.py", 5, "S605"),
    ("app/query.py", 2, "sql-injection"),
    ("web/key.ts", 1, "secret"),
    ("web/debug.ts", 2, "debugger"),
    ("web/app.test.ts", 1, "focused-test"),
    ("web/quiet.ts", 3, "swallowed-error"),
    ("api/main.go", 3, "todo"),
    ("deploy.yml", 2, "secret"),
}


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    """A repository with a clean first commit."""
    repo = Repository(tmp_path)
    repo.write("app/total.py", GOOD)
    repo.write("tests/test_total.py", "def test_total(): ...\n")
    repo.commit()
    return repo


def output_of(agent: str) -> JsonObject:
    return Library.load(project=None, user=None, bundled=bundled_root()).agent(agent).output


def block(step: str, agent: str, value: Any) -> str:
    body = json.dumps(value, indent=1).replace("</", "<\\/")
    return f'<result step="{step}" agent="{agent}" status="completed">\n{body}\n</result>'


async def play(repo: Repository, agent: str, opening: str = "Review the change.") -> Performance:
    stage = Stage(Workbench(repo.root), Rules())
    seen = await stage.play(agent, output_of(agent), opening)
    assert seen.result is not None
    jsonschema_rs.validate(output_of(agent), seen.result)
    return seen


async def review(repo: Repository) -> JsonObject:
    """The result of the whole team's work."""
    explored = await play(repo, "explorer", "Map the change under review.")
    quality = await play(repo, "reviewer")
    security = await play(repo, "security-reviewer")
    blocks = (
        block("explore", "explorer", explored.result),
        block("code-review", "reviewer", quality.result),
        block("security-review", "security-reviewer", security.result),
    )
    verified = await play(repo, "verifier", "Verify.\n\n" + "\n\n".join(blocks))
    assert verified.result is not None
    return verified.result


async def test_every_seeded_mistake_is_found_where_it_is(repo: Repository) -> None:
    for name, content in SEEDED.items():
        repo.write(name, content)
    result = await review(repo)
    found = {
        (each["file"], each["line"], each["rule"])
        for each in result["findings"]
        if each["rule"] != "untested-change"
    }
    assert found == EXPECTED
    assert result["verdict"] == "request_changes"
    assert result["summary"].startswith(f"{NOTE}. Changes are needed: 3 P0, ")
    assert TOKEN not in json.dumps(result)


async def test_a_clean_change_is_approved(repo: Repository) -> None:
    repo.write(
        "app/total.py", GOOD + "\n\ndef mean(items):\n    return total(items) / len(items)\n"
    )
    repo.write("tests/test_total.py", "def test_total(): assert True\n")
    result = await review(repo)
    assert (result["verdict"], result["findings"]) == ("approve", [])
    since = repo.git("rev-parse", "HEAD")[:10]
    assert result["summary"] == (
        f"{NOTE}. Approved: no findings. "
        f"Under review: uncommitted changes since {since}, 2 files changed, +5 -1."
    )


async def test_a_repository_where_nothing_changed_is_approved_in_so_many_words(
    tmp_path: Path,
) -> None:
    result = await review(Repository(tmp_path))
    assert (result["verdict"], result["findings"]) == ("approve", [])
    assert result["summary"] == (
        f"{NOTE}. There was nothing to review. "
        "Under review: everything, in a repository without a commit."
    )
    assert outcome_words(result) == "approve, there was nothing to review"
    report = report_markdown(
        team="review",
        goal="",
        note="",
        status=Status.COMPLETED,
        error=None,
        result=result,
        tasks=(),
    )
    assert report.startswith("# review: approve (nothing to review)\n")
    assert "No findings" not in report


async def test_what_was_not_checked_is_said_with_the_verdict(repo: Repository) -> None:
    (repo.root / "app" / "logo.bin").write_bytes(b"\0\1\2" * 9)
    repo.write("app/data.js", "const rows = [1];\n" * 2_000 + "x" * 25_000 + "\n")
    repo.write("vendor/lib.js", "eval(x)\n")
    for number in range(6):
        repo.write(f"app/many_{number}.py", "import os\nbreakpoint()\n" + "# TODO: x\n" * 1_000)
    summary = (await review(repo))["summary"]
    for words in (
        "1 not checked: binary files",
        "1 not checked: vendored or generated files",
        "1 not checked: files' lines of more than 20,000 characters",
        "only the first 5,000 of 6,012 findings are kept",
    ):
        assert words in summary


async def test_the_map_lists_files_tests_and_areas(repo: Repository) -> None:
    repo.write("app/total.py", GOOD + "\n\ndef one():\n    return 1\n")
    repo.write("app/new name.py", "x = 1\n")
    repo.write("tests/test_one.py", "def test_one(): ...\n")
    repo.git("mv", "tests/test_total.py", "tests/test_sum.py")
    result = (await play(repo, "explorer", "Map the change under review.")).result
    assert result is not None
    files = {
        file["path"]: (file["change"], file["added"], file["note"]) for file in result["files"]
    }
    assert files == {
        "app/new name.py": ("added", 1, "untracked"),
        "app/total.py": ("modified", 4, ""),
        "tests/test_one.py": ("added", 1, "untracked"),
        "tests/test_sum.py": ("renamed", 0, "was tests/test_total.py"),
    }
    assert result["tests"] == ["tests/test_one.py", "tests/test_sum.py"]
    assert [area["name"] for area in result["areas"]] == ["app", "tests"]


async def test_thousands_of_changed_files_are_all_mapped(repo: Repository) -> None:
    for number in range(1_500):
        (repo.root / f"f{number:04}.txt").write_text("x\n")
    result = (await play(repo, "explorer", "Map the change under review.")).result
    assert result is not None
    assert len(result["files"]) == 1_500


async def test_more_files_than_are_listed_are_counted_all_the_same() -> None:
    def page(first: int) -> str:
        rows = [f"A f{number:05}.txt +1 -0" for number in range(first, first + 400)]
        after = f"... more files: go on with diff=false, offset={first + 400}"
        return "\n".join(["the change", "9000 files changed, +9000 -7", *rows, after])

    messages: list[Message] = [UserEntry(text="Map the change.")]
    for _ in range(50):
        turn = answer(request(*messages))
        (call,) = turn.calls
        if call.tool == "submit_result":
            break
        entry = ToolCallEntry(call_id=str(len(messages)), tool=call.tool, args=call.args)
        text = page(call.args.get("offset", 0))
        reply = ToolResultEntry(
            call_id=entry.call_id, tool=call.tool, outcome=Outcome.OK, text=text
        )
        messages += [entry, reply]
    assert len(call.args["files"]) == 4_800
    assert call.args["summary"] == (
        f"{NOTE}. the change: 9000 files, +9000 -7, no test among those listed. "
        "Note: only the first 4800 files are listed."
    )


def request(*messages: Message) -> ModelRequest:
    tools = (
        ToolSchema(name="git_changes", description="", parameters={}),
        ToolSchema(name="submit_result", description="", parameters=output_of("explorer")),
    )
    return ModelRequest(system="", messages=messages, tools=tools, agent="explorer", session="s1")


async def test_more_findings_than_a_page_holds_are_all_submitted(repo: Repository) -> None:
    repo.write("app/names.py", "".join(f"print(name_{number})\n" for number in range(600)))
    result = (await play(repo, "reviewer")).result
    assert result is not None
    assert sum(each["rule"] == "F821" for each in result["findings"]) == 600


async def test_each_turn_says_what_it_does_and_the_first_what_it_is(repo: Repository) -> None:
    repo.write("app/total.py", GOOD + "x = 1\n")
    seen = await play(repo, "reviewer")
    assert seen.texts == [
        f"{NOTE}. Looking at what is under review.",
        "Running quality checks on 1 changed file.",
        "Submitting the result.",
    ]
    assert seen.tools == ["git_changes", "lint", "submit_result"]


async def test_the_same_request_gets_the_same_answer(repo: Repository) -> None:
    for name, content in SEEDED.items():
        repo.write(name, content)
    first, second = await play(repo, "reviewer"), await play(repo, "reviewer")
    assert first.messages == second.messages


async def test_without_its_tools_a_reviewer_says_so(repo: Repository) -> None:
    stage = Stage(Workbench(repo.root), Rules(), tools=("read",))
    seen = await stage.play("reviewer", output_of("reviewer"), "Review.")
    assert seen.result is not None
    assert "Not checked: the tool lint is not among this agent's tools" in seen.result["summary"]


@pytest.mark.parametrize("verifier_fails", [False, True])
async def test_without_its_checks_a_change_is_not_approved(
    repo: Repository, verifier_fails: bool
) -> None:
    def fails(_round: int, call: ToolCallEntry) -> Outcome | None:
        return Outcome.ERROR if call.tool == "lint" else None

    stage = Stage(Workbench(repo.root), Rules(), interfere=fails)
    if verifier_fails:
        opening = "Verify the change."
    else:
        reviewed = await stage.play("reviewer", output_of("reviewer"), "Review.")
        opening = block("code-review", "reviewer", reviewed.result)
    seen = await stage.play("verifier", output_of("verifier"), opening)
    assert seen.result is None
    assert "Not approved" in seen.texts[-1]
    assert "checks failed: interfered with" in seen.texts[-1]


async def test_a_failing_tool_is_told_and_does_not_stop_the_review(repo: Repository) -> None:
    def fails(_round: int, call: ToolCallEntry) -> Outcome | None:
        return Outcome.ERROR if call.tool == "lint" else None

    stage = Stage(Workbench(repo.root), Rules(), interfere=fails)
    seen = await stage.play("reviewer", output_of("reviewer"), "Review.")
    assert seen.result is not None
    assert seen.result["summary"].startswith(
        f"{NOTE}. Not everything could be checked; no findings so far. Under review: "
    )
    assert seen.result["summary"].endswith(
        " Not checked: the quality checks failed: interfered with."
    )


@pytest.mark.parametrize("outcome", [Outcome.SKIPPED, Outcome.CANCELLED])
async def test_calls_that_were_cut_short_are_made_again(repo: Repository, outcome: Outcome) -> None:
    repo.write("app/names.py", SEEDED["app/names.py"])

    def once(number: int, _call: ToolCallEntry) -> Outcome | None:
        return outcome if number in {0, 2, 4} else None

    stage = Stage(Workbench(repo.root), Rules(), interfere=once)
    seen = await stage.play("reviewer", output_of("reviewer"), "Review.")
    assert seen.result is not None
    assert seen.tools == [
        tool for tool in ("git_changes", "lint", "submit_result") for _ in range(2)
    ]
    assert any(each["rule"] == "F821" for each in seen.result["findings"])


async def test_a_call_that_never_runs_is_given_up(repo: Repository) -> None:
    def never(_round: int, call: ToolCallEntry) -> Outcome | None:
        return Outcome.SKIPPED if call.tool == "lint" else None

    stage = Stage(Workbench(repo.root), Rules(), interfere=never)
    seen = await stage.play("reviewer", output_of("reviewer"), "Review.")
    assert seen.result is not None
    assert "the quality checks failed" in seen.result["summary"]


async def test_a_refused_result_ends_in_words(repo: Repository) -> None:
    def refuse(_value: JsonObject) -> None:
        raise ToolError("the result does not fit")

    stage = Stage(Workbench(repo.root), Rules(), submit=refuse)
    seen = await stage.play("reviewer", output_of("reviewer"), "Review.")
    assert seen.result is None
    assert seen.tools.count("submit_result") == 1
    assert "the result does not fit" in seen.texts[-1]


@pytest.mark.parametrize("answers", [0, 1, 2])
async def test_when_the_result_is_due_it_submits_what_it_has(
    repo: Repository, answers: int
) -> None:
    repo.write("app/names.py", SEEDED["app/names.py"])
    stage = Stage(Workbench(repo.root), Rules())
    seen = await stage.play("reviewer", output_of("reviewer"), "Review.", due_after=answers)
    assert seen.result is not None
    assert len(seen.texts) == answers + 1
    assert bool(seen.result["findings"]) == (answers == 2)
