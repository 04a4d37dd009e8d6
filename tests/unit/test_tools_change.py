"""`write` and `edit`: files change in one step, keep what they were, and only inside."""

import os
import resource
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crew.errors import ToolError
from crew.records import FileChange
from crew.tools.edit import Edit
from crew.tools.protocol import Tool
from crew.tools.write import Write
from tests.doubles.workbench import Workbench


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """An empty workspace with a file outside of it."""
    (tmp_path / "secret").write_text("outside")
    (tmp_path / "work").mkdir()
    return Workbench(tmp_path / "work")


def _told(bench: Workbench, tool: Tool[Any], **args: str) -> FileChange | None:
    return tool.change(
        tool.parse(dict(args)), bench.workspace, lambda text: text.replace("hunter2", "[secret]")
    )


def test_what_would_be_written_is_told_before_against_what_is_there(bench: Workbench) -> None:
    bench.file("a.py", "one\ntwo\nthree\n")
    told = _told(bench, Write(), path="./a.py", content="one\n2\nthree\n")
    assert told == FileChange(
        path="a.py", exists=True, diff="@@ -1,3 +1,3 @@\n one\n-two\n+2\n three"
    )
    new = _told(bench, Write(), path="b.py", content="x = 1\ny = hunter2\n")
    assert new == FileChange(path="b.py", exists=False, diff="+x = 1\n+y = [secret]")
    assert (bench.root / "a.py").read_text() == "one\ntwo\nthree\n"
    assert not (bench.root / "b.py").exists()


def test_what_would_be_edited_is_told_with_the_lines_around_it(bench: Workbench) -> None:
    bench.file("a.py", "".join(f"line {n}\n" for n in range(1, 10)))
    told = _told(bench, Edit(), path="a.py", old="line 5\n", new="five\n")
    assert told is not None
    assert told.diff.splitlines() == [
        "@@ -2,7 +2,7 @@",
        *(" line 2", " line 3", " line 4", "-line 5", "+five", " line 6", " line 7", " line 8"),
    ]


def test_a_long_file_is_told_as_one_piece_and_one_that_cannot_be_read_by_its_name(
    bench: Workbench,
) -> None:
    lines = [f"{n}\n" for n in range(3_000)]
    bench.file("long", "".join(lines))
    lines[1_000] = "other\n"
    told = _told(bench, Write(), path="long", content="".join(lines))
    assert told is not None
    assert told.diff == "@@ -1001,1 +1001,1 @@\n-1000\n+other"
    bench.file("binary", b"\xff\xfe\x00")
    bench.file("huge", "x" * 300_000)
    for name in ("binary", "huge"):
        told = _told(bench, Write(), path=name, content="x")
        assert told == FileChange(path=name, exists=True)
    missing = _told(bench, Edit(), path="none", old="a", new="b")
    assert missing == FileChange(path="none", exists=False)


async def test_a_new_file_is_created_with_its_folders(bench: Workbench) -> None:
    output = await bench.call(Write(), path="a/b/c.txt", content="one\ntwo")
    assert (bench.root / "a/b/c.txt").read_text() == "one\ntwo"
    assert output.summary == "created, 2 lines"
    assert output.text == "a/b/c.txt: created, 2 lines"


async def test_a_new_file_gets_the_mode_that_files_get_here(bench: Workbench) -> None:
    await bench.call(Write(), path="a.txt", content="x")
    plain = bench.file("plain")
    assert (bench.root / "a.txt").stat().st_mode == plain.stat().st_mode


async def test_an_existing_file_is_replaced_and_keeps_its_mode(bench: Workbench) -> None:
    script = bench.file("run.sh", "old")
    script.chmod(0o750)
    output = await bench.call(Write(), path="run.sh", content="new\n")
    assert script.read_text() == "new\n"
    assert stat.S_IMODE(script.stat().st_mode) == 0o750
    assert output.summary == "replaced, 1 line"


async def test_content_is_written_as_it_is(bench: Workbench) -> None:
    await bench.call(Write(), path="a.txt", content="grüße\r\n\tx")
    assert (bench.root / "a.txt").read_bytes() == "grüße\r\n\tx".encode()
    assert (await bench.call(Write(), path="b", content="")).summary == "created, 0 lines"


async def test_a_link_inside_stays_a_link_and_its_file_changes(bench: Workbench) -> None:
    real = bench.file("real.txt", "old")
    (bench.root / "link").symlink_to("real.txt")
    await bench.call(Write(), path="link", content="new")
    assert (bench.root / "link").is_symlink()
    assert real.read_text() == "new"


async def test_nothing_is_written_outside_or_where_no_file_can_be(bench: Workbench) -> None:
    (bench.root / "out").symlink_to("../secret")
    (bench.root / "up").symlink_to("..")
    (bench.root / "new-out").symlink_to("../new")
    (bench.root / "loop").symlink_to("loop")
    bench.file("file", "x")
    os.mkfifo(bench.root / "pipe")
    paths = [
        "out",
        "up/secret",
        "new-out",
        "../secret",
        "loop",
        "file/x",
        "pipe",
        ".",
        ".git/hooks/x",
    ]
    for path in paths:
        with pytest.raises(ToolError):
            await bench.call(Write(), path=path, content="changed")
        with pytest.raises(ToolError):
            await bench.call(Edit(), path=path, old="outside", new="changed")
    assert (bench.root.parent / "secret").read_text() == "outside"
    assert not (bench.root.parent / "new").exists()


