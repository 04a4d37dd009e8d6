from typing import Any, get_args

import pytest

from crew.entries import (
    Entry,
    ErrorEntry,
    KnownEntry,
    Outcome,
    PermissionEntry,
    TextEntry,
    ToolCallEntry,
    ToolResultEntry,
    UnknownEntry,
    UsageEntry,
    UserEntry,
)
from crew.records import ArtifactRef, Usage
from crew.view import Block, Tone, entry_block

REF = ArtifactRef(name="out.txt", sha256="0" * 64, size=3)


def result(**changes: Any) -> ToolResultEntry:
    base = {"call_id": "c", "tool": "grep", "outcome": Outcome.OK, "text": "a\nb", "ms": 12}
    return ToolResultEntry(**{**base, **changes})


@pytest.mark.parametrize(
    ("entry", "block"),
    [
        (UserEntry(text="do it"), Block(label="task", body="do it")),
        (UserEntry(text="go on", source="crew"), Block(label="crew", body="go on")),
        (TextEntry(text="so far", partial=True), Block(label="text (cut)", body="so far")),
        (
            ToolCallEntry(call_id="c", tool="grep", args={"pattern": "x y", "limit": 3}),
            Block(label="call", head="grep pattern='x y' limit=3"),
        ),
        (
            ToolCallEntry(call_id="c", tool="grep", args={}, invalid="{oops"),
            Block(label="call", head="grep", body="{oops", tone=Tone.BAD),
        ),
        (
            result(summary="2 matches"),
            Block(label="output", head="grep, 2 matches (12 ms)", body="a\nb", tone=Tone.SECONDARY),
        ),
        (
            result(outcome=Outcome.DENIED, artifact=REF, session="s.explorer-1"),
            Block(
                label="output",
                head="grep, denied, session s.explorer-1, "
                "whole output in artifacts/out.txt (12 ms)",
                body="a\nb",
                tone=Tone.BAD,
            ),
        ),
        (
            ErrorEntry(title="Model", text="no key", hint="set one"),
            Block(label="error", head="Model", body="no key\nset one", tone=Tone.BAD),
        ),
        (
            PermissionEntry(
                call_id="c", tool="shell", preview="ls", decision="denied", reason="no"
            ),
            Block(label="permission", head="shell ls denied: no", tone=Tone.BAD),
        ),
        (
            UsageEntry(model="m", usage=Usage(input_tokens=1500), stop="end", ms=80, turn=2),
            Block(label="usage", head="turn 2: 1.5k tokens, 80 ms, end", tone=Tone.SECONDARY),
        ),
        (
            UnknownEntry(kind="new", raw={}),
            Block(
                label="unknown",
                head="new (this version of crew does not know it)",
                tone=Tone.SECONDARY,
            ),
        ),
    ],
)
def test_an_entry_is_told_as_a_block(entry: Entry, block: Block) -> None:
    assert entry_block(entry) == block


def test_every_kind_of_entry_has_a_block_that_is_clean() -> None:
    evil = "a\x1b]0;x\x07\u202eb"
    given = {
        "text": evil,
        "title": evil,
        "hint": evil,
        "call_id": "c",
        "tool": "grep",
        "args": {evil: evil},
        "outcome": "ok",
        "summary": evil,
        "command": "c",
        "model": "m",
        "usage": {},
        "stop": evil,
        "preview": evil,
        "decision": "denied",
        "reason": evil,
        "artifact": {**REF.model_dump(), "name": evil},
        "source": "task",
    }
    union, _ = get_args(KnownEntry)
    for kind in get_args(union):
        fields = {key: value for key, value in given.items() if key in kind.model_fields}
        block = entry_block(kind.model_validate(fields))
        shown = f"{block.label}{block.head}{block.body}"
        assert not set("\x1b\x07\u202e") & set(shown), kind
