"""`read`: pages of files of every kind, and what it says of those that are no text."""

import os
from pathlib import Path

import pytest
from anyio import create_task_group
from anyio.lowlevel import checkpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crew.errors import ToolError
from crew.tools.read import PAGE_CHARS, Read
from tests.doubles.workbench import Workbench


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """An empty workspace."""
    return Workbench(tmp_path)


async def read(bench: Workbench, path: str, **args: int) -> str:
    return (await bench.call(Read(), path=path, **args)).text


async def test_lines_are_numbered(bench: Workbench) -> None:
    bench.file("a.txt", "one\n\tthree\n")
    output = await bench.call(Read(), path="a.txt")
    assert output.text == "     1\tone\n     2\t\tthree"
    assert output.summary == "2 lines"


async def test_a_page_says_how_to_go_on_and_how_many_lines_there_are(bench: Workbench) -> None:
    bench.file("a.txt", "".join(f"line {n}\n" for n in range(1, 101)))
    page = await read(bench, "a.txt", start=11, limit=2)
    assert page == "    11\tline 11\n    12\tline 12\n(lines 11-12 of 100; go on with start=13)"
    assert (await read(bench, "a.txt", start=100)).endswith("line 100\n(lines 100-100, the end)")


async def test_pages_in_a_row_give_the_whole_file(bench: Workbench) -> None:
    content = [f"{n} {'x' * (n % 700)}" for n in range(1, 400)]
    bench.file("a.txt", "\n".join(content))
    seen: list[str] = []
    while len(seen) < len(content):
        rows = (await read(bench, "a.txt", start=len(seen) + 1)).splitlines()
        seen += [row.split("\t", 1)[1] for row in rows if "\t" in row]
    assert seen == content


@pytest.mark.parametrize(
    ("content", "page"),
    [
        (b"", "(empty file)"),
        (b"no end", "     1\tno end"),
        (b"a\r\nb\r\n", "     1\ta\n     2\tb"),
        (b"\xef\xbb\xbfbom\n", "     1\tbom"),
        (b"caf\xe9\n", "     1\tcaf\\xe9"),
        (b"\n\n", "     1\t\n     2\t"),
        (b"GIF89 is a format\n", "     1\tGIF89 is a format"),
    ],
)
async def test_text_of_every_kind_is_shown(bench: Workbench, content: bytes, page: str) -> None:
    bench.file("a", content)
    assert await read(bench, "a") == page


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "a PNG image"),
        (b"text" * 100 + b"\0", "binary data"),
        ("é".encode("utf-16"), "UTF-16 text"),
        (b"PK\x03\x04\x14\0", "a zip archive"),
    ],
)
async def test_what_is_no_text_is_described_and_not_dumped(
    bench: Workbench, content: bytes, kind: str
) -> None:
    bench.file("a", content)
    text = await read(bench, "a")
    assert kind in text and f"{len(content)} bytes" in text


async def test_a_line_beyond_the_end_is_an_error_with_the_number_of_lines(
    bench: Workbench,
) -> None:
    bench.file("a.txt", "one\ntwo")
    for start in (3, 4, 1000):
        with pytest.raises(ToolError, match="lines in all: 2"):
            await read(bench, "a.txt", start=start)


async def test_long_lines_are_cut_with_their_length(bench: Workbench) -> None:
    bench.file("a.txt", "é" * 5_000 + "\nshort\n")
    first, second = (await read(bench, "a.txt")).splitlines()
    assert first == f"     1\t{'é' * 2_000} [... line of 10,001 bytes]"
    assert second == "     2\tshort"


async def test_a_page_is_bounded_and_says_where_it_stops(bench: Workbench) -> None:
    bench.file("a.txt", ("x" * 1_000 + "\n") * 1_000)
    text = await read(bench, "a.txt")
    assert len(text) < PAGE_CHARS + 2_000
    assert "of 1,000; go on with start=51)" in text


