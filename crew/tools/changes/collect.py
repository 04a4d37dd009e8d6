"""Finding what is under review, and reading its hunks within bounds."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio

from crew.errors import ToolError, WorkspaceError
from crew.tools.changes.comparison import Comparison, find_branch_base, given_base, last_commit
from crew.tools.changes.folder import as_addition, folder_changes
from crew.tools.changes.git import DIFF_OPTIONS, Git, NoRepositoryError
from crew.tools.changes.parse import parse_list, parse_patch
from crew.tools.changes.reports import own_archives, own_reports
from crew.tools.changes.types import Change, ChangeSet, Hunk, Survey
from crew.tools.workspace import ReviewScope, Workspace, shown

_PATCH_LIMIT = 8_000_000
_COUNT_LIMIT = 64_000_000
_ARGUMENT_LIMIT = 100_000
_HASHED_AT_ONCE = 200
_WHOLE = 2_000
"""From this many files on, one diff of everything costs less than naming each of them."""


async def collect(workspace: Workspace, scope: ReviewScope) -> ChangeSet:
    """What is under review with its hunks: at most 8 MB of them, whole files only.

    Raises:
        ToolError: The base is unknown, or git can't read the repository.
        WorkspaceError: The workspace is gone.
    """
    found = await survey(workspace, scope)
    return await load_hunks(workspace, found, found.set.changes)


async def survey(workspace: Workspace, scope: ReviewScope) -> Survey:
    """What is under review, as a list of files without hunks.

    Uncommitted changes if there are any, else the branch against its merge base with the
    default branch, else the last commit; outside git the whole folder, bounded.

    Raises:
        ToolError: The base is unknown, or git can't read the repository.
        WorkspaceError: The workspace is gone.
    """
    if not workspace.root.is_dir():
        raise WorkspaceError(f"the folder {workspace.root} is gone")
    places = tuple(_place(workspace, path) for path in scope.paths)
    try:
        git = await Git.open(workspace.root)
    except NoRepositoryError as error:
        return await _survey_folder(workspace, scope, places, str(error))
    if scope.base is not None:
        named = await _compare(git, await given_base(git, scope.base), places)
        return await _without_own(named, git, scope.runs)
    head = await git.commit("HEAD")
    uncommitted = await _compare(git, await _since(git, head), places)
    uncommitted = await _without_own(uncommitted, git, scope.runs)
    if uncommitted.set.changes or head is None:
        return uncommitted
    base = await find_branch_base(git, head) or await last_commit(git, head)
    committed = await _without_own(await _compare(git, base, places), git, scope.runs)
    notes = (*uncommitted.set.notes, *committed.set.notes)
    return replace(committed, set=replace(committed.set, notes=tuple(dict.fromkeys(notes))))


async def widened(workspace: Workspace, found: Survey) -> Survey:
    """The same comparison for the whole workspace, whatever part of it is under review.

    Raises:
        ToolError: Git can't read the repository.
    """
    if not found.places:
        return found
    base = found.set.base
    if base is None:
        return await _survey_folder(workspace, ReviewScope(), (), "")
    git = await Git.open(workspace.root)
    how = Comparison(kind=found.set.kind, base=base, title=found.set.title, head=found.head)
    return await _compare(git, how, ())


async def load_hunks(
    workspace: Workspace, found: Survey, changes: Sequence[Change], *, limit: int = _PATCH_LIMIT
) -> ChangeSet:
    """The same change set, with hunks and only these files of the survey.

    Files past `limit` bytes of patch stay without hunks, and the set is `cut`.

    Raises:
        ToolError: Git can't read the repository.
    """
    if found.set.kind == "folder":
        return replace(found.set, changes=tuple(changes))
    tracked = [change for change in changes if not change.untracked and _has_text(change)]
    hunks, left = await _tracked_hunks(workspace, found, tracked, limit)
    fresh = [change for change in changes if change.untracked and _has_text(change)]
    read = await anyio.to_thread.run_sync(
        _untracked_hunks, workspace, fresh, left, abandon_on_cancel=True
    )
    loaded = tuple(
        replace(change, hunks=read.get(change.path, ()) or hunks.get(change.path, ()))
        for change in changes
    )
    missing = sum(1 for change in loaded if not change.hunks and _has_text(change))
    if not missing:
        return replace(found.set, changes=loaded)
    note = f"the diff is large: {missing} files are listed without theirs"
    return replace(found.set, changes=loaded, cut=True, notes=(*found.set.notes, note))


async def listed_paths(workspace: Workspace) -> tuple[str, ...]:
    """Every path that git tracks below the workspace; outside git the bounded folder's.

    Raises:
        ToolError: Git can't read the repository.
    """
    try:
        git = await Git.open(workspace.root)
    except NoRepositoryError:
        folder = await anyio.to_thread.run_sync(
            folder_changes, workspace.root, (), abandon_on_cancel=True
        )
        return tuple(change.path for change in folder.changes)
    known = await git.run("ls-files", "-z")
    return tuple(path for path in os.fsdecode(known.stdout).split("\0") if path)


async def ignored_paths(workspace: Workspace, paths: Sequence[str]) -> frozenset[str]:
    """Those of some paths that git ignores, whether they are there or not.

    Raises:
        ToolError: Git can't read the repository.
    """
    try:
        git = await Git.open(workspace.root)
    except NoRepositoryError:
        return frozenset()
    asked = b"\0".join(os.fsencode(f"./{path}") for path in paths)
    ignored = await git.run("check-ignore", "--stdin", "-z", stdin=asked, literal=False)
    return frozenset(path.removeprefix("./") for path in os.fsdecode(ignored.stdout).split("\0"))


def _has_text(change: Change) -> bool:
    counted = change.added + change.removed > 0
    return counted and not change.binary and change.kind != "submodule"


async def _since(git: Git, head: str | None) -> Comparison:
    if head is None:
        return Comparison(
            kind="uncommitted",
            base=await git.empty_tree(),
            title="everything, in a repository without a commit",
        )
    return Comparison(kind="uncommitted", base=head, title=f"uncommitted changes since {head[:10]}")


async def _without_own(found: Survey, git: Git, runs: Path | None) -> Survey:
    """Leave out what crew itself wrote, reports and exported runs; a note says which files."""
    reports = await anyio.to_thread.run_sync(
        own_reports, git.root, runs, found.set.changes, abandon_on_cancel=True
    )
    archives = await anyio.to_thread.run_sync(
        own_archives, git.root, runs, found.set.changes, abandon_on_cancel=True
    )
    what = {path: f"the archive of run {run}" for path, run in archives.items()}
    for path, report in reports.items():
        if not await _is_brought(git, report):
            what[path] = f"the report of run {report.parent.name}"
    if not what:
        return found
    kept = tuple(change for change in found.set.changes if change.path not in what)
    notes = [f"{shown(path)} is left out: it is {each}" for path, each in sorted(what.items())]
    return replace(found, set=replace(found.set, changes=kept, notes=(*found.set.notes, *notes)))


async def _is_brought(git: Git, report: Path) -> bool:
    """Whether the repository itself brings a run's report."""
    if not report.is_relative_to(git.root):
        return False
    return (await git.run("ls-files", "--error-unmatch", "--", os.fspath(report))).code == 0


