"""What is under review: which states are compared, and what is read of each changed file."""

import gzip
import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from crew.errors import ToolError
from crew.tools.changes import Change, ChangeSet, collect
from crew.tools.workspace import ReviewScope, Workspace
from tests.doubles.repository import Repository


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    """A repository with one commit: `a.txt` holds one, two, three."""
    repo = Repository(tmp_path / "repo")
    repo.write("a.txt", "one\ntwo\nthree\n")
    repo.commit("first")
    return repo


async def changes_in(
    root: Path,
    *,
    base: str | None = None,
    paths: tuple[str, ...] = (),
    runs: Path | None = None,
) -> ChangeSet:
    return await collect(Workspace(root), ReviewScope(base=base, paths=paths, runs=runs))


def by_path(found: ChangeSet) -> dict[str, Change]:
    return {change.path: change for change in found.changes}


def added(change: Change) -> list[tuple[int, str]]:
    return list(change.added_lines())


async def test_uncommitted_work_is_staged_unstaged_and_untracked_files(repo: Repository) -> None:
    repo.write("staged.txt", "s\n")
    repo.git("add", "staged.txt")
    repo.write("a.txt", "one\n2\nthree\nfour\n")
    repo.write("new.txt", "n\n")
    repo.write(".gitignore", "ignored.txt\n")
    repo.write("ignored.txt", "i\n")
    found = await changes_in(repo.root)
    assert found.kind == "uncommitted"
    assert [change.path for change in found.changes] == [
        ".gitignore",
        "a.txt",
        "new.txt",
        "staged.txt",
    ]
    modified = by_path(found)["a.txt"]
    assert (modified.status, modified.added, modified.removed) == ("modified", 2, 1)
    assert added(modified) == [(2, "2"), (4, "four")]
    assert modified.changed_numbers() == {2, 4}
    assert by_path(found)["new.txt"].untracked


async def test_a_clean_branch_is_compared_with_where_it_left_the_default_branch(
    repo: Repository,
) -> None:
    left = repo.git("rev-parse", "HEAD")
    repo.git("checkout", "--quiet", "-b", "topic")
    repo.write("b.txt", "b\n")
    repo.commit()
    repo.write("c.txt", "c\n")
    repo.commit()
    repo.git("checkout", "--quiet", "main")
    repo.write("a.txt", "moved on\n")
    repo.commit()
    repo.git("checkout", "--quiet", "topic")
    found = await changes_in(repo.root)
    assert (found.kind, found.base) == ("branch", left)
    assert [change.path for change in found.changes] == ["b.txt", "c.txt"]


