"""Reading a repository that was made by someone else: nothing of it is executed."""

import os
from pathlib import Path

import pytest

from crew.tools.changes import collect
from crew.tools.workspace import ReviewScope, Workspace
from tests.doubles.repository import Repository


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    """A repository with one commit and one change to `a.txt`."""
    repo = Repository(tmp_path / "repo")
    repo.write("a.txt", "one\n")
    repo.commit()
    repo.write("a.txt", "two\n")
    return repo


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A program that leaves `sprung` beside itself when it is started."""
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch '{tmp_path}/sprung'\ncat\n")
    trap.chmod(0o755)
    return trap


async def paths_in(root: Path) -> list[str]:
    found = await collect(Workspace(root), ReviewScope())
    return [change.path for change in found.changes]


def touch_unchanged(repo: Repository) -> None:
    """Make git look at a file again that is as it was, which makes it refresh its index."""
    repo.git("stash", "--quiet")
    repo.write("same.txt", "same\n")
    repo.commit()
    repo.git("stash", "pop", "--quiet")
    os.utime(repo.root / "same.txt", (1, 1))


def index_of(repo: Repository) -> tuple[int, bytes]:
    index = repo.root / ".git" / "index"
    return index.stat().st_mtime_ns, index.read_bytes()


@pytest.mark.parametrize(
    ("key", "attributes"),
    [
        ("core.fsmonitor", ""),
        ("core.pager", ""),
        ("pager.diff", ""),
        ("diff.external", ""),
        ("diff.evil.command", "* diff=evil\n"),
        ("diff.evil.textconv", "* diff=evil\n"),
        ("filter.evil.clean", "* filter=evil\n"),
        ("filter.evil.process", "* filter=evil\n"),
        ("filter.a=b.clean", "* filter=a=b\n"),
        ("alias.diff", ""),
        ("core.sshCommand", ""),
        ("gpg.program", ""),
    ],
)
async def test_programs_named_by_the_repository_are_not_started(
    repo: Repository, trap: Path, key: str, attributes: str
) -> None:
    repo.write(".git/info/attributes", attributes)
    value = f"!{trap}" if key.startswith("alias") else str(trap)
    repo.git("config", key, value)
    assert await paths_in(repo.root) == ["a.txt"]
    assert not (trap.parent / "sprung").exists()


async def test_a_required_filter_of_the_repository_does_not_stop_the_review(
    repo: Repository, trap: Path
) -> None:
    repo.write(".git/info/attributes", "* filter=evil\n")
    repo.git("config", "filter.evil.clean", str(trap))
    repo.git("config", "filter.evil.required", "true")
    assert await paths_in(repo.root) == ["a.txt"]
    assert not (trap.parent / "sprung").exists()


async def test_signatures_are_not_verified_for_a_title(repo: Repository, trap: Path) -> None:
    repo.commit("second")
    signed = repo.git("cat-file", "commit", "HEAD").replace(
        "\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n -----END PGP SIGNATURE-----\n\n", 1
    )
    repo.write(".git/signed", signed + "\n")
    repo.git("reset", "--quiet", repo.git("hash-object", "-t", "commit", "-w", ".git/signed"))
    repo.git("config", "gpg.program", str(trap))
    repo.git("config", "log.showSignature", "true")
    found = await collect(Workspace(repo.root), ReviewScope())
    assert found.title.endswith("second")
    assert not (trap.parent / "sprung").exists()


async def test_hooks_are_not_run(repo: Repository, trap: Path) -> None:
    hooks = repo.root / ".git" / "hooks"
    touch_unchanged(repo)
    for name in ("post-index-change", "fsmonitor-watchman", "post-checkout"):
        (hooks / name).symlink_to(trap)
    await paths_in(repo.root)
    assert not (trap.parent / "sprung").exists()


async def test_a_git_that_lies_in_the_workspace_is_not_used(
    repo: Repository, trap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.git("config", "alias.disguise", f"!mv '{trap}' '{repo.root}/git'")
    repo.git("disguise")
    monkeypatch.setenv("PATH", str(repo.root))
    found = await collect(Workspace(repo.root), ReviewScope())
    assert found.kind == "folder"
    assert not (trap.parent / "sprung").exists()


async def test_the_index_is_not_written(repo: Repository) -> None:
    touch_unchanged(repo)
    before = index_of(repo)
    await paths_in(repo.root)
    assert index_of(repo) == before


async def test_variables_of_a_surrounding_git_command_do_not_redirect(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Repository(tmp_path / "other")
    other.write("theirs.txt", "x\n")
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.root))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "/bin/false")
    found = await collect(Workspace(repo.root), ReviewScope())
    assert (found.kind, [change.path for change in found.changes]) == ("uncommitted", ["a.txt"])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("diff.noprefix", "true"),
        ("diff.mnemonicPrefix", "true"),
        ("diff.context", "0"),
        ("diff.interHunkContext", "50"),
        ("diff.suppressBlankEmpty", "true"),
        ("diff.renames", "false"),
        ("diff.submodule", "log"),
        ("diff.orderFile", "missing"),
        ("diff.ignoreSubmodules", "all"),
        ("color.ui", "always"),
        ("core.quotePath", "true"),
        ("diff.relative", "false"),
        ("core.precomposeUnicode", "true"),
    ],
)
async def test_settings_do_not_change_what_is_read(repo: Repository, key: str, value: str) -> None:
    repo.write("dir/ünï.txt", "x\n\ny\nz\n")
    repo.commit()
    repo.git("mv", "dir/ünï.txt", "dir/moved ü.txt")
    repo.write("dir/moved ü.txt", "x\n\ny\nz\nw\n")
    plain = await collect(Workspace(repo.root / "dir"), ReviewScope())
    repo.git("config", key, value)
    assert await collect(Workspace(repo.root / "dir"), ReviewScope()) == plain
    assert plain.changes[0].old_path == "ünï.txt"


async def test_another_owner_of_the_repository_is_an_error_with_the_mend(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(repo.root, 12345, 12345)
    os.chown(repo.root / ".git", 12345, 12345)
    monkeypatch.setenv("HOME", str(repo.root.parent))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    with pytest.raises(Exception, match="another user owns it") as caught:
        await paths_in(repo.root)
    assert "safe.directory" in getattr(caught.value, "hint", "")
