import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crew.store.tail import LineIndex, Tail, read_back

line = st.text(max_size=12).map(lambda text: text.replace("\n", "").encode())
lines = st.lists(line | st.just(b"\xff\xfe{"), max_size=8)
torn_line = st.binary(max_size=5).map(lambda data: data.replace(b"\n", b""))


@contextmanager
def a_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "a.jsonl"


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def drain(tail: Tail, limit: int = 1 << 20) -> list[bytes]:
    found = tail.poll(limit)
    while tail.more:
        found += tail.poll(limit)
    return found


class Reader:
    """Reads as an observer does: starts over when the file turns out to be another."""

    def __init__(self, path: Path, limit: int) -> None:
        self.tail = Tail(path)
        self.limit = limit
        self.lines: list[bytes] = []

    def look(self) -> None:
        while True:
            resets = self.tail.resets
            found = self.tail.poll(self.limit)
            if self.tail.resets != resets:
                self.lines = []
            self.lines += found
            if not self.tail.more:
                return


@settings(max_examples=120, deadline=None)
@given(lines, st.lists(st.integers(1, 9), min_size=1, max_size=30), st.integers(1, 40))
def test_bytes_appended_in_any_pieces_give_each_line_once(
    content: list[bytes], sizes: list[int], limit: int
) -> None:
    data = b"".join(line + b"\n" for line in content)
    with a_path() as path:
        tail, found, at = Tail(path), list[bytes](), 0
        found += drain(tail, limit)
        for turn in range(len(data)):
            size = sizes[turn % len(sizes)]
            append(path, data[at : at + size])
            at += size
            found += drain(tail, limit)
            assert found == data[:at].split(b"\n")[:-1]
            if at >= len(data):
                break
        assert found == content
        assert tail.resets == 0


action = st.sampled_from(["append", "rewrite", "replace", "truncate", "remove", "look"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(action, lines), max_size=14), torn_line, st.integers(1, 64))
def test_whatever_happens_to_the_file_a_reader_ends_with_its_lines(
    steps: list[tuple[str, list[bytes]]], torn: bytes, limit: int
) -> None:
    with a_path() as path:
        reader = Reader(path, limit)
        for number, (what, content) in enumerate(steps):
            # Files that are written anew begin with their own time, as crew's do.
            stamped = [b"%d" % number, *content]
            data = b"".join(line + b"\n" for line in stamped)
            match what:
                case "append":
                    append(path, data)
                case "rewrite":
                    path.write_bytes(data)
                case "replace":
                    aside = path.with_name("aside")
                    aside.write_bytes(data)
                    aside.replace(path)
                case "truncate" if path.exists():
                    os.truncate(path, path.stat().st_size // 2)
                case "remove":
                    path.unlink(missing_ok=True)
                case _:
                    reader.look()
        append(path, torn)
        reader.look()
        assert reader.lines == path.read_bytes().split(b"\n")[:-1]
        append(path, b"\nlast\n")
        reader.look()
        assert reader.lines == path.read_bytes().split(b"\n")[:-1]


def test_a_file_rewritten_to_a_larger_one_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, b'{"n":1}\n')
    tail = Tail(path)
    assert tail.poll() == [b'{"n":1}']
    path.write_bytes(b'{"n":2}\n{"n":3}\n')
    assert tail.poll() == [b'{"n":2}', b'{"n":3}']
    assert tail.resets == 1


def test_a_file_rewritten_behind_an_equal_head_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    head = b"x" * 2000 + b"\n"
    append(path, head + b"old\n")
    tail = Tail(path)
    tail.poll()
    path.write_bytes(head + b"new\nand more\n")
    assert tail.poll() == [head[:-1], b"new", b"and more"]


def test_a_file_replaced_by_another_of_the_same_beginning_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, b"one\n")
    tail = Tail(path)
    tail.poll()
    append(tmp_path / "aside", b"one\ntwo\n")
    (tmp_path / "aside").replace(path)
    assert tail.poll() == [b"one", b"two"]
    assert tail.resets == 1


