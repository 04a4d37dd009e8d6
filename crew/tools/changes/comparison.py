"""Which two states of a repository are compared when nobody, or somebody, named one."""

from dataclasses import dataclass

from crew.errors import ToolError
from crew.tools.changes.git import Git
from crew.tools.changes.types import ChangeKind

_DEFAULT_NAMES = ("main", "master", "trunk")
_REMOTE = "origin"
_BRANCHES = ("--sort=-committerdate", "refs/heads", f"refs/remotes/{_REMOTE}")
_SHOWN = 4
_DEEPEN = "fetch all of it: `fetch-depth: 0` of actions/checkout, or git fetch --unshallow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two states: `base` and either a commit or, without one, the working tree."""

    kind: ChangeKind
    base: str
    title: str
    head: str | None = None
    notes: tuple[str, ...] = ()


async def given_base(git: Git, base: str) -> Comparison:
    """Everything since a named commit's merge base with HEAD, uncommitted work included.

    Raises:
        ToolError: The name means no commit here.
    """
    named, commit = await _commit_of(git, base)
    if commit is None:
        raise ToolError(
            f"{base!r} is not a commit of this repository", hint=await _nearest_mend(git)
        )
    common = await git.line("merge-base", commit, "HEAD")
    notes: tuple[str, ...] = (
        () if named == base else (f"there is no {base} here: {named} is meant",)
    )
    if common is None and git.shallow:
        notes += (f"a shallow clone: where it left {named} is not here. {_DEEPEN}",)
    return Comparison(
        kind="branch",
        base=common or commit,
        title=f"changes since {named} ({(common or commit)[:10]}), uncommitted ones included",
        notes=notes,
    )


async def _commit_of(git: Git, base: str) -> tuple[str, str | None]:
    """A name and its commit; a branch that only the remote has is found there."""
    if base.startswith("-"):
        return base, None
    commit = await git.commit(base)
    if commit is None and base and not base.startswith("refs/"):
        remote = f"{_REMOTE}/{base}"
        commit = await git.commit(f"refs/remotes/{remote}")
        return (remote, commit) if commit is not None else (base, None)
    return base, commit


async def _nearest_mend(git: Git) -> str:
    found = await git.run("for-each-ref", "--format=%(refname:short)", *_BRANCHES)
    names = [name for name in found.stdout.decode("utf-8", "replace").split() if name != _REMOTE]
    shown = [name for name in names if not name.endswith("/HEAD")][:_SHOWN]
    there = f"name a branch, a tag or a commit, such as {', '.join([*shown, 'HEAD~1'])}"
    return f"{there}; the clone is shallow: {_DEEPEN}" if git.shallow else there


async def find_branch_base(git: Git, head: str) -> Comparison | None:
    """HEAD against where it left the default branch; None when it has not left it."""
    name = await _default_branch(git)
    if name is None:
        return None
    candidates: list[tuple[int, str, str]] = []
    for reference in (f"refs/heads/{name}", f"refs/remotes/origin/{name}"):
        common = await git.line("merge-base", reference, head)
        if common and common != head:
            distance = await git.line("rev-list", "--count", f"{common}..{head}")
            candidates.append((int(distance or 0), reference, common))
    if not candidates:
        return None
    _, reference, common = min(candidates)
    label = reference.removeprefix("refs/heads/").removeprefix("refs/remotes/")
    branch = await git.line("symbolic-ref", "--quiet", "--short", "HEAD")
    return Comparison(
        kind="branch",
        base=common,
        head=head,
        title=f"{branch or head[:10]} against its merge base with {label} ({common[:10]})",
    )


async def last_commit(git: Git, head: str) -> Comparison:
    """HEAD against its first parent, or against nothing when it has none."""
    subject = await git.line("log", "-1", "--no-show-signature", "--format=%s", head)
    title = f"the last commit, {head[:10]}: {subject or 'no subject'}"
    parent = await git.commit(f"{head}^")
    if parent is not None:
        return Comparison(kind="commit", base=parent, head=head, title=title)
    notes = ("a shallow clone: the commit's parent is not here, so every file counts as added",)
    return Comparison(
        kind="commit",
        base=await git.empty_tree(),
        head=head,
        title=title,
        notes=notes if git.shallow else (),
    )


async def _default_branch(git: Git) -> str | None:
    origin = await git.line("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
    if origin is not None:
        return origin.removeprefix("refs/remotes/origin/")
    for name in _DEFAULT_NAMES:
        for reference in (f"refs/heads/{name}", f"refs/remotes/origin/{name}"):
            if await git.commit(reference) is not None:
                return name
    return None
