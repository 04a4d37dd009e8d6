"""All checks over what is under review, as one ordered list of findings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import anyio
import anyio.from_thread

from crew.tools.changes import (
    Change,
    ChangeSet,
    Survey,
    ignored_paths,
    listed_paths,
    load_hunks,
    survey,
    widened,
)
from crew.tools.changes.folder import FILE_LIMIT, is_binary, read_regular
from crew.tools.lint.finding import Finding, Profile, in_order
from crew.tools.lint.imports import Import, not_there, relative_imports
from crew.tools.lint.language import is_generated, is_test, is_vendored, language_of
from crew.tools.lint.notebook import Rows, python_rows
from crew.tools.lint.ruff import PythonFile, run_ruff
from crew.tools.lint.ruff_context import in_context
from crew.tools.lint.rules import RULES
from crew.tools.lint.source import LONGEST_LINE, SourceFile
from crew.tools.lint.untested import ChangedCode, family_of, tested_languages, untested
from crew.tools.workspace import ReviewScope, Workspace, shown

_MOST = 5_000
_NAMED = 5
_LONGEST_NAME = 100
_SYNTAX = "invalid-syntax"
_TOLD_BY = {
    "E722": "swallowed-error",
    "S323": "certificate-check-off",
    "S501": "certificate-check-off",
    "S324": "guessable-secret",
}
"""Rules of ruff, and the rule over the diff that says the same better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the checks found.

    Attributes:
        subject: What is under review, in words.
        checked: How many files were read.
        failed: Checks that could not run to their end.
    """

    subject: str
    checked: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


@dataclass(slots=True)
class _Read:
    """What the rules leave behind of the files they read."""

    findings: list[Finding] = field(default_factory=list)
    code: list[ChangedCode] = field(default_factory=list)
    python: list[PythonFile] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    checked: int = 0
    skipped: dict[str, list[str]] = field(default_factory=dict)


async def scan(
    workspace: Workspace, scope: ReviewScope, profiles: Sequence[Profile], paths: Sequence[str]
) -> Report:
    """Run the checks of these profiles over the change, or the part of it under `paths`.

    Raises:
        ToolError: What is under review can't be found.
        WorkspaceError: The workspace is gone.
    """
    everything = await survey(workspace, scope)
    found = everything.within(paths)
    changes = await load_hunks(workspace, found, found.set.changes)
    read = await anyio.to_thread.run_sync(
        _run_rules, workspace, changes, profiles, abandon_on_cancel=True
    )
    python, failed = await run_ruff(workspace.root, read.python, profiles)
    real_paths = {file.path: file.change.path for file in read.python}
    python = await anyio.to_thread.run_sync(
        _in_context, workspace, real_paths, python, abandon_on_cancel=True
    )
    findings = read.findings + _not_said_yet(python, read.findings)
    if "quality" in profiles and read.code:
        findings += await _missing_imports(workspace, read.imports)
        findings += await _untested(workspace, everything, changes, read)
    ordered = in_order(findings)
    notes = [
        f"{len(paths)} not checked: {why}: {_few(paths)}"
        for why, paths in sorted(read.skipped.items())
    ]
    foreign = [file.path for file in read.python if file.foreign is not None]
    if foreign:
        notes.append(f"{len(foreign)} read as Latin-1, being no UTF-8: {_few(foreign)}")
    if len(ordered) > _MOST:
        notes.append(f"only the first {_MOST:,} of {len(ordered):,} findings are kept")
    return Report(
        subject=changes.title,
        checked=read.checked,
        findings=tuple(ordered[:_MOST]),
        notes=(*changes.notes, *notes),
        failed=tuple(failed),
    )


def _not_said_yet(python: Sequence[Finding], own: Sequence[Finding]) -> list[Finding]:
    """Ruff's findings less those that a rule over the diff tells better."""
    conflicts = {found.file for found in own if found.rule == "conflict-marker"}
    told = {(found.rule, found.file, found.line) for found in own}
    return [
        found
        for found in _first_syntax_error(python)
        if not (found.rule == _SYNTAX and found.file in conflicts)
        and (_TOLD_BY.get(found.rule), found.file, found.line) not in told
    ]