def test_a_last_line_without_newline_stays_until_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    tail = Tail(path)
    append(path, "half a l\u00edne".encode())
    assert tail.poll() == []
    append(path, b" and the rest\n")
    assert tail.poll() == ["half a l\u00edne and the rest".encode()]


def test_a_monster_line_is_dropped_and_leaves_an_unreadable_one_in_its_place(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.jsonl"
    append(path, b"before\n" + b'{"text":"' + b"x" * 5000 + b'"}\nafter\n')
    tail = Tail(path, longest_line=1000)
    found = drain(tail, 128)
    assert found[0] == b"before"
    assert found[2] == b"after"
    assert found[1].startswith(b'{"text":"xxx')
    assert len(found[1]) < 300
    assert tail.dropped == 1


@pytest.mark.parametrize("kind", ["folder", "dangling link"])
def test_what_can_not_be_read_has_no_lines_and_is_tried_again(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.jsonl"
    tail = Tail(path)
    if kind == "folder":
        path.mkdir()
        assert tail.poll() == []
        path.rmdir()
    else:
        path.symlink_to(tmp_path / "nowhere" / "b")
        assert tail.poll() == []
        path.unlink()
    append(path, b"here\n")
    assert tail.poll() == [b"here"]


def test_reading_may_begin_at_a_line_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, b"one\ntwo\n")
    tail = Tail(path, offset=4)
    assert tail.poll() == [b"two"]
    append(path, b"three\n")
    assert tail.poll() == [b"three"]
    assert tail.resets == 0


@settings(max_examples=100, deadline=None)
@given(lines, st.integers(1, 5), st.booleans())
def test_reading_backwards_page_by_page_gives_the_whole_file(
    content: list[bytes], want: int, torn: bool
) -> None:
    with a_path() as path:
        path.write_bytes(b"".join(line + b"\n" for line in content) + b"torn" * torn)
        pages: list[list[bytes]] = []
        before, page = read_back(path, None, want)
        while page:
            assert len(page) <= want
            pages.insert(0, page)
            before, page = read_back(path, before, want)
        assert [line for page in pages for line in page] == content
        assert before == 0


@pytest.mark.parametrize("want", [259, 260, 261, 700])
def test_the_end_of_a_file_is_found_across_blocks(tmp_path: Path, want: int) -> None:
    path = tmp_path / "a.jsonl"
    content = [b"%06d" % number + b"x" * 1000 for number in range(2000)]
    path.write_bytes(b"".join(line + b"\n" for line in content))
    offset, found = read_back(path, None, want)
    assert found == content[-want:]
    assert offset == (2000 - want) * 1007


def test_reading_an_absent_file_backwards_gives_nothing(tmp_path: Path) -> None:
    assert read_back(tmp_path / "none", None, 10) == (0, [])


@settings(max_examples=80, deadline=None)
@given(st.lists(lines, max_size=5), torn_line)
def test_a_line_index_knows_every_complete_line(pieces: list[list[bytes]], torn: bytes) -> None:
    with a_path() as path:
        index = LineIndex(path)
        content: list[bytes] = []
        for piece in pieces:
            append(path, b"".join(line + b"\n" for line in piece))
            content += piece
            assert index.grow() == len(piece)
        append(path, torn)
        assert index.grow() == 0
        assert [index.line(number) for number in range(len(index))] == content


def test_a_line_index_grows_over_block_borders_and_starts_anew_when_the_file_shrinks(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.jsonl"
    content = [b"%07d" % number + b"y" * 5000 for number in range(600)]
    path.write_bytes(b"".join(line + b"\n" for line in content))
    index = LineIndex(path)
    while index.grow(limit_bytes=300_000):
        pass
    assert len(index) == 600
    assert index.line(421) == content[421]
    path.write_bytes(b"short\n")
    assert index.grow() == 1
    assert index.line(0) == b"short"
