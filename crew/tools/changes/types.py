"""A change as data: files, hunks and lines, with the numbers of the new side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

ChangeStatus = Literal["added", "modified", "deleted", "renamed", "copied", "typechange"]
ChangeKind = Literal["uncommitted", "branch", "commit", "folder"]
FileKind = Literal["file", "link", "submodule"]
Mark = Literal[" ", "+", "-", "\\"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    r"""One contiguous piece of a file's diff.

    Attributes:
        old_start: First line on the old side, from 1; 0 when that side is empty.
        new_start: First line on the new side, from 1; 0 when that side is empty.
        lines: Pairs of mark and text without its newline; `\` marks git's own remarks.
    """

    old_start: int
    new_start: int
    lines: tuple[tuple[Mark, str], ...]

    def added(self) -> Iterator[tuple[int, str]]:
        """Number and text of each added line."""
        number = self.new_start
        for mark, text in self.lines:
            if mark == "+":
                yield number, text
            if mark in "+ ":
                number += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One changed file.

    Attributes:
        path: Relative to the workspace; file-system bytes as Python decodes them.
        old_path: Where it was before, for a rename or a copy.
        hunks: Empty for binary files, links to other repositories, and until they are loaded.
        note: What a reader should know of it: a changed mode, why there is no diff.
        untracked: Git does not have it yet; its whole content is the addition.
    """

    path: str
    status: ChangeStatus
    old_path: str | None = None
    kind: FileKind = "file"
    binary: bool = False
    hunks: tuple[Hunk, ...] = ()
    added: int = 0
    removed: int = 0
    note: str = ""
    untracked: bool = False

    def added_lines(self) -> Iterator[tuple[int, str]]:
        """New line number and text of each added line, without a carriage return at its end."""
        for hunk in self.hunks:
            for number, text in hunk.added():
                yield number, text.removesuffix("\r")

    def changed_numbers(self) -> frozenset[int]:
        """The new line numbers that were added or rewritten."""
        return frozenset(number for number, _ in self.added_lines())


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSet:
    """What is under review.

    Attributes:
        base: The commit compared with; None for a folder.
        title: What is compared, in words.
        changes: Sorted by path.
        cut: Some hunks, or some files of a folder, were left out to keep it bounded.
        notes: What a reader should know of how it was found.
    """

    kind: ChangeKind
    base: str | None
    title: str
    changes: tuple[Change, ...]
    cut: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The changed files without their hunks, and where the hunks can be had.

    Attributes:
        head: The commit on the new side; None when that is the working tree.
        places: The review's scope, as git was asked for it; empty means the whole workspace.
    """

    set: ChangeSet
    head: str | None = None
    places: tuple[str, ...] = ()

    def within(self, paths: Sequence[str]) -> "Survey":
        """Only the files under some of these workspace paths; no paths mean all."""
        if not paths:
            return self
        kept = tuple(change for change in self.set.changes if is_under(change.path, paths))
        return replace(self, set=replace(self.set, changes=kept))


def is_under(path: str, places: Sequence[str]) -> bool:
    """Whether a path is one of these files or in one of these folders."""
    return any(
        place in {".", path} or path.startswith(f"{place}/")
        for place in (place.rstrip("/") or "." for place in places)
    )