async def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(bench: Workbench) -> None:
    bench.file("a.txt", "old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        with pytest.raises(ToolError, match="could not be written: File too large"):
            await bench.call(Write(), path="a.txt", content="x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (bench.root / "a.txt").read_text() == "old"
    assert os.listdir(bench.root) == ["a.txt"]


async def test_a_place_where_no_file_can_be_is_named_with_the_reason(bench: Workbench) -> None:
    bench.file("a.txt", "old")
    for path, said in (("a.txt/b", "Not a directory"), ("n" * 300, "File name too long")):
        with pytest.raises(ToolError, match=said):
            await bench.call(Write(), path=path, content="x")
    assert os.listdir(bench.root) == ["a.txt"]


async def test_an_exact_piece_is_replaced_in_place(bench: Workbench) -> None:
    script = bench.file("a.py", "one\n  two\nthree\n")
    script.chmod(0o755)
    output = await bench.call(Edit(), path="a.py", old="  two\n", new="  2\n  zwei\n")
    assert script.read_text() == "one\n  2\n  zwei\nthree\n"
    assert stat.S_IMODE(script.stat().st_mode) == 0o755
    assert (output.text, output.summary) == ("a.py: 1 replacement at line 2", "line 2")


async def test_a_piece_that_is_not_unique_is_refused_with_its_lines(bench: Workbench) -> None:
    file = bench.file("a.txt", "x\ny\nx\nx x\n")
    with pytest.raises(ToolError, match=r"occurs 4 times .* at lines 1, 3, 4, 4") as caught:
        await bench.call(Edit(), path="a.txt", old="x", new="z")
    assert "set all" in caught.value.hint
    output = await bench.call(Edit(), path="a.txt", old="x", new="z", all=True)
    assert file.read_text() == "z\ny\nz\nz z\n"
    assert output.summary == "4 replacements"


async def test_a_piece_that_is_not_there_is_refused_with_where_it_nearly_is(
    bench: Workbench,
) -> None:
    bench.file("a.txt", "def f():\n\treturn 1\n")
    with pytest.raises(ToolError, match="does not occur") as caught:
        await bench.call(Edit(), path="a.txt", old="    return 1", new="x")
    assert "line is at 2" in caught.value.hint
    with pytest.raises(ToolError) as caught:
        await bench.call(Edit(), path="a.txt", old="nothing like it", new="x")
    assert caught.value.hint == "read the file again"


async def test_an_edit_without_sense_is_refused(bench: Workbench) -> None:
    bench.file("a.txt", "x")
    for old, new in (("", "y"), ("x", "x")):
        with pytest.raises(ToolError):
            await bench.call(Edit(), path="a.txt", old=old, new=new)


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        (b"a\r\nb\r\nc\r\n", "a\nb", "x\ny\nz", b"x\r\ny\r\nz\r\nc\r\n"),
        (b"a\r\nb\r\n", "b", "x\ny", b"a\r\nx\r\ny\r\n"),
        (b"a\r\nb\r\n", "a\r\nb", "x", b"x\r\n"),
        (b"a\nb\r\nc\r\n", "b\nc", "x\ny", b"a\nx\r\ny\r\n"),
        (b"a\nb\nc\r\n", "a\nb", "x\ny", b"x\ny\nc\r\n"),
        (b"\xef\xbb\xbfa\n", "a", "b", b"\xef\xbb\xbfb\n"),
    ],
)
async def test_line_ends_stay_those_of_the_file(
    bench: Workbench, before: bytes, old: str, new: str, after: bytes
) -> None:
    file = bench.file("a.txt", before)
    await bench.call(Edit(), path="a.txt", old=old, new=new)
    assert file.read_bytes() == after


async def test_a_file_that_is_not_utf8_or_too_large_is_left_alone(bench: Workbench) -> None:
    latin = bench.file("latin.txt", b"caf\xe9 x")
    with pytest.raises(ToolError, match="not UTF-8"):
        await bench.call(Edit(), path="latin.txt", old="x", new="y")
    assert latin.read_bytes() == b"caf\xe9 x"
    os.truncate(bench.file("huge"), 2 * 1024**3)
    with pytest.raises(ToolError, match="larger than 16 MB"):
        await bench.call(Edit(), path="huge", old="x", new="y")


async def test_half_a_surrogate_pair_is_refused(bench: Workbench) -> None:
    bench.file("a.txt", "x")
    with pytest.raises(ToolError):
        await bench.call(Write(), path="b.txt", content="\ud83d")
    assert sorted(os.listdir(bench.root)) == ["a.txt"]


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    text=st.text("ab\n", max_size=20),
    old=st.text("ab\n", min_size=1, max_size=3),
    every=st.booleans(),
)
async def test_an_edit_does_what_replace_does_or_nothing(
    bench: Workbench, text: str, old: str, every: bool
) -> None:
    file = bench.file("f.txt", text)
    try:
        await bench.call(Edit(), path="f.txt", old=old, new="X", all=every)
    except ToolError:
        assert file.read_text() == text
        assert text.count(old) == 0 or (text.count(old) > 1 and not every)
    else:
        assert file.read_text() == text.replace(old, "X")
        assert every or text.count(old) == 1