async def test_unpushed_commits_on_the_default_branch_are_a_branch(
    repo: Repository, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    repo.git("clone", "--quiet", str(repo.root), str(clone))
    here = Repository(clone)
    for name in ("b", "c"):
        here.write(f"{name}.txt", "new\n")
        here.commit()
    found = await changes_in(clone)
    assert found.kind == "branch"
    assert [change.path for change in found.changes] == ["b.txt", "c.txt"]


async def test_the_default_branch_itself_is_reviewed_by_its_last_commit(repo: Repository) -> None:
    repo.write("b.txt", "b\n")
    repo.commit("add b")
    found = await changes_in(repo.root)
    assert found.kind == "commit"
    assert found.title.endswith("add b")
    assert [change.path for change in found.changes] == ["b.txt"]


async def test_a_single_commit_is_compared_with_nothing(repo: Repository) -> None:
    found = await changes_in(repo.root)
    assert found.kind == "commit"
    assert added(found.changes[0]) == [(1, "one"), (2, "two"), (3, "three")]


async def test_a_repository_without_a_commit_shows_all_its_files(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "empty")
    assert (await changes_in(repo.root)).changes == ()
    repo.write("a.txt", "a\n")
    repo.git("add", "a.txt")
    repo.write("b.txt", "b\n")
    found = await changes_in(repo.root)
    assert found.kind == "uncommitted"
    assert [(change.path, change.status) for change in found.changes] == [
        ("a.txt", "added"),
        ("b.txt", "added"),
    ]


async def test_a_given_base_is_compared_with_the_working_tree(repo: Repository) -> None:
    repo.write("b.txt", "b\n")
    repo.commit()
    repo.write("c.txt", "c\n")
    found = await changes_in(repo.root, base="HEAD~1")
    assert [change.path for change in found.changes] == ["b.txt", "c.txt"]
    assert "HEAD~1" in found.title


@pytest.mark.parametrize("base", ["nowhere", "--output=x", "HEAD:a.txt", ""])
async def test_a_base_that_is_no_commit_is_refused_with_the_mend(
    repo: Repository, base: str
) -> None:
    with pytest.raises(ToolError, match="not a commit") as caught:
        await changes_in(repo.root, base=base)
    assert "branch" in caught.value.hint
    assert not (repo.root / "x").exists()


async def test_a_base_that_only_the_remote_has_is_found_there_and_told(
    repo: Repository, tmp_path: Path
) -> None:
    clone = cloned(repo, tmp_path / "clone")
    clone.git("checkout", "--quiet", "-b", "topic", "origin/main")
    clone.git("branch", "--quiet", "-D", "main")
    clone.write("b.txt", "b\n")
    found = await changes_in(clone.root, base="main")
    assert [change.path for change in found.changes] == ["b.txt"]
    assert "origin/main" in found.title
    assert found.notes == ("there is no main here: origin/main is meant",)


async def test_a_branch_of_ones_own_comes_before_the_remote_one(
    repo: Repository, tmp_path: Path
) -> None:
    clone = cloned(repo, tmp_path / "clone")
    clone.write("b.txt", "b\n")
    clone.commit()
    found = await changes_in(clone.root, base="main")
    assert (found.changes, found.notes) == ((), ())


async def test_an_unknown_base_is_refused_with_the_branches_that_there_are(
    repo: Repository, tmp_path: Path
) -> None:
    repo.git("branch", "release")
    with pytest.raises(ToolError) as caught:
        await changes_in(repo.root, base="develop")
    assert "main" in caught.value.hint
    assert "release" in caught.value.hint
    assert "fetch-depth" not in caught.value.hint
    clone = cloned(repo, tmp_path / "clone", "--depth=1", "--branch=release")
    with pytest.raises(ToolError) as caught:
        await changes_in(clone.root, base="main")
    assert "main" not in caught.value.hint
    assert "fetch-depth: 0" in caught.value.hint


def cloned(repo: Repository, place: Path, *options: str) -> Repository:
    repo.git("clone", "--quiet", *options, f"file://{repo.root}", str(place))
    return Repository(place)


async def test_a_report_that_crew_wrote_itself_is_left_out_and_told(
    repo: Repository, tmp_path: Path
) -> None:
    runs = tmp_path / "home" / "runs"
    kept = put_report(runs / "run-1", "# review: approve\n")
    repo.write("review.md", kept)
    repo.write("docs/notes.md", "# review: reject!!\n")
    found = await changes_in(repo.root, runs=runs)
    assert [change.path for change in found.changes] == ["docs/notes.md"]
    assert found.notes == ("review.md is left out: it is the report of run run-1",)


async def test_with_nothing_but_its_own_report_the_last_commit_is_under_review(
    repo: Repository, tmp_path: Path
) -> None:
    runs = tmp_path / "home" / "runs"
    repo.write("review.md", put_report(runs / "run-1", "# review: approve\n"))
    found = await changes_in(repo.root, runs=runs)
    assert (found.kind, [change.path for change in found.changes]) == ("commit", ["a.txt"])
    assert "review.md is left out" in found.notes[0]


async def test_a_report_that_the_repository_brings_hides_nothing(repo: Repository) -> None:
    runs = repo.root / ".crew" / "runs"
    text = put_report(runs / "run-1", "# review: approve\n")
    repo.commit("a report of a run that never was")
    repo.write("orders.md", text)
    repo.write("run.py", text)
    found = await changes_in(repo.root, runs=runs)
    assert [change.path for change in found.changes] == ["orders.md", "run.py"]


async def test_code_that_reads_like_a_report_is_under_review(
    repo: Repository, tmp_path: Path
) -> None:
    runs = tmp_path / "home" / "runs"
    repo.write("run.py", put_report(runs / "run-1", "# review: approve\n"))
    found = await changes_in(repo.root, runs=runs)
    assert [change.path for change in found.changes] == ["run.py"]


async def test_an_archive_that_crew_exported_is_left_out_and_told(
    repo: Repository, tmp_path: Path
) -> None:
    runs = tmp_path / "home" / "runs"
    put_report(runs / "run-1", "# review: approve\n")
    repo.write("run-1.tar.gz", archive_of("run-1"))
    repo.write("kept/large.tgz", archive_of("run-1", os.urandom(1_100_000)))
    repo.write("elsewhere.tar.gz", archive_of("run-2"))
    repo.write("others.tar.gz", gzip.compress(b"run-1"))
    found = await changes_in(repo.root, runs=runs)
    assert [change.path for change in found.changes] == ["elsewhere.tar.gz", "others.tar.gz"]
    assert found.notes == (
        "kept/large.tgz is left out: it is the archive of run run-1",
        "run-1.tar.gz is left out: it is the archive of run run-1",
    )


async def test_an_archive_that_the_repository_brings_is_under_review(
    repo: Repository, tmp_path: Path
) -> None:
    runs = tmp_path / "home" / "runs"
    put_report(runs / "run-1", "# review: approve\n")
    repo.write("run-1.tar.gz", archive_of("run-1"))
    repo.commit("an archive")
    found = await changes_in(repo.root, runs=runs)
    assert [change.path for change in found.changes] == ["run-1.tar.gz"]


def archive_of(run: str, content: bytes = b"{}") -> bytes:
    """An archive as `crew export` begins it: the run's folder, then its files."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        folder = tarfile.TarInfo(run)
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        file = tarfile.TarInfo(f"{run}/manifest.json")
        file.size = len(content)
        tar.addfile(file, io.BytesIO(content))
    return written.getvalue()


def put_report(run: Path, text: str) -> str:
    run.mkdir(parents=True)
    (run / "report.md").write_text(text)
    return text


async def test_paths_limit_the_review_and_are_taken_literally(repo: Repository) -> None:
    repo.write("sub/x.txt", "x\n")
    repo.write("subway.txt", "y\n")
    repo.write("*.txt", "z\n")
    assert list(by_path(await changes_in(repo.root, paths=("sub/",)))) == ["sub/x.txt"]
    assert list(by_path(await changes_in(repo.root, paths=("*.txt",)))) == ["*.txt"]


async def test_paths_outside_the_workspace_are_refused(repo: Repository) -> None:
    with pytest.raises(ToolError, match="outside"):
        await changes_in(repo.root, paths=("../other",))


async def test_a_workspace_inside_the_repository_sees_only_itself(repo: Repository) -> None:
    repo.write("sub/x.txt", "x\n")
    repo.write("a.txt", "changed\n")
    found = await changes_in(repo.root / "sub")
    assert list(by_path(found)) == ["x.txt"]
    assert added(found.changes[0]) == [(1, "x")]


async def test_renames_deletions_and_modes_are_told_apart(repo: Repository) -> None:
    repo.write("b.txt", "".join(f"line {n}\n" for n in range(20)))
    repo.write("run.sh", "echo\n")
    repo.commit()
    repo.git("mv", "b.txt", "c d.txt")
    repo.write("c d.txt", "".join(f"line {n}\n" for n in range(20)) + "more\n")
    repo.git("rm", "--quiet", "a.txt")
    (repo.root / "run.sh").chmod(0o755)
    found = by_path(await changes_in(repo.root))
    assert (found["c d.txt"].status, found["c d.txt"].old_path) == ("renamed", "b.txt")
    assert added(found["c d.txt"]) == [(21, "more")]
    assert (found["a.txt"].status, found["a.txt"].removed) == ("deleted", 3)
    assert (found["run.sh"].status, found["run.sh"].note) == ("modified", "now executable")


async def test_binary_files_have_no_hunks(repo: Repository) -> None:
    repo.write("tracked.bin", b"\0\1\2")
    repo.commit()
    repo.write("tracked.bin", b"\0\1\3")
    repo.write("fresh.bin", b"x\0y")
    found = by_path(await changes_in(repo.root))
    assert [(change.binary, change.hunks) for change in found.values()] == [(True, ())] * 2


async def test_files_that_were_only_touched_have_not_changed(repo: Repository) -> None:
    repo.write("raw.bin", b"\0\1\2")
    repo.write("other.bin", b"\0\1\2")
    repo.write("run.sh", "echo\n")
    repo.commit()
    for name in ("a.txt", "raw.bin", "other.bin", "run.sh"):
        os.utime(repo.root / name, (1, 1))
    repo.write("other.bin", b"\0\1\3")
    (repo.root / "run.sh").chmod(0o755)
    assert list(by_path(await changes_in(repo.root))) == ["other.bin", "run.sh"]


async def test_carriage_returns_do_not_reach_the_added_lines(repo: Repository) -> None:
    repo.write("dos.txt", "a\r\nb\r\n")
    repo.commit()
    repo.write("dos.txt", "a\r\nc\r\n")
    repo.write("fresh.txt", "x\r\n")
    found = by_path(await changes_in(repo.root))
    assert added(found["dos.txt"]) == [(2, "c")]
    assert added(found["fresh.txt"]) == [(1, "x")]


@pytest.mark.parametrize(
    "name",
    [
        b"caf\xe9.txt",
        "naïve.txt".encode(),
        b'quo"te.txt',
        b"tab\there.txt",
        b"new\nline.txt",
        b"back\\slash.txt",
        b"-dash.txt",
        b" lead and trail ",
    ],
)
async def test_any_file_name_keeps_its_hunks(repo: Repository, name: bytes) -> None:
    path = os.fsdecode(name)
    repo.write(path, "old\n")
    repo.commit()
    repo.write(path, "new\n")
    found = await changes_in(repo.root)
    assert [(change.path, added(change)) for change in found.changes] == [(path, [(1, "new")])]


async def test_bytes_that_are_not_utf8_are_shown_as_escapes(repo: Repository) -> None:
    repo.write("a.txt", b"one\ncaf\xe9\nthree\n")
    found = await changes_in(repo.root)
    assert added(found.changes[0]) == [(2, "caf\\xe9")]


async def test_lines_that_look_like_a_diff_are_content(repo: Repository) -> None:
    repo.write("a.txt", "one\n-- a/x\n+++ b/y\n@@ -1 +1 @@\ndiff --git a/q b/q\n")
    found = await changes_in(repo.root)
    assert [text for _, text in added(found.changes[0])] == [
        "-- a/x",
        "+++ b/y",
        "@@ -1 +1 @@",
        "diff --git a/q b/q",
    ]
    repo.commit()
    repo.write("a.txt", "one\n")
    found = await changes_in(repo.root)
    assert (found.changes[0].removed, len(found.changes[0].hunks)) == (4, 1)


async def test_a_submodule_and_a_nested_repository_are_listed_and_not_entered(
    repo: Repository, tmp_path: Path
) -> None:
    other = Repository(tmp_path / "other")
    other.write("inside.txt", "i\n")
    other.commit()
    repo.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.root), "m"
    )
    Repository(repo.root / "nested").write("inside.txt", "i\n")
    found = by_path(await changes_in(repo.root))
    assert found["m"].kind == "submodule"
    assert found["m"].hunks == ()
    assert found["nested"].kind == "submodule"
    assert not any("inside" in path for path in found)


async def test_links_are_content_of_their_own_and_never_followed(
    repo: Repository, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("outside\n")
    (repo.root / "link").symlink_to(secret)
    (repo.root / "loop").symlink_to("loop")
    found = by_path(await changes_in(repo.root))
    assert (found["link"].kind, added(found["link"])) == ("link", [(1, str(secret))])
    assert added(found["loop"]) == [(1, "loop")]


async def test_a_merge_in_progress_shows_its_markers(repo: Repository) -> None:
    repo.git("checkout", "--quiet", "-b", "topic")
    repo.write("a.txt", "one\nours\nthree\n")
    repo.commit()
    repo.git("checkout", "--quiet", "main")
    repo.write("a.txt", "one\ntheirs\nthree\n")
    repo.commit()
    with pytest.raises(AssertionError):
        repo.git("merge", "topic")
    found = await changes_in(repo.root)
    assert [change.path for change in found.changes] == ["a.txt"]
    assert any(text.startswith("<<<<<<<") for _, text in added(found.changes[0]))


async def test_a_detached_head_is_reviewed_like_a_branch(repo: Repository) -> None:
    repo.git("checkout", "--quiet", "--detach")
    repo.write("b.txt", "b\n")
    repo.commit()
    found = await changes_in(repo.root)
    assert (found.kind, [change.path for change in found.changes]) == ("branch", ["b.txt"])


async def test_a_shallow_clone_says_that_the_parent_is_missing(
    repo: Repository, tmp_path: Path
) -> None:
    repo.write("b.txt", "b\n")
    repo.commit()
    shallow = tmp_path / "shallow"
    repo.git("clone", "--quiet", "--depth=1", f"file://{repo.root}", str(shallow))
    found = await changes_in(shallow)
    assert found.kind == "commit"
    assert "shallow" in " ".join(found.notes)


async def test_a_linked_worktree_is_a_workspace(repo: Repository, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    repo.git("worktree", "add", "--quiet", "-b", "topic", str(tree))
    (tree / "b.txt").write_text("b\n")
    found = await changes_in(tree)
    assert [change.path for change in found.changes] == ["b.txt"]


async def test_a_huge_untracked_file_is_listed_and_not_read(repo: Repository) -> None:
    with (repo.root / "huge.bin").open("wb") as file:
        file.truncate(2_000_000_000)
    found = await changes_in(repo.root)
    assert (found.changes[0].path, found.changes[0].hunks) == ("huge.bin", ())
    assert "2,000.0 MB" in found.changes[0].note


async def test_a_pipe_in_the_tree_does_not_block(repo: Repository) -> None:
    os.mkfifo(repo.root / "pipe")
    repo.write("b.txt", "b\n")
    assert list(by_path(await changes_in(repo.root))) == ["b.txt"]


async def test_outside_git_the_folder_counts_as_added(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    (folder / "node_modules").mkdir(parents=True)
    (folder / "node_modules" / "dep.js").write_text("x\n")
    (folder / "b.txt").write_text("b\n")
    (folder / "a").mkdir()
    (folder / "a" / "x.txt").write_text("x\ny")
    (folder / "out").symlink_to(tmp_path)
    found = await changes_in(folder)
    assert (found.kind, found.base, found.cut) == ("folder", None, False)
    assert [(change.path, change.added) for change in found.changes] == [
        ("a/x.txt", 2),
        ("b.txt", 1),
    ]


async def test_a_large_folder_outside_git_is_cut_and_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    for number in range(520):
        (folder / f"{number:03}.txt").write_text("x\n")
    found = await changes_in(folder)
    assert (len(found.changes), found.cut) == (500, True)
    assert any("500" in note for note in found.notes)


async def test_without_git_installed_the_folder_is_reviewed(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = await changes_in(repo.root)
    assert found.kind == "folder"
    assert any("git isn't installed" in note for note in found.notes)


async def test_a_workspace_that_is_gone_is_an_error_with_words(repo: Repository) -> None:
    workspace = Workspace(repo.root)
    shutil.rmtree(repo.root)
    with pytest.raises(Exception, match="gone"):
        await collect(workspace, ReviewScope())
