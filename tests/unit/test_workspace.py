"""The workspace: nothing leads out of it, and names are shown on one line."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crew.errors import PathError, WorkspaceError
from crew.tools.workspace import Workspace, shown


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with a file outside next to it."""
    (tmp_path / "secret").write_text("outside")
    folder = tmp_path / "work"
    (folder / "inside").mkdir(parents=True)
    (folder / "inside" / "a.txt").write_text("a")
    return folder


@pytest.mark.parametrize("path", ["inside/a.txt", "./inside/../inside/a.txt", "inside//a.txt"])
def test_a_path_inside_is_resolved(root: Path, path: str) -> None:
    assert Workspace(root).resolve(path) == root / "inside" / "a.txt"


@pytest.mark.parametrize("name", [b"n\xffme", b"two\nlines", b"esc\x1b[2J"])
def test_a_file_is_found_by_the_name_that_was_shown(root: Path, name: bytes) -> None:
    path = root / os.fsdecode(name)
    path.write_text("")
    assert Workspace(root).resolve(shown(path.name)) == path


def test_a_file_that_has_the_shown_name_itself_comes_first(root: Path) -> None:
    (root / os.fsdecode(b"n\xffme")).write_text("")
    (root / "n\\xffme").write_text("")
    assert Workspace(root).resolve("n\\xffme") == root / "n\\xffme"


@pytest.mark.parametrize(
    "path", ["\\x2e\\x2e/secret", "inside\\x2f..\\x2f..\\x2fsecret", "a\\x00b"]
)
def test_a_shown_name_leads_no_further_than_its_own(root: Path, path: str) -> None:
    with pytest.raises(PathError):
        Workspace(root).resolve(path)


def test_an_absolute_path_inside_is_taken_and_the_root_itself_too(root: Path) -> None:
    workspace = Workspace(root)
    assert workspace.resolve(str(root / "inside")) == root / "inside"
    assert workspace.resolve(".") == root
    assert workspace.relative(root) == "."


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../secret",
        "inside/../../secret",
        "/etc/passwd",
        "/",
        "../work-2/x",
        "a\0b",
        "a\ud800",
    ],
)
def test_a_path_that_leads_outside_or_is_none_is_refused(root: Path, path: str) -> None:
    with pytest.raises(PathError):
        Workspace(root).resolve(path)


def test_a_home_sign_is_a_name_like_any_other(root: Path) -> None:
    assert Workspace(root).resolve("~/x") == root / "~" / "x"


def test_a_sibling_whose_name_begins_like_the_root_is_outside(root: Path) -> None:
    root.with_name("work-2").mkdir()
    with pytest.raises(PathError, match="outside"):
        Workspace(root).resolve(f"{root}-2")


def test_links_are_followed_before_the_place_is_judged(root: Path) -> None:
    (root / "out").symlink_to(root.parent)
    (root / "in").symlink_to("inside")
    workspace = Workspace(root)
    assert workspace.resolve("in/a.txt") == root / "inside" / "a.txt"
    for path in ("out", "out/secret", "in/../../secret", "out/new/file"):
        with pytest.raises(PathError, match="outside"):
            workspace.resolve(path)


def test_a_loop_of_links_leads_nowhere_and_not_outside(root: Path) -> None:
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")
    workspace = Workspace(root)
    with pytest.raises(PathError, match="symbolic links"):
        workspace.regular_file("one")
    with pytest.raises(PathError, match="outside"):
        workspace.resolve("one/../../secret")


def test_a_workspace_behind_a_link_is_the_folder_itself(root: Path) -> None:
    link = root.with_name("link")
    link.symlink_to(root)
    assert Workspace(link).root == root


def test_only_regular_files_are_files(root: Path) -> None:
    os.mkfifo(root / "pipe")
    workspace = Workspace(root)
    assert workspace.regular_file("inside/a.txt") == root / "inside" / "a.txt"
    for path, said in (("inside", "folder"), ("pipe", "regular"), ("none", "No such file")):
        with pytest.raises(PathError, match=said):
            workspace.regular_file(path)


@pytest.mark.parametrize(
    "path", [".git/hooks/pre-commit", "sub/.git/config", ".crew/runs/r/events.jsonl", "inside"]
)
def test_what_belongs_to_git_or_crew_and_folders_are_not_written(root: Path, path: str) -> None:
    with pytest.raises(PathError):
        Workspace(root).writable(path)


def test_new_files_files_and_definitions_may_be_written(root: Path) -> None:
    workspace = Workspace(root)
    for path in ("new/file", "inside/a.txt", ".crew/agents/a.md", ".github/x.yml"):
        assert workspace.writable(path) == root / path


def test_a_folder_that_went_away_or_is_none_is_no_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    (tmp_path / "file").touch()
    for folder in (Path(), gone, tmp_path / "file"):
        with pytest.raises(WorkspaceError):
            Workspace(folder)


def test_a_workspace_whose_folder_goes_away_later_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    workspace = Workspace(folder)
    folder.rmdir()
    with pytest.raises(PathError, match="No such file"):
        workspace.folder(".")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("grüße.py", "grüße.py"), ("caf\udce9", "caf\\xe9"), ("a\nb\x1b", "a\\x0ab\\x1b")],
)
def test_a_name_is_shown_on_one_line_and_can_be_encoded(name: str, expected: str) -> None:
    assert shown(name) == expected


@given(path=st.lists(st.sampled_from(["..", ".", "inside", "out", "loop", "x", ""]), max_size=6))
def test_no_path_of_any_shape_resolves_outside(
    tmp_path_factory: pytest.TempPathFactory, path: list[str]
) -> None:
    root = tmp_path_factory.getbasetemp() / "fuzzed" / "work"
    if not root.exists():
        (root / "inside").mkdir(parents=True)
        (root / "out").symlink_to("..")
        (root / "loop").symlink_to("loop")
    try:
        real = Workspace(root).resolve("/".join(path) or ".")
    except PathError:
        return
    assert real == root or root in real.parents
    assert ".." not in real.parts