async def _survey_folder(
    workspace: Workspace, scope: ReviewScope, places: tuple[str, ...], why: str
) -> Survey:
    if scope.base is not None:
        raise ToolError(f"nothing to compare with {scope.base}: {why}")
    folder = await anyio.to_thread.run_sync(
        folder_changes, workspace.root, places, abandon_on_cancel=True
    )
    return Survey(set=replace(folder, notes=(why, *folder.notes)), places=places)


async def _compare(git: Git, how: Comparison, places: tuple[str, ...]) -> Survey:
    revisions = [how.base, *([how.head] if how.head else [])]
    pathspec = ["--", *(places or (".",))]
    listing = await git.run(
        "diff", "--raw", "--no-abbrev", "--numstat", "-z", *DIFF_OPTIONS, *revisions, *pathspec
    )
    if listing.code and not listing.cut:
        raise ToolError(f"git diff failed: {listing.stderr.strip() or listing.code}")
    parsed = await anyio.to_thread.run_sync(parse_list, listing.stdout)
    same = await _only_touched(git, parsed.doubtful)
    changes = [change for change in parsed.changes if change.path not in same]
    if how.head is None:
        others = await git.run("ls-files", "--others", "--exclude-standard", "-z", *pathspec)
        names = [name for name in os.fsdecode(others.stdout).split("\0") if name]
        changes += await anyio.to_thread.run_sync(_count_lines, git, names, abandon_on_cancel=True)
    notes = how.notes
    if listing.cut:
        notes = (*notes, "the list of changed files is longer than can be held: it is cut")
    return Survey(
        set=ChangeSet(
            kind=how.kind,
            base=how.base,
            title=how.title,
            changes=tuple(sorted(changes, key=lambda change: change.path)),
            cut=listing.cut,
            notes=notes,
        ),
        head=how.head,
        places=places,
    )


