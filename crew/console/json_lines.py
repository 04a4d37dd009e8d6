"""The JSON display: what `crew run --json` prints, one JSON object a line, for programs.

Each line has a `kind`, and is one of three things:

- An **event**, exactly as in the run's `events.jsonl`: `v`, `seq` (from 1, gapless), `at`, `run`,
  `epoch`, `session` and `task` (or null), `kind`, and the kind's own fields. A run that goes on
  (`crew resume`, `retry`, `fork`) is told from its first event again.
- `progress`: a session now; the newest counts, and none follows its `session.ended`. `session`,
  `status`, `turn`, `max_turns`, `tool`, `preview`, `tools`, `usage`, `context_tokens`, `lines`,
  `started`, `updated`, `finished`.
- `outcome`, the last line, once: `v`, `run`, `status`, `exit_code` (that of the process),
  `verdict` (string or null), `result` (the validated result or null), `error` (`title`,
  `message`, `hint`, or null), `usage`, `folder` (the run's) and `report` (path or null).

New kinds and fields may appear while `v` stays; a reader skips what it does not know.
"""

import json
from typing import TYPE_CHECKING, Any

from crew.console.output import Output
from crew.entries import Entry, UnknownEntry
from crew.errors import ExitCode
from crew.events import Event, RunStarted, Unknown
from crew.feed import Feed, Grew
from crew.progress import Progress
from crew.records import SCHEMA_VERSION
from crew.view import RULES_HINT, RULES_NOTE, verdict

if TYPE_CHECKING:
    from crew.service import RunOutcome


class JsonDisplay:
    """Writes every event and every progress as a line.

    Args:
        out: Where the lines go.
        notes: Where a word to people goes.
        after: The last event that needs no line.
    """

    def __init__(self, out: Output, notes: Output, *, after: int = 0) -> None:
        self._out = out
        self._notes = notes
        self._after = after

    async def follow(self, feed: Feed) -> None:
        """Write lines until the run ends or the reader has gone."""
        async with feed.subscribe(after=self._after) as items:
            async for item in items:
                if isinstance(item, Grew):
                    continue
                if isinstance(item, RunStarted) and item.model == "rules":
                    self.say(f"{RULES_NOTE}; {RULES_HINT}")
                line = progress_json(item) if isinstance(item, Progress) else event_json(item)
                await self._out.write(f"{line}\n")
                if self._out.closed:
                    return

    def say(self, note: str) -> None:
        """Write a line among the notes."""
        self._notes.put(f"{note}\n")


def event_json(event: Event) -> str:
    """An event as its journal line; one of an unknown kind as it was read."""
    if isinstance(event, Unknown):
        return dumps(event.raw)
    return event.model_dump_json()


def entry_json(entry: Entry) -> str:
    """An entry as its transcript line; one of an unknown kind as it was read."""
    if isinstance(entry, UnknownEntry):
        return dumps(entry.raw)
    return entry.model_dump_json()


def progress_json(progress: Progress) -> str:
    """A session's progress as a line of kind `progress`."""
    return f'{{"kind":"progress",{progress.model_dump_json()[1:]}'


def outcome_json(outcome: "RunOutcome", exit_code: ExitCode) -> str:
    """How the run ended, as the line of kind `outcome`."""
    report = outcome.folder / "report.md"
    return dumps(
        {
            "kind": "outcome",
            "v": SCHEMA_VERSION,
            "run": outcome.run,
            "status": outcome.status,
            "exit_code": exit_code,
            "verdict": verdict(outcome.result),
            "result": outcome.result,
            "error": outcome.error.model_dump() if outcome.error else None,
            "usage": outcome.usage.model_dump(),
            "folder": str(outcome.folder),
            "report": str(report) if report.is_file() else None,
        }
    )


def dumps(value: Any) -> str:
    """Compact JSON of one line, in the encoding-proof form that any stream can carry."""
    return json.dumps(value, separators=(",", ":"))
