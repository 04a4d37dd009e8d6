"""`o` opens what an entry or a finding names in the person's editor."""

from pathlib import Path

import pytest

from crew.errors import UsageError
from crew.events import RunStarted
from crew.feed import FeedItem
from crew.records import ArtifactRef
from crew.tui.editor import editor_command, find_file
from crew.view import FilePlace
from tests.doubles.feeds import MemoryFeed
from tests.doubles.observers import observer, screen_text, settle, until
from tests.doubles.transcripts import golden_transcripts

SIZE = (100, 30)


@pytest.mark.parametrize(
    ("editor", "command"),
    [
        ("vim", ["vim", "+3", "/w/a.py"]),
        ("/usr/bin/nvim -p", ["/usr/bin/nvim", "-p", "+3", "/w/a.py"]),
        ("emacs -nw", ["emacs", "-nw", "+3", "/w/a.py"]),
        ("code --wait", ["code", "--wait", "-g", "/w/a.py:3"]),
        ("ed", ["ed", "/w/a.py"]),
    ],
)
def test_an_editor_is_told_the_line_in_its_own_way(editor: str, command: list[str]) -> None:
    assert editor_command(editor, Path("/w/a.py"), 3) == command
    assert editor_command(editor, Path("/w/a.py"), None)[-1] == "/w/a.py"


@pytest.mark.parametrize("editor", ["", "vim 'x"])
def test_without_an_editor_it_says_so(editor: str) -> None:
    with pytest.raises(UsageError, match="EDITOR"):
        editor_command(editor, Path("/w/a.py"), 3)


def place(file: str, line: int | None = None) -> FilePlace:
    return FilePlace(file=file, line=line)


def test_only_a_file_of_the_workspace_is_opened(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "a.py").write_text("x")
    (tmp_path / "secret").write_text("x")
    (work / "link").symlink_to(tmp_path / "secret")
    here = str(work)
    assert find_file(here, [place("gone.py"), place("a.py", 3)]) == (work / "a.py", 3)
    assert find_file(here, [place(str(work / "a.py"))]) == (work / "a.py", None)
    for file in ("../secret", "link", str(tmp_path / "secret")):
        with pytest.raises(UsageError, match="is outside the workspace"):
            find_file(here, [place(file)])
    with pytest.raises(UsageError, match=r"there is no file gone\.py in the workspace"):
        find_file(here, [place("gone.py"), place("a\0b")])
    with pytest.raises(UsageError, match="no file is named here"):
        find_file(here, [])
    with pytest.raises(UsageError, match="is not on this machine"):
        find_file(str(tmp_path / "gone"), [place("a.py")])


def an_editor(folder: Path) -> str:
    """An editor that writes down what it was asked to open."""
    script = folder / "vim"
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$(dirname "$0")/opened"\n')
    script.chmod(0o755)
    return str(script)


def in_folder(workspace: Path, items: list[FeedItem]) -> MemoryFeed:
    """The golden run as it would be in another folder."""
    began = items[0]
    assert isinstance(began, RunStarted)
    moved = began.model_copy(update={"workspace": str(workspace)})
    return MemoryFeed([moved, *items[1:]], golden_transcripts())


async def test_o_opens_the_file_of_the_selected_entry(tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "ledger").mkdir(parents=True)
    (work / "ledger" / "split.py").write_text("x")
    app = observer(feed=in_folder(work, until(35)), editor=an_editor(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "enter")
        await settle(pilot)
        await pilot.press("slash", *"round(", "enter")
        await settle(pilot)
        await pilot.press("n", "o")
        await settle(pilot)
    assert (tmp_path / "opened").read_text().splitlines()[-1] == str(work / "ledger" / "split.py")


async def test_o_says_why_nothing_is_opened(tmp_path: Path) -> None:
    app = observer(feed=in_folder(tmp_path, until(35)), editor=an_editor(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "enter")
        await settle(pilot)
        await pilot.press("g", "o")
        await settle(pilot)
        assert any("no file is named here" in line for line in screen_text(app))
    assert not (tmp_path / "opened").exists()


async def test_o_opens_the_file_of_a_finding(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x")
    found = [
        {"title": "one", "priority": "P1", "file": "a.py", "line": 12},
        {"title": "two", "priority": "P2", "file": "gone.py"},
    ]

    def read(_ref: ArtifactRef) -> object:
        return {"verdict": "revise", "findings": found}

    feed = in_folder(tmp_path, until(50))
    app = observer(feed=feed, read_result=read, editor=an_editor(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        await pilot.press("o")
        await settle(pilot)
        opened = (tmp_path / "opened").read_text().splitlines()
        assert opened == ["+12", str(tmp_path / "a.py")]
        await pilot.press("j", "o")
        await settle(pilot)
        assert any("there is no file gone.py" in line for line in screen_text(app))
        await pilot.press("k")
        await settle(pilot)
        assert any("Esc closes" in line for line in screen_text(app))


async def test_an_editor_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "split.py").write_text("x")
    app = observer(feed=in_folder(tmp_path, until(35)), editor="no-such-editor")
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "enter")
        await settle(pilot)
        await pilot.press("slash", *"round(", "enter")
        await settle(pilot)
        await pilot.press("n")
        await settle(pilot)
        await pilot.press("o")
        await settle(pilot)
        assert any("no-such-editor: No such file" in line for line in screen_text(app))
