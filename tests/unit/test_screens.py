"""The double of a terminal draws what a terminal would."""

from tests.doubles.screens import Picture


def test_text_goes_where_the_cursor_was_sent() -> None:
    picture = Picture(10, 3)
    picture.feed("\x1b[2;3Hab\x1b[1mc\x1b[0m\r\nd\x1b[1;1H\x1b[?25lx\x1b]0;title\x07y")
    assert picture.lines == ["xy", "  abc", "d"]


def test_a_sequence_may_come_in_pieces_and_wide_letters_take_two_cells() -> None:
    picture = Picture(6, 2)
    for piece in ("a\x1b[", "2;1", "H漢", "b\x1b[K"):
        picture.feed(piece)
    assert picture.lines == ["a", "漢b"]
    picture.feed("\x1b[2J")
    assert picture.lines == ["", ""]
