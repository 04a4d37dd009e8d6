"""The tool `git_changes`: what is under review, as a table and a diff that can be paged through."""

from collections.abc import Iterator, Sequence

from pydantic import Field

from crew.tools.changes import Change, ChangeSet, Hunk, Survey, load_hunks, survey
from crew.tools.protocol import Effect, Tool, ToolArgs, ToolContext, ToolOutput
from crew.tools.workspace import shown

_PAGE_CHARS = 58_000
"""Less than what a session gives its model of one call, so that a page is never cut."""
_TABLE_CHARS = 20_000
_TABLE_ROWS = 400
_PAGE_FILES = 200
_LINE_LIMIT = 2_000
_LETTERS = {
    "added": "A",
    "copied": "C",
    "deleted": "D",
    "modified": "M",
    "renamed": "R",
    "typechange": "T",
}


class GitChangesArgs(ToolArgs):
    """Which part of the change to show."""

    paths: tuple[str, ...] = Field(
        default=(), description="Only these files and folders; empty means the whole change."
    )
    diff: bool = Field(default=True, description="Whether to show the diff below the file table.")
    offset: int = Field(default=0, ge=0, description="Number of files to skip, to go on.")
    line: int = Field(
        default=0, ge=0, description="Lines of the first file's diff to skip, to go on inside it."
    )


class GitChanges(Tool[GitChangesArgs]):
    """Shows what is under review."""

    name = "git_changes"
    description = (
        "What is under review: uncommitted changes if there are any, else the branch against its "
        "merge base with the default branch, else the last commit; outside git the whole folder. "
        "Gives what is compared, a table of changed files (status, path, lines added and removed) "
        "and the diff of as many files as fit, with how to go on."
    )
    effect = Effect.READ
    concurrent = True
    interruptible = True
    path_args = ("paths",)
    args = GitChangesArgs

    def __init__(self) -> None:
        self._kept: tuple[tuple[object, ...], Survey] | None = None

    async def run(self, args: GitChangesArgs, ctx: ToolContext) -> ToolOutput:
        """Survey the change and show one page of it."""
        for path in args.paths:
            ctx.workspace.resolve(path)
        found = (await self._survey(args, ctx)).within(args.paths)
        page = await _page(found, args, ctx)
        text = "\n".join([*_heading(found.set), *page])
        return ToolOutput(text=text, summary=_summary(found.set))

    async def _survey(self, args: GitChangesArgs, ctx: ToolContext) -> Survey:
        """The first page looks anew; the next ones go on in what it found, so none shifts."""
        key = (ctx.workspace.root, ctx.session, ctx.scope)
        if (args.offset or args.line) and self._kept is not None and self._kept[0] == key:
            return self._kept[1]
        found = await survey(ctx.workspace, ctx.scope)
        self._kept = (key, found)
        return found


async def _page(found: Survey, args: GitChangesArgs, ctx: ToolContext) -> list[str]:
    changes = found.set.changes
    rest = changes[args.offset :]
    if not rest:
        where = f"offset {args.offset} is past the last of {len(changes)} files"
        return ["nothing has changed" if not changes else where]
    table = _table(rest, args.offset)
    if not args.diff:
        return table
    room = _PAGE_CHARS - (_width(table) if args.offset == 0 else _TABLE_CHARS)
    loaded = await load_hunks(ctx.workspace, found, rest[:_PAGE_FILES])
    diff = _Diff(loaded.changes, args.offset, len(changes), args.line)
    body = diff.render(room)
    if args.offset:
        table = [_row(change) for change in rest[: max(1, diff.next_offset - args.offset)]]
    return [*table, "", *body]


def _heading(found: ChangeSet) -> list[str]:
    return [found.title, *(f"note: {note}" for note in found.notes), _summary(found)]


def _summary(found: ChangeSet) -> str:
    added = sum(change.added for change in found.changes)
    removed = sum(change.removed for change in found.changes)
    count = len(found.changes)
    return f"{count} {'file' if count == 1 else 'files'} changed, +{added} -{removed}"


def _table(changes: Sequence[Change], offset: int) -> list[str]:
    lines: list[str] = []
    room = _TABLE_CHARS
    for change in changes[:_TABLE_ROWS]:
        row = _row(change)
        room -= len(row) + 1
        if room < 0 and lines:
            break
        lines.append(row)
    left = len(changes) - len(lines)
    if left:
        after = offset + len(lines)
        lines.append(f"... {left} more files: go on with diff=false, offset={after}")
    return lines


def _width(lines: Sequence[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _row(change: Change) -> str:
    path = shown(change.path)
    if change.old_path is not None:
        path = f"{shown(change.old_path)} -> {path}"
    size = "binary" if change.binary else f"+{change.added} -{change.removed}"
    remarks = [change.note] if change.note else []
    if change.untracked:
        remarks.insert(0, "untracked")
    note = f"  ({', '.join(remarks)})" if remarks else ""
    return f"{_LETTERS[change.status]} {path} {size}{note}"


class _Diff:
    """Diffs of whole files until a page is full; a file larger than a page is shown in parts."""

    def __init__(self, changes: Sequence[Change], offset: int, total: int, line: int) -> None:
        self._changes = changes
        self._total = total
        self._skip = line
        self.next_offset = offset

    def render(self, room: int) -> list[str]:
        """The lines that fit; `next_offset` is then the first file that is not shown whole."""
        page: list[str] = []
        for change in self._changes:
            lines = list(_file_diff(change))[self._skip :]
            width = _width(lines)
            if width > room:
                if not page:
                    return self._part(lines, room)
                break
            page += lines
            room -= width
            self._skip = 0
            self.next_offset += 1
        if self.next_offset < self._total:
            left = self._total - self.next_offset
            page.append(f"... {left} more files: go on with offset={self.next_offset}")
        return page

    def _part(self, lines: list[str], room: int) -> list[str]:
        fitting: list[str] = []
        for line in lines:
            room -= len(line) + 1
            if room < 0 and fitting:
                break
            fitting.append(line)
        after = self._skip + len(fitting)
        left = len(lines) - len(fitting)
        mark = f"... {left} more lines of this file: offset={self.next_offset}, line={after}"
        return [*fitting, mark]


def _file_diff(change: Change) -> Iterator[str]:
    path = shown(change.path)
    old = shown(change.old_path or change.path)
    yield f"--- {'/dev/null' if change.status == 'added' else old}"
    yield f"+++ {'/dev/null' if change.status == 'deleted' else path}"
    if change.binary:
        yield "(binary)"
    elif not change.hunks:
        yield f"({change.note or _why_empty(change)})"
    for hunk in change.hunks:
        yield from _hunk_lines(hunk)


def _why_empty(change: Change) -> str:
    if change.added + change.removed:
        return "the diff is left out: it is too large; read the file"
    return "no lines changed"


def _hunk_lines(hunk: Hunk) -> Iterator[str]:
    old = sum(1 for mark, _ in hunk.lines if mark in "- ")
    new = sum(1 for mark, _ in hunk.lines if mark in "+ ")
    yield f"@@ -{hunk.old_start},{old} +{hunk.new_start},{new} @@"
    for mark, text in hunk.lines:
        body = text.removesuffix("\r")
        cut = len(body) - _LINE_LIMIT
        yield mark + (body if cut <= 0 else f"{body[:_LINE_LIMIT]} [{cut} characters cut]")