async def _only_touched(git: Git, doubtful: Mapping[str, str]) -> set[str]:
    """The files whose content is as it was.

    Git would find out and note it in its index, which a reader leaves alone.
    """
    same: set[str] = set()
    paths = list(doubtful)
    for at in range(0, len(paths), _HASHED_AT_ONCE):
        batch = paths[at : at + _HASHED_AT_ONCE]
        hashed = await git.run("hash-object", "--", *batch)
        ids = hashed.stdout.decode("ascii", "replace").split()
        if len(ids) == len(batch):
            same |= {
                path for path, found in zip(batch, ids, strict=True) if doubtful[path] == found
            }
    return same


def _count_lines(git: Git, names: Sequence[str]) -> list[Change]:
    changes: list[Change] = []
    budget = _COUNT_LIMIT
    for name in names:
        if budget <= 0:
            change = Change(path=name, status="added", untracked=True, note="lines not counted")
        else:
            change = as_addition(git.root, name, hunks=False)
            budget -= 40 * change.added
        changes.append(change)
    return changes


async def _tracked_hunks(
    workspace: Workspace, found: Survey, changes: Sequence[Change], limit: int
) -> tuple[dict[str, tuple[Hunk, ...]], int]:
    hunks: dict[str, tuple[Hunk, ...]] = {}
    if not changes or found.set.base is None:
        return hunks, limit
    git = await Git.open(workspace.root)
    revisions = [found.set.base, *([found.head] if found.head else [])]
    for pathspec in _pathspecs(changes, found.places):
        done = await git.run(
            "diff", "-p", "-U3", "--inter-hunk-context=0", *DIFF_OPTIONS, *revisions,
            "--", *pathspec, limit=limit,
        )  # fmt: skip
        hunks |= await anyio.to_thread.run_sync(
            partial(parse_patch, done.stdout, cut=done.cut), abandon_on_cancel=True
        )
        limit -= len(done.stdout)
        if done.cut or limit <= 0:
            return hunks, 0
    return hunks, limit


def _pathspecs(changes: Sequence[Change], places: Sequence[str]) -> Iterator[list[str]]:
    if len(changes) > _WHOLE:
        yield list(places) or ["."]
        return
    batch: list[str] = []
    size = 0
    for change in changes:
        names = [change.path] + ([change.old_path] if change.old_path else [])
        if size > _ARGUMENT_LIMIT:
            yield batch
            batch, size = [], 0
        batch += names
        size += sum(len(name) + 1 for name in names)
    if batch:
        yield batch


def _untracked_hunks(
    workspace: Workspace, changes: Sequence[Change], limit: int
) -> dict[str, tuple[Hunk, ...]]:
    hunks: dict[str, tuple[Hunk, ...]] = {}
    for change in changes:
        if limit <= 0:
            break
        loaded = as_addition(workspace.root, change.path, hunks=True)
        hunks[change.path] = loaded.hunks
        limit -= sum(len(text) + 1 for hunk in loaded.hunks for _, text in hunk.lines)
    return hunks


def _place(workspace: Workspace, path: str) -> str:
    """A scope path relative to the workspace, its links kept, checked not to lead outside."""
    workspace.resolve(path)
    joined = os.path.normpath(os.path.join(workspace.root, path))
    relative = os.path.relpath(joined, workspace.root)
    return "." if relative.startswith("..") else relative
