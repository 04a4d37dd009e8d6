"""Transcripts of the golden run's sessions."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from crew.entries import (
    Entry,
    ErrorEntry,
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
    UsageEntry,
    UserEntry,
)
from crew.records import ArtifactRef, JsonObject, Usage

BEGINNING = datetime(2026, 1, 31, 12, 4, 33, tzinfo=UTC)
MODEL = "anthropic:claude-sonnet"

REVIEW_PROMPT = """Review the change for mistakes.

The explorer found **4 changed files**; look at `ledger/split.py` first.
"""

PLAN = """## What I will look at

1. `split()` rounds each part by itself
2. who calls **post_entry**

```python
def split(total, n):
    return [round(total / n, 2)] * n
```
"""

SOURCE = "\n".join(
    [
        "1  def split(total, n):",
        '2      """Split a total into n parts."""',
        "3      return [round(total / n, 2)] * n",
    ]
)


def call(name: str, tool: str, **args: object) -> ToolCallEntry:
    return ToolCallEntry(call_id=name, tool=tool, args=args)


def result(name: str, tool: str, text: str, summary: str, ms: int = 0, **more: object) -> Entry:
    fields: JsonObject = {"outcome": Outcome.OK, **more}
    return ToolResultEntry(call_id=name, tool=tool, text=text, summary=summary, ms=ms, **fields)


def usage(tokens: int) -> UsageEntry:
    return UsageEntry(model=MODEL, usage=Usage(input_tokens=tokens), stop="tool_calls", ms=900)


def stamped(entries: Sequence[Entry], turns: Sequence[int] = ()) -> list[Entry]:
    """Entries numbered and timed as a recorder would."""
    turn, made = 0, []
    for row, entry in enumerate(entries):
        turn = turns[row] if turns else turn
        at = BEGINNING + timedelta(seconds=row)
        made.append(entry.model_copy(update={"id": row, "at": at, "turn": turn}))
    return made


REVIEW: list[Entry] = [
    SystemEntry(text="You review one change.", model=MODEL, tools=("read", "lint", "shell")),
    UserEntry(text=REVIEW_PROMPT),
    ThinkingEntry(text="The rounding in split() looks suspicious. I read it first."),
    TextEntry(text=PLAN),
    call("c1", "lint", profile="quality"),
    call("c2", "read", path="ledger/split.py"),
    usage(9_000),
    result("c1", "lint", '{"total": 2}', "2 findings", 400),
    result("c2", "read", SOURCE, "3 lines"),
    call("c3", "spawn_agent", agent="explorer", prompt="Who calls post_entry?"),
    usage(11_000),
    result(
        "c3",
        "spawn_agent",
        "post_entry is called from 3 places",
        "completed",
        4_800,
        session="code-review.explorer-1",
    ),
    SteerEntry(text="look at the rounding\nin split()", command="c-1"),
    NoticeEntry(text="80 % of the run's token budget is used"),
    call("c4", "grep", pattern="round(", path="ledger"),
    call("c5", "edit", path="notes.md", old="todo", new="done"),
    usage(12_000),
    result("c4", "grep", "ledger/split.py:3: return [round(", "1 match"),
    PermissionEntry(
        call_id="c5", tool="edit", preview="notes.md", decision="denied", reason="read only"
    ),
    result("c5", "edit", "edit was denied: read only", "denied", outcome=Outcome.DENIED),
    TextEntry(text="Two findings: parts that do not add up, and an unused import."),
    ErrorEntry(title="Model", text="the provider is overloaded, trying again in 2 s"),
    call("c6", "submit_result", summary="2 findings", findings=[{}, {}]),
    usage(13_000),
    result("c6", "submit_result", "accepted", "accepted"),
    ResultEntry(
        artifact=ArtifactRef(name="code-review.result.json", sha256="17" * 32, size=1234),
        preview="2 findings: parts that do not add up, an unused import",
    ),
]
EXPLORER: list[Entry] = [
    UserEntry(text="Who calls post_entry?"),
    call("g1", "grep", pattern="post_entry("),
    usage(3_000),
    result("g1", "grep", "ledger/api.py:12\nledger/cli.py:40\ntests/test_post.py:9", "3 matches"),
    TextEntry(text="post_entry is called from 3 places."),
]
TURNS = [0, 0, *[1] * 7, *[2] * 3, *[3] * 11, *[4] * 5]


def golden_transcripts() -> dict[str, Sequence[Entry]]:
    """The transcripts that the golden run left, by session."""
    return {
        "code-review": stamped(REVIEW, TURNS[: len(REVIEW)]),
        "code-review.explorer-1": stamped(EXPLORER),
        "explore": stamped([UserEntry(text="Map the change.")]),
    }
