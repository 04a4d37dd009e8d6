"""Pure projections of events for front ends: no terminal, no clock, no disk."""

from crew.view.findings import (
    Finding,
    Priority,
    breaks,
    findings,
    summary,
    tally,
    verdict,
    worst,
)
from crew.view.fold import RunFold, replay
from crew.view.lines import clock, command_words, event_line, usage_words
from crew.view.rows import Mark, Row, doing, mark, rows, status_words, task_words
from crew.view.state import (
    CommandView,
    NoticeView,
    PermissionView,
    RunView,
    SessionView,
    TaskView,
    Totals,
)
from crew.view.transcript import Block, Tone, entry_block
from crew.view.words import (
    RULES_NOTE,
    age,
    counted,
    duration,
    money,
    one_line,
    short_count,
    tool_words,
)

__all__ = [
    "RULES_NOTE",
    "Block",
    "CommandView",
    "Finding",
    "Mark",
    "NoticeView",
    "PermissionView",
    "Priority",
    "Row",
    "RunFold",
    "RunView",
    "SessionView",
    "TaskView",
    "Tone",
    "Totals",
    "age",
    "breaks",
    "clock",
    "command_words",
    "counted",
    "doing",
    "duration",
    "entry_block",
    "event_line",
    "findings",
    "mark",
    "money",
    "one_line",
    "replay",
    "rows",
    "short_count",
    "status_words",
    "summary",
    "tally",
    "task_words",
    "tool_words",
    "usage_words",
    "verdict",
    "worst",
]
