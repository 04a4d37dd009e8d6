"""Which of many words a text holds."""

from hypothesis import given
from hypothesis import strategies as st

from crew.store.words import Words, as_bytes

letters = st.sampled_from("ab-é\ud800")


@given(
    words=st.lists(st.text(letters, min_size=1, max_size=4), min_size=1, max_size=8),
    text=st.text(letters),
)
def test_the_words_that_are_found_are_those_that_a_search_for_each_finds(
    words: list[str], text: str
) -> None:
    found = Words(map(as_bytes, words)).found_in(as_bytes(text))
    assert found == {n for n, word in enumerate(words) if word in text}
