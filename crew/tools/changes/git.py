"""Git as a reader of one folder: no program that a repository's own config names is started."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from crew.errors import ToolError
from crew.tools.changes.process import Finished, run_bounded

_LIST_LIMIT = 64_000_000
_SECONDS = 120.0

_KEPT_VARIABLES = frozenset(
    {
        "GIT_CEILING_DIRECTORIES",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_SYSTEM",
        "GIT_DISCOVERY_ACROSS_FILESYSTEM",
        "GIT_EXEC_PATH",
    }
)
"""The others name another repository, index or program: a hook that runs crew sets them."""

_FIXED_CONFIG = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=",
    "core.quotePath=off",
    "core.safecrlf=false",
    "core.bigFileThreshold=16m",
    "diff.external=",
    "diff.suppressBlankEmpty=false",
    "diff.autoRefreshIndex=false",
    "diff.renameLimit=1000",
    "log.showSignature=false",
    "protocol.allow=never",
    "safe.bareRepository=explicit",
    "submodule.recurse=false",
)

DIFF_OPTIONS = (
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "-M",
    "-O/dev/null",
    "--relative",
    "--submodule=short",
    "--ignore-submodules=dirty",
)

_FILTER_KEYS = r"^filter\..*\.(clean|smudge|process)$"


class NoRepositoryError(Exception):
    """The folder is not in a git working tree; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """A repository as seen from one folder of its working tree.

    Attributes:
        disabled: Config keys of filter programs that the repository itself names, emptied.
    """

    program: str
    root: Path
    disabled: tuple[str, ...] = ()
    shallow: bool = False

    @classmethod
    async def open(cls, root: Path) -> Self:
        """Find git and the repository around a folder.

        Raises:
            NoRepositoryError: There is no git, or no working tree here.
            ToolError: There is a repository that git refuses to open.
        """
        program = find_git(root)
        if program is None:
            raise NoRepositoryError("git isn't installed")
        bare = cls(program=program, root=root)
        found = await bare.run("rev-parse", "--is-inside-work-tree", "--is-shallow-repository")
        if found.code:
            raise _refusal(found.stderr)
        inside, shallow, *_ = [*found.stdout.decode().split(), "false", "false"]
        if inside != "true":
            raise NoRepositoryError("the folder is not in a git working tree")
        return cls(
            program=program,
            root=root,
            disabled=await bare._own_filters(),
            shallow=shallow == "true",
        )

    async def run(
        self, *args: str, limit: int = _LIST_LIMIT, stdin: bytes = b"", literal: bool = True
    ) -> Finished:
        """Run one git command; a code other than 0 is for the caller to judge.

        Args:
            literal: Paths mean what they say; a few commands know no other way, nor this one.

        Raises:
            ToolError: It could not be started, or took longer than two minutes.
        """
        config = [part for setting in _FIXED_CONFIG for part in ("-c", setting)]
        paths = ["--literal-pathspecs"] if literal else []
        command = [self.program, "--no-pager", *paths, *config, *args]
        try:
            return await run_bounded(
                command,
                cwd=self.root,
                env=self._environment(),
                limit=limit,
                seconds=_SECONDS,
                stdin=stdin,
            )
        except TimeoutError as error:
            raise ToolError(
                f"git {args[0]} took longer than {_SECONDS:.0f} s",
                hint="limit the review to some paths",
            ) from error
        except OSError as error:
            raise ToolError(f"git can't run in {self.root}: {error.strerror or error}") from error

    async def line(self, *args: str) -> str | None:
        """The first line of a command's output; None when it fails or says nothing."""
        done = await self.run(*args, limit=1_000_000)
        text = done.stdout.decode("utf-8", "backslashreplace").strip()
        return text.splitlines()[0] if done.code == 0 and text else None

    async def commit(self, revision: str) -> str | None:
        """The full id of the commit that a revision names."""
        return await self.line("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")

    async def empty_tree(self) -> str:
        """The id of the tree without files, in the repository's own hash."""
        found = await self.line("hash-object", "-t", "tree", "/dev/null")
        if found is None:
            raise ToolError("git can't name the empty tree", hint="run git fsck here")
        return found

    async def _own_filters(self) -> tuple[str, ...]:
        """Filter programs that the repository, not its user, would have git start."""
        found = await self.run(
            "config", "-z", "--show-scope", "--name-only", "--get-regexp", _FILTER_KEYS
        )
        fields = os.fsdecode(found.stdout).split("\0")
        scoped = zip(fields[::2], fields[1::2], strict=False)
        return tuple(sorted({key for scope, key in scoped if scope in {"local", "worktree"}}))

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("GIT_") or name in _KEPT_VARIABLES
        }
        overrides = _emptied(self.disabled)
        numbered = {
            f"GIT_CONFIG_{part}_{index}": text
            for index, setting in enumerate(overrides)
            for part, text in zip(("KEY", "VALUE"), setting, strict=True)
        }
        return {
            **kept,
            **numbered,
            "GIT_CONFIG_COUNT": str(len(overrides)),
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
        }


def find_git(root: Path) -> str | None:
    """The git of the machine; one that lies in the folder under review does not count."""
    found = shutil.which("git")
    if found is None or not os.path.isabs(found):
        return None
    real = Path(os.path.realpath(found))
    return None if root in real.parents else found


def _emptied(keys: Sequence[str]) -> list[tuple[str, str]]:
    filters = {key.rpartition(".")[0] for key in keys}
    return [(key, "") for key in keys] + [(f"{name}.required", "false") for name in sorted(filters)]


def _refusal(stderr: str) -> Exception:
    if "not a git repository" in stderr:
        return NoRepositoryError("the folder is not in a git repository")
    if "must be run in a work tree" in stderr or "bare repository" in stderr:
        return NoRepositoryError("the folder is not in a git working tree")
    reason = stderr.strip().splitlines()[0] if stderr.strip() else "git refused without a word"
    if "dubious ownership" in stderr:
        return ToolError(
            "git refuses this repository: another user owns it",
            hint="git config --global --add safe.directory PATH, if you trust it",
        )
    return ToolError(f"git can't read this repository: {reason.removeprefix('fatal: ')}")
