"""Which of many words a text holds, found in one look at the text."""

from collections.abc import Iterable

from ahocorasick_rs import BytesAhoCorasick


class Words:
    """A set of words to look for.

    Args:
        words: None of them empty; numbered from 0.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._finder = BytesAhoCorasick([_bytes(word) for word in words])

    def found_in(self, text: str) -> set[int]:
        """The numbers of the words that a text holds, also where they overlap."""
        matches = self._finder.find_matches_as_indexes(_bytes(text), overlapping=True)
        return {number for number, _, _ in matches}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
