"""A workflow's body: headings, a YAML block under each, and the prompt that follows."""

import re
from dataclasses import dataclass

from crew.definitions import nodes
from crew.definitions.fields import NAME, NAME_RULE, Fields, present
from crew.definitions.files import Document
from crew.definitions.graph import check_graph
from crew.definitions.references import check_references
from crew.definitions.report import Place, Report, shown
from crew.definitions.types import Step

MAX_STEPS = 200

Places = dict[tuple[str, ...], Place]

_KEYS = ("role", "needs", "when", "foreach", "fold", "output", "retries", "timeout", "budget")
_PLANNED = ("team", "delivery", "isolation", "speculate", "plan", "priority")
# As in CommonMark: what follows an opening of backticks has none.
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """One heading and the lines under it, the first of them on `line` + 1."""

    id: str
    line: int
    lines: list[str]


def read_steps(document: Document, report: Report, places: Places) -> tuple[Step, ...]:
    """The steps that have no problem of their own; `places` takes where their keys stand."""
    sections = _sections(document, report)
    if not sections:
        report.add(Place(document.body_line, 1), "no steps", "add one under `## step-id`")
    if len(sections) > MAX_STEPS:
        at = Place(sections[MAX_STEPS].line, 1)
        report.add(at, f"more than {MAX_STEPS} steps", "split the workflow")
        return ()
    first: dict[str, int] = {}
    steps: list[Step] = []
    for section in sections:
        at = Place(section.line, 4)
        if section.id in first:
            message = f"the step `{shown(section.id)}` exists already"
            report.add(at, message, f"it is on line {first[section.id]}: rename one of them")
        elif not NAME.match(section.id):
            report.add(at, f"a step can't be named `{shown(section.id)}`", _slug(section.id))
        is_first = first.setdefault(section.id, section.line) == section.line
        step = _step(section, report, places if is_first else {})
        if step is not None and is_first:
            steps.append(step)
    check_graph(steps, first, report, places)
    check_references(steps, first, report, places)
    return tuple(step for step in steps if step.role)


def _sections(document: Document, report: Report) -> list[_Section]:
    sections: list[_Section] = []
    fence, fence_line, stray = "", 0, False
    for number, line in enumerate(document.body.split("\n"), start=document.body_line):
        mark = _FENCE.match(line)
        if not fence and line.startswith("## "):
            sections.append(_Section(id=line[3:].strip(), line=number, lines=[]))
            continue
        if mark and not fence:
            fence, fence_line = mark[1], number
        elif mark and mark[1].startswith(fence) and not line[mark.end() :].strip():
            fence = ""
        if sections:
            sections[-1].lines.append(line)
        elif line.strip() and not stray:
            stray = True
            report.add(Place(number, 1), "text before the first step", "move it under a `## step`")
    if fence:
        at = Place(fence_line, 1)
        report.add(at, "this code block has no end, so no step is seen after it", "close it")
    return sections


def _step(section: _Section, report: Report, places: Places) -> Step | None:
    block, block_line, prompt, prompt_line = _parts(section)
    places["steps", section.id] = Place(section.line, 4)
    places["steps", section.id, "prompt"] = Place(prompt_line, 1)
    if not prompt.strip():
        hint = "leave a blank line after the keys, then write it"
        report.add(Place(section.line, 4), "the step has no prompt", hint)
    if not block.strip():
        hint = "write `role: ...` right under the heading"
        report.add(Place(section.line, 4), "`role` is missing", hint)
        return None
    node = nodes.compose(block, block_line, report)
    if node is None:
        return None
    fields = Fields(node, report, known=_KEYS, planned=_PLANNED, prefix=("steps", section.id))
    fields.missing("role")
    set_ = present(
        id=section.id,
        role=fields.name("role"),
        needs=fields.names("needs"),
        when=fields.text("when"),
        foreach=fields.text("foreach"),
        fold=fields.choice("fold", ("concat",)),
        output=fields.schema("output"),
        retries=fields.whole("retries", 0, 10),
        timeout=fields.duration("timeout"),
        budget=fields.budget("budget"),
        prompt=prompt.strip("\n"),
        line=section.line,
    )
    places |= fields.places
    if "fold" in set_ and "foreach" not in node.items:
        at = fields.places["steps", section.id, "fold"]
        report.add(at, "`fold` needs `foreach`", "remove it, or add `foreach: steps.ID.result...`")
    # What it needs and refers to can be judged without a role.
    return Step(**set_) if "role" in set_ else Step.model_construct(**set_, role="")


def _parts(section: _Section) -> tuple[str, int, str, int]:
    """The YAML block and the prompt, each with the line where it begins."""
    lines = section.lines
    start = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    end = next((i for i in range(start, len(lines)) if not lines[i].strip()), len(lines))
    first = next((i for i in range(end, len(lines)) if lines[i].strip()), end)
    block, prompt = "\n".join(lines[start:end]), "\n".join(lines[first:])
    return block, section.line + 1 + start, prompt, section.line + 1 + first


def _slug(text: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", text[:64].lower()).strip("-")
    return f"write `## {slug}`" if slug else NAME_RULE
