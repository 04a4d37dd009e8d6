"""The bundled definitions, and files made from them by accident."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from crew.definitions import KINDS, SESSION_TOOLS, TOOLS, Kind, Library, bundled_root
from crew.definitions.parser import parse_bytes
from crew.definitions.templates import template
from crew.definitions.types import Plan, Source
from crew.tools import registry

LIBRARY = Library.load(None, None, bundled_root())
AGENTS = (
    "analyst",
    "critic",
    "executor",
    "explorer",
    "planner",
    "reviewer",
    "security-reviewer",
    "test-engineer",
    "verifier",
    "writer",
)
TEAMS = ("default", "fast-fix", "implementation", "parallel-research", "research", "review")
FILES: list[tuple[Kind, Path]] = [
    (kind, Path(entry.source.path)) for kind in KINDS for entry in LIBRARY.entries(kind)
]
FINDING = {
    "title": "The loop skips the last row",
    "body": "With one row `range(len(rows) - 1)` is empty, so nothing is written.",
    "priority": "P1",
    "confidence": 0.9,
    "file": "app/export.py",
    "line": 41,
    "end_line": 42,
    "rule": "off-by-one",
    "quote": "    for i in range(len(rows) - 1):",
}
CHANGE = {
    "summary": "`ls --json` prints one object a run; 3 tests pass.",
    "changed": ["app/ls.py", "tests/test_ls.py"],
    "commands": [{"command": "pytest -q", "exit_code": 0, "note": "3 passed"}],
}
EXAMPLES: dict[str, Any] = {
    "analyst": {
        "summary": "Retries stop after five.",
        "answers": [
            {"claim": "five", "file": "app/retry.py", "line": 9, "evidence": "`LIMIT = 5`"}
        ],
    },
    "critic": {
        "verdict": "revise",
        "summary": "The second claim does not hold.",
        "problems": [{"title": "Wrong limit", "body": "retry.py:9 says 5", "severity": "high"}],
    },
    "executor": CHANGE,
    "explorer": {
        "summary": "One new flag, used in two places.",
        "files": [
            {"path": "app/ls.py", "change": "modified", "added": 12, "removed": 3, "note": "flag"}
        ],
        "tests": ["tests/test_ls.py"],
        "areas": [{"name": "output", "paths": ["app/ls.py"], "why": "scripts parse it"}],
        "answers": [{"claim": "`ls` prints in cli.py", "file": "app/cli.py", "line": 7}],
    },
    "planner": {
        "summary": "Add the flag, then its document.",
        "tasks": [
            {
                "id": "flag",
                "title": "Add --json",
                "goal": "Print one object a run, as app/ps.py:30 does.",
                "files": ["app/ls.py"],
                "acceptance": ["`ls --json | python -m json.tool` exits 0"],
            }
        ],
    },
    "reviewer": {"summary": "Sound but for one loop.", "findings": [FINDING]},
    "security-reviewer": {"summary": "The path is checked.", "findings": []},
    "test-engineer": CHANGE,
    "verifier": {
        "verdict": "request_changes",
        "summary": "The loop drops a row.",
        "findings": [FINDING],
        "dropped": [{"title": "Slow", "file": "a.py", "line": 3, "reason": "runs once"}],
    },
    "writer": {"summary": "Retries stop after five.", "document": "# Retries\n\nFive.\n"},
}


def test_the_library_has_what_it_promises_and_no_problem() -> None:
    assert LIBRARY.check() == []
    assert LIBRARY.names("agent") == AGENTS
    assert LIBRARY.names("team") == LIBRARY.names("workflow") == TEAMS


def test_the_known_tools_are_those_that_exist() -> None:
    assert frozenset(registry.TOOL_NAMES) == TOOLS
    assert frozenset(registry.SESSION_TOOLS) == SESSION_TOOLS


@pytest.mark.parametrize("team", TEAMS)
def test_every_team_becomes_a_plan_that_a_manifest_can_hold(team: str) -> None:
    plan = LIBRARY.plan(team)
    assert plan.workflow.name == team
    assert {step.role for step in plan.workflow.steps} == set(plan.roles)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


@pytest.mark.parametrize("agent", AGENTS)
def test_the_result_of_every_agent_takes_a_real_one_and_nothing_less(agent: str) -> None:
    schema = jsonschema_rs.validator_for(LIBRARY.agent(agent).output)
    schema.validate(EXAMPLES[agent])
    for key in LIBRARY.agent(agent).output["required"]:
        assert not schema.is_valid({k: v for k, v in EXAMPLES[agent].items() if k != key})


@pytest.mark.parametrize("agent", ["reviewer", "security-reviewer", "verifier"])
@pytest.mark.parametrize(
    "change",
    [
        {"priority": "P4"},
        {"confidence": 1.1},
        {"line": 0},
        {"end_line": 0},
        {"file": ""},
        {"severity": "high"},
    ],
)
def test_a_finding_keeps_its_shape(agent: str, change: dict[str, Any]) -> None:
    schema = jsonschema_rs.validator_for(LIBRARY.agent(agent).output)
    assert not schema.is_valid(EXAMPLES[agent] | {"findings": [FINDING | change]})


def test_findings_have_the_same_shape_everywhere() -> None:
    shapes = [
        LIBRARY.agent(agent).output["properties"]["findings"]
        for agent in ("reviewer", "security-reviewer", "verifier")
    ]
    assert shapes[0] == shapes[1] == shapes[2]


@pytest.mark.parametrize("agent", AGENTS)
def test_only_those_who_make_things_may_change_them(agent: str) -> None:
    tools = set(LIBRARY.agent(agent).tools or ())
    makers = {"executor", "test-engineer", "writer"}
    assert bool(tools & {"write", "edit"}) is (agent in makers)
    assert ("shell" in tools) is (agent in makers - {"writer"})


@pytest.mark.parametrize("team", TEAMS)
def test_only_teams_that_make_things_grant_anything(team: str) -> None:
    granted = LIBRARY.team(team).permissions
    assert granted == (("write", "execute") if team in {"fast-fix", "implementation"} else ())


@pytest.mark.parametrize("team", TEAMS)
def test_only_a_review_knows_what_to_do_without_a_goal(team: str) -> None:
    assert LIBRARY.team(team).goal == ("optional" if team == "review" else "required")


@pytest.mark.parametrize(("kind", "path"), FILES, ids=lambda value: getattr(value, "name", value))
def test_every_key_of_a_bundled_file_ends_up_in_its_definition(kind: Kind, path: Path) -> None:
    entry = LIBRARY.entry(kind, path.stem)
    assert entry.definition is not None
    values = entry.definition.model_dump(mode="json")
    head, body = path.read_text("utf-8").removeprefix("---\n").split("\n---\n", 1)
    raw = yaml.safe_load(head)
    assert set(raw) <= set(values)
    for key in set(raw) - {"timeout", "members", "budget"}:
        assert values[key] == raw[key]
    if kind == "agent":
        assert values["prompt"] == body.strip()
        assert len(path.read_text("utf-8").splitlines()) >= 25
    assert (
        type(entry.definition).model_validate_json(entry.definition.model_dump_json())
        == entry.definition
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["mine", "1", "-", "true", "null", "0-0", "a" * 64])
def test_a_new_file_is_valid_whatever_its_name(kind: Kind, name: str) -> None:
    source = Source(path=f"{name}.md", layer="project")
    parsed = parse_bytes(template(kind, name).encode(), kind, name, source)
    assert parsed.problems == ()
    assert parsed.definition is not None
    assert parsed.definition.name == name


NOISE = [text.encode() for text in ("---\n", "## a\n", "```\n", "- ", "? ", "| \n", "!!str ")]
NOISE += [text.encode() for text in ("", "\n", "\t", ": ", "{", "]", "*a", "&a ", "'", "\r", "{x}")]
NOISE += [b"\xff", b"\x00", "\N{RIGHT-TO-LEFT OVERRIDE}".encode()]


@st.composite
def damaged(draw: st.DrawFn) -> tuple[Kind, str, bytes]:
    """A bundled file with a few of its bytes replaced, removed, doubled or moved."""
    kind, path = draw(st.sampled_from(FILES))
    data = path.read_bytes()
    noise = st.sampled_from(NOISE) | st.binary(max_size=4)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from([0, 0, 1, 7, 200])))
        data = data[:start] + draw(noise) + data[end:]
    return kind, path.stem, data


def check_places(kind: Kind, name: str, data: bytes) -> None:
    parsed = parse_bytes(data, kind, name, Source(path="x.md", layer="project"))
    assert (parsed.definition is None) == bool(parsed.problems)
    lines = data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    for found in parsed.problems:
        assert 0 <= found.line <= len(lines)
        width = len(lines[found.line - 1]) if found.line else 0
        assert 0 <= found.column <= width + 1
        assert str(found).isprintable()


@settings(max_examples=300, deadline=None)
@given(damaged())
def test_a_damaged_file_gives_problems_with_places_in_it(made: tuple[Kind, str, bytes]) -> None:
    check_places(*made)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(KINDS), st.binary(max_size=80), st.text(max_size=60))
def test_any_bytes_give_problems_with_places_in_them(kind: Kind, data: bytes, text: str) -> None:
    check_places(kind, "x", data)
    check_places(kind, "x", b"---\n" + text.encode("utf-8", "replace") + b"\n---\n" + data)
