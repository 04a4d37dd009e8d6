"""What a terminal is given: cleaned of all that acts on it, and capped with a count."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crew.plaintext import cap, clean

NASTY = st.text(
    alphabet=st.one_of(
        st.sampled_from("\x1b[]0;m\x07\\P\x9b\x9d\u202e\u200b\udc80\ud83d\n\t\r\u2028ab"),
        st.characters(),
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\after", "after"),
        ("\x1b]0;never ended\nnext line", "0;never ended\nnext line"),
        ("\x1b(Bplain\x1bc", "plain"),
        ("a\x00b\x08c\x7fd\x85e", "abcde"),
        ("one\r\ntwo\tthree", "one\ntwo\tthree"),
        ("if \u202e\u2066admin\u2069 {", "if admin {"),
        ("pay\u200bpal\ufeff \u00adx", "paypal x"),
        ("tags\U000e0041\U000e0042", "tags"),
        ("a\u2028b\u2029c", "a\nb\nc"),
        ("caf\udce9.txt", "caf\\xe9.txt"),
        ("half \ud83d", "half \N{REPLACEMENT CHARACTER}"),
        ("grüße 漢字 עברית 😀 é", "grüße 漢字 עברית 😀 é"),
    ],
)
def test_only_what_is_seen_is_left(raw: str, shown: str) -> None:
    assert clean(raw) == shown


@given(text=NASTY)
def test_clean_text_holds_nothing_that_acts_on_a_terminal_and_can_be_encoded(text: str) -> None:
    shown = clean(text)
    shown.encode()
    assert not [
        char for char in shown if char not in "\n\t" and unicodedata.category(char) in {"Cc", "Cs"}
    ]
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]", shown)
    assert clean(shown) == shown


@given(text=st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == re.sub("[\u115f\u1160\u3164\uffa0]", "", text)


def test_many_unterminated_sequences_are_cleaned_in_linear_time() -> None:
    openers = ["\x1b]", "\x1bP", "\x1b[", "\x9d", "\x90", "\x9b", "\x1b "]
    assert clean("".join(opener * 100_000 for opener in openers)).strip() == ""


@given(text=st.text(alphabet="ab\n", max_size=200), limit=st.integers(0, 120))
def test_a_cap_keeps_head_and_tail_and_counts_what_it_leaves_out(text: str, limit: int) -> None:
    shown, was_cut = cap(text, limit)
    if not was_cut:
        assert shown == text
        return
    mark = re.search(r"\n\[\.\.\. ([\d,]+) characters left out \.\.\.\]\n", shown)
    assert mark is not None
    head, tail = shown[: mark.start()], shown[mark.end() :]
    assert text.startswith(head) and text.endswith(tail)
    assert len(head) + len(tail) <= limit
    assert len(head) + len(tail) + int(mark[1].replace(",", "")) == len(text)
