"""Which of many words a text holds, found in one look at the text."""

from collections.abc import Iterable

from ahocorasick_rs import BytesAhoCorasick


class Words:
    """A set of words to look for.

    Args:
        words: None of them empty; numbered from 0.
    """

    def __init__(self, words: Iterable[bytes]) -> None:
        self._finder = BytesAhoCorasick(list(words))

    def found_in(self, text: bytes) -> set[int]:
        """The numbers of the words that a text holds, also where they overlap."""
        matches = self._finder.find_matches_as_indexes(text, overlapping=True)
        return {number for number, _, _ in matches}


def as_bytes(text: str) -> bytes:
    """A text in UTF-8, also one that is cut in the middle of a character."""
    return text.encode("utf-8", "surrogatepass")