def _first_syntax_error(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Of the syntax errors of a file only one: what comes after it is read wrongly."""
    errors = [found for found in findings if found.rule == _SYNTAX]
    errors.sort(key=lambda found: (not found.changed, found.line or 0))
    first: dict[str, Finding] = {}
    for found in errors:
        first.setdefault(found.file, found)
    return (found for found in findings if found.rule != _SYNTAX or found is first[found.file])


def _run_rules(workspace: Workspace, changes: ChangeSet, profiles: Sequence[Profile]) -> _Read:
    rules = [rule for rule in RULES if rule.profile in profiles]
    read = _Read()
    for change in changes.changes:
        anyio.from_thread.check_cancelled()
        file = _source(workspace, change, read)
        if file is None:
            continue
        read.checked += 1
        for rule in rules:
            read.findings += rule.findings(file)
        read.code.append(ChangedCode.of(file))
        read.imports += relative_imports(file)
        if file.language == "python":
            read.python.append(_python(file))
        elif file.language == "notebook":
            if (rows := python_rows(file.text)) is not None:
                read.python.append(_python(file, rows))
            else:
                _skip(read, change, "code of notebooks that are not in Python or can't be read")
    return read


def _python(file: SourceFile, rows: Rows | None = None) -> PythonFile:
    return PythonFile(
        change=file.change,
        path=file.path,
        added=file.added,
        is_test=file.is_test,
        foreign=file.foreign,
        rows=rows,
    )


def _source(workspace: Workspace, change: Change, read: _Read) -> SourceFile | None:
    if change.status == "deleted" or change.kind == "link":
        return None
    if change.kind == "submodule":
        return _skip(read, change, "other repositories, which are not entered")
    if change.binary:
        return _skip(read, change, "binary files")
    if is_vendored(shown(change.path)):
        return _skip(read, change, "vendored or generated files")
    if not change.hunks:
        if change.untracked and change.note:
            return _skip(read, change, "new files that can't be read or are too large")
        return _skip(read, change, "files whose diff is too large") if change.added else None
    try:
        data = read_regular(workspace.root / change.path, FILE_LIMIT)
    except OSError as error:
        return _skip(read, change, f"files that can't be read ({error.strerror})")
    if is_binary(data):
        return _skip(read, change, "binary files")
    file = SourceFile.of(change, data)
    if is_generated(file.lines):
        return _skip(read, change, "vendored or generated files")
    if file.has_long_lines:
        _skip(read, change, f"files' lines of more than {LONGEST_LINE:,} characters")
    return file


def _skip(read: _Read, change: Change, why: str) -> SourceFile | None:
    """Name a file that is left out, and stand for it."""
    read.skipped.setdefault(why, []).append(shown(change.path))
    return None


def _few(paths: Sequence[str]) -> str:
    """The first of some files by name, and how many more there are."""
    named = [
        path if len(path) <= _LONGEST_NAME else f"...{path[-_LONGEST_NAME:]}"
        for path in paths[:_NAMED]
    ]
    more = len(paths) - len(named)
    return f"{', '.join(named)} and {more:,} more" if more else ", ".join(named)


def _in_context(
    workspace: Workspace, paths: Mapping[str, str], findings: Sequence[Finding]
) -> list[Finding]:
    """The findings as their files bear them out; `paths` has the real path for a shown one."""
    by_file: dict[str, list[Finding]] = {}
    for found in findings:
        by_file.setdefault(found.file, []).append(found)
    judged: list[Finding] = []
    for path, group in by_file.items():
        try:
            data = read_regular(workspace.root / paths[path], FILE_LIMIT)
        except OSError:
            judged += group
            continue
        lines = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n").split("\n")
        judged += in_context(group, lines)
    return judged


async def _missing_imports(workspace: Workspace, imports: Sequence[Import]) -> list[Finding]:
    """Imports of what is neither there nor to be made later, as what git ignores is."""
    missing = await anyio.to_thread.run_sync(
        not_there, workspace.root, imports, abandon_on_cancel=True
    )
    if not missing:
        return []
    ignored = await ignored_paths(workspace, [path for each in missing for path in each.candidates])
    return [each.finding() for each in missing if ignored.isdisjoint(each.candidates)]


async def _untested(
    workspace: Workspace, everything: Survey, changes: ChangeSet, read: _Read
) -> list[Finding]:
    """Code without a test, wherever in the whole change that test may be."""
    covered = {code.family for code in read.code if code.tests} | _unread_tests(changes)
    if not untested(read.code, covered, frozenset(code.family for code in read.code)):
        return []
    known = await listed_paths(workspace)
    tested = await anyio.to_thread.run_sync(tested_languages, known, abandon_on_cancel=True)
    if everything.places or len(everything.set.changes) > len(changes.changes):
        whole = await widened(workspace, everything)
        tests = [change for change in whole.set.changes if is_test(shown(change.path))]
        loaded = await load_hunks(workspace, whole, tests)
        others = await anyio.to_thread.run_sync(
            _run_rules, workspace, loaded, (), abandon_on_cancel=True
        )
        covered |= {code.family for code in others.code if code.tests} | _unread_tests(loaded)
    return untested(read.code, covered, tested)


def _unread_tests(changes: ChangeSet) -> set[str]:
    """Languages of the tests that the change adds to, of which no more is known."""
    return {
        family_of(language_of(shown(change.path)))
        for change in changes.changes
        if change.added and not change.hunks and is_test(shown(change.path))
    }
