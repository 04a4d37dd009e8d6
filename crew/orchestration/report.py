"""The run's final report as Markdown: the verdict first, then what it rests on."""

import json
from collections.abc import Mapping, Sequence
from textwrap import indent
from typing import Any

from crew.orchestration.board import DEAD, Task
from crew.records import Failure, Status

_PRIORITIES = ("P0", "P1", "P2", "P3")
_NOTHING = "There was nothing to review"


def report_markdown(
    *,
    team: str,
    goal: str,
    note: str,
    status: Status,
    error: Failure | None,
    result: Any,
    tasks: Sequence[Task],
) -> str:
    """Write the report.

    Args:
        note: The lines it opens with, such as what `rules` is; empty for none. A summary that
            opens with one of them is shown without.
        result: The validated result of the run, None when there is none.
    """
    parts = note.splitlines()
    parts.append(f"# {team}: {_headline(status, result)}")
    if goal:
        parts.append(f"Goal: {goal}")
    if error is not None:
        parts.append(
            f"**{error.title}**: {error.message}" + (f" ({error.hint})" if error.hint else "")
        )
    if result is not None:
        parts.append(_body(result, note))
    troubled = [task for task in tasks if task.error is not None or task.status in DEAD]
    if troubled:
        lines = [f"- {task.id}: {_ended(task)}" for task in troubled]
        parts.append("\n".join(["## Tasks that did not complete", "", *lines]))
    return "\n\n".join(parts) + "\n"


def _headline(status: Status, result: Any) -> str:
    if status is not Status.COMPLETED:
        return status.value.replace("_", " ")
    verdict = result.get("verdict") if isinstance(result, dict) else None
    words = str(verdict).replace("_", " ") if verdict else "completed"
    return f"{words} (nothing to review)" if verdict and _is_empty(result) else words


def _is_empty(result: Mapping[str, Any]) -> bool:
    return _NOTHING in str(result.get("summary", ""))


def _ended(task: Task) -> str:
    return task.status if task.error is None else f"{task.status}: {task.error.message}"


def _body(result: Any, note: str) -> str:
    if not isinstance(result, dict):
        return _value(result)
    parts = []
    document = _without(note, str(result.get("document") or ""))
    for key, value in result.items():
        match key:
            case "verdict":
                continue
            case "document":
                parts.append(document)
            case "summary":
                summary = _without(note, str(value))
                parts += [summary] if summary not in document else []
            case "findings":
                parts.append("" if not value and _is_empty(result) else _findings(value))
            case _:
                if value not in (None, "", [], {}):
                    parts.append(f"## {key.replace('_', ' ').capitalize()}\n\n{_value(value)}")
    return "\n\n".join(part for part in parts if part)


def _without(note: str, text: str) -> str:
    """A text that says what it is on its own, in a report that says so already."""
    for line in note.splitlines():
        text = text.removeprefix(f"{line}.").lstrip()
    return text


def _findings(findings: Any) -> str:
    if not isinstance(findings, list) or not findings:
        return "No findings."
    known = [finding for finding in findings if isinstance(finding, dict)]
    known.sort(key=lambda finding: _rank(finding.get("priority")))
    return "\n\n".join(["## Findings", *(_finding(finding) for finding in known)])


def _rank(priority: Any) -> int:
    return _PRIORITIES.index(priority) if priority in _PRIORITIES else len(_PRIORITIES)


def _finding(finding: Mapping[str, Any]) -> str:
    line = finding.get("line")
    place = f"{finding.get('file', '')}" + (f":{line}" if line else "")
    head = f"### {finding.get('priority', '')} {finding.get('title', '')}"
    rule = f" ({finding['rule']})" if finding.get("rule") else ""
    parts = [head, f"`{place}`{rule}", str(finding.get("body", ""))]
    if finding.get("quote"):
        parts.append(_fenced(str(finding["quote"])))
    return "\n\n".join(part for part in parts if part)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(f"- {_line(item)}" for item in value)
    return _fenced(json.dumps(value, ensure_ascii=False, indent=2), "json")


def _line(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    words = {key: value for key, value in item.items() if value not in (None, "", [], {})}
    file, line = words.pop("file", None), words.pop("line", None)
    place = f"{file}:{line}" if file and line else str(file or "")
    long = [key for key, value in words.items() if isinstance(value, str) and "\n" in value]
    blocks = [_fenced(words.pop(key)) for key in long]
    said = "; ".join(_pair(key, value) for key, value in words.items())
    head = f"`{place}` {said.removeprefix(f'{place}: ')}" if place else said
    return "\n\n".join([head, *(indent(block, "  ") for block in blocks)])


def _pair(key: str, value: Any) -> str:
    if key in ("title", "claim", "path", "name", "command", "id"):
        return str(value)
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"{key}: {shown}"


def _fenced(text: str, language: str = "") -> str:
    longest = max((len(run) for run in text.split("\n") if set(run.strip()) == {"`"}), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
