"""The tool `lint`: every check that needs no model, over what is under review."""

import json
from collections import OrderedDict
from typing import Literal

from pydantic import Field

from crew.tools.lint.finding import Profile
from crew.tools.lint.scan import Report, scan
from crew.tools.protocol import Effect, Tool, ToolArgs, ToolContext, ToolOutput

_PAGE_CHARS = 50_000
"""Less than what a session gives its model of one call, so that a page is never cut."""
_KEPT_REPORTS = 8
_PROFILES: dict[str, tuple[Profile, ...]] = {
    "quality": ("quality",),
    "security": ("security",),
    "all": ("quality", "security"),
}


class LintArgs(ToolArgs):
    """Which checks, over which part of the change, and which page of what they found."""

    profile: Literal["quality", "security", "all"] = Field(
        default="all", description="Which checks to run."
    )
    paths: tuple[str, ...] = Field(
        default=(), description="Only these files and folders; empty means the whole change."
    )
    offset: int = Field(default=0, ge=0, description="Number of findings to skip, to go on.")
    limit: int = Field(default=200, ge=1, le=1_000, description="Findings to give at most.")


class Lint(Tool[LintArgs]):
    """Checks what is under review, without a model."""

    name = "lint"
    description = (
        "Checks what is under review with ruff's rules for Python and rules over the diff for "
        "every language: secrets, injection, conflict markers, leftover debugging, disabled tests, "
        "swallowed errors, over-long functions. Gives JSON: note, failed (checks that did not run "
        "to their end), total, offset, next (the offset to go on with, or null) and findings "
        "(title, body, priority P0 to P3, confidence, file, line, end_line, rule, quote), the "
        "change's own lines first."
    )
    effect = Effect.READ
    concurrent = True
    interruptible = True
    path_args = ("paths",)
    args = LintArgs

    def __init__(self) -> None:
        self._reports: OrderedDict[tuple[object, ...], Report] = OrderedDict()

    async def run(self, args: LintArgs, ctx: ToolContext) -> ToolOutput:
        """Run the checks and give one page of findings."""
        for path in args.paths:
            ctx.workspace.resolve(path)
        report = await self._report(args, ctx)
        total = len(report.findings)
        return ToolOutput(
            text=_page(report, args),
            summary=f"{total} {'finding' if total == 1 else 'findings'} in {report.checked} files",
        )

    async def _report(self, args: LintArgs, ctx: ToolContext) -> Report:
        """The first page checks anew; the next ones go on in what it found, so none shifts."""
        key = (ctx.workspace.root, ctx.session, ctx.scope, args.profile, args.paths)
        kept = self._reports.get(key)
        if kept is not None and args.offset:
            return kept
        report = await scan(ctx.workspace, ctx.scope, _PROFILES[args.profile], args.paths)
        self._reports[key] = report
        self._reports.move_to_end(key)
        while len(self._reports) > _KEPT_REPORTS:
            self._reports.popitem(last=False)
        return report


def _page(report: Report, args: LintArgs) -> str:
    """One page as JSON, a finding on each line, cut at whole findings."""
    rows: list[str] = []
    size = 0
    for found in report.findings[args.offset : args.offset + args.limit]:
        row = json.dumps(found.as_json(), ensure_ascii=False)
        size += len(row) + 2
        if rows and size > _PAGE_CHARS:
            break
        rows.append(row)
    after = args.offset + len(rows)
    total = len(report.findings)
    head = {
        "note": _note(report, args),
        "failed": report.failed,
        "total": total,
        "offset": args.offset,
        "next": after if after < total else None,
    }
    opening = json.dumps(head, ensure_ascii=False)[:-1]
    body = ",\n".join(rows)
    return f'{opening}, "findings": [{body}]}}'


def _note(report: Report, args: LintArgs) -> str:
    counted = f"{report.checked} changed {'file' if report.checked == 1 else 'files'}"
    return "; ".join([f"{args.profile} checks on {counted}: {report.subject}", *report.notes])