async def test_a_file_of_two_gigabytes_is_looked_into_at_once(bench: Workbench) -> None:
    huge = bench.file("huge.log", "first\nsecond\n" + "\n" * 9_000)
    os.truncate(huge, 2 * 1024**3)
    text = await read(bench, "huge.log", limit=2)
    assert text.startswith("     1\tfirst\n     2\tsecond\n(lines 1-2 of more than ")


async def test_a_line_that_never_ends_is_given_up(bench: Workbench) -> None:
    huge = bench.file("huge.log", "first\n" + "x" * 9_000)
    os.truncate(huge, 1024**3)
    with pytest.raises(ToolError, match="line 2 is longer than 256 MB"):
        await read(bench, "huge.log")
    assert (await read(bench, "huge.log", limit=1)).startswith("     1\tfirst\n(lines 1-1 of more")


async def test_a_line_far_behind_in_a_huge_file_is_given_up(bench: Workbench) -> None:
    huge = bench.file("huge.log", "text\n" * 2_000)
    os.truncate(huge, 2 * 1024**3)
    with pytest.raises(ToolError, match="not in the first 256 MB"):
        await read(bench, "huge.log", start=5_000)


async def test_a_long_look_does_not_hold_up_the_event_loop(bench: Workbench) -> None:
    os.truncate(bench.file("huge.log", "text\n" * 2_000), 1024**3)
    steps = 0

    async def step() -> None:
        nonlocal steps
        while True:
            await checkpoint()
            steps += 1

    async with create_task_group() as tasks:
        tasks.start_soon(step)
        with pytest.raises(ToolError):
            await read(bench, "huge.log", start=5_000)
        tasks.cancel_scope.cancel()
    assert steps > 100


async def test_an_artifact_is_read_like_a_file(bench: Workbench) -> None:
    bench.artifacts.kept["out.txt"] = b"a\nb\nc\n"
    page = await read(bench, "artifact:out.txt", start=2, limit=1)
    assert page == "     2\tb\n(lines 2-2 of 3; go on with start=3)"
    with pytest.raises(ToolError, match="no artifact"):
        await read(bench, "artifact:other")


async def test_what_can_not_be_read_is_an_error_and_never_hangs(bench: Workbench) -> None:
    os.mkfifo(bench.root / "pipe")
    (bench.root / "null").symlink_to("/dev/null")
    (bench.root / "loop").symlink_to("loop")
    (bench.root / "folder").mkdir()
    for path in ("none", "pipe", "null", "loop", "folder", "../x", "a\0"):
        with pytest.raises(ToolError):
            await read(bench, path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_an_unreadable_file_says_why(bench: Workbench) -> None:
    bench.file("a.txt", "x").chmod(0)
    with pytest.raises(ToolError, match="Permission denied"):
        await read(bench, "a.txt")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lines=st.lists(st.sampled_from([b"", b"a", b"bb" * 700, b"\xff", b"c\r"]), max_size=30),
    ended=st.booleans(),
    start=st.integers(1, 32),
    limit=st.integers(1, 32),
)
async def test_a_page_is_exactly_the_lines_asked_for(
    bench: Workbench, lines: list[bytes], ended: bool, start: int, limit: int
) -> None:
    content = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    bench.file("f.txt", content)
    whole = content.decode("utf-8", "backslashreplace").split("\n")
    if not whole[-1]:
        whole.pop()
    wanted = [line.removesuffix("\r") for line in whole[start - 1 : start - 1 + limit]]
    try:
        rows = (await read(bench, "f.txt", start=start, limit=limit)).split("\n")
    except ToolError:
        assert start > max(1, len(whole))
        return
    numbered = [f"{number:>6}\t{line}" for number, line in enumerate(wanted, start=start)]
    assert rows[: len(numbered)] == numbered or not whole
    assert len(rows) <= len(numbered) + 1
