"""One changed file as the rules see it: its lines, which of them are new, what is code in them."""

from dataclasses import dataclass
from functools import cached_property

from crew.tools.changes import Change
from crew.tools.lint.language import is_test, language_of
from crew.tools.lint.masking import Token, blank, tokens
from crew.tools.workspace import shown

LONGEST_LINE = 20_000
"""Characters of a line that rules look at; longer ones are data."""


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A changed text file.

    Attributes:
        text: The whole new text; a carriage return before a line's end is left out.
        added: Numbers of the lines that the change added, from 1.
        foreign: The text as Latin-1, whose every byte is a character, where it is no UTF-8.
    """

    change: Change
    text: str
    added: frozenset[int]
    foreign: str | None = None

    @classmethod
    def of(cls, change: Change, data: bytes) -> "SourceFile":
        """Decode a file's bytes as `read` shows them, so that quotes are found again."""
        text = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
        count = text.count("\n") + 1
        added = frozenset(
            number
            for number, line in change.added_lines()
            if number <= count and len(line) <= LONGEST_LINE
        )
        return cls(change=change, text=text, added=added, foreign=_foreign(data))

    @cached_property
    def has_long_lines(self) -> bool:
        """Whether the change added lines that are too long to be looked at."""
        return any(len(line) > LONGEST_LINE for _, line in self.change.added_lines())

    @cached_property
    def path(self) -> str:
        """The path as it is shown."""
        return shown(self.change.path)

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The text's lines; line n is at n - 1."""
        return tuple(self.text.split("\n"))

    @cached_property
    def language(self) -> str:
        """The language, by name or shebang."""
        return language_of(self.path, self.lines[0])

    @cached_property
    def is_test(self) -> bool:
        """Whether it is a test or a test's data."""
        return is_test(self.path)

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """Its comments and strings."""
        return tokens(self.text, self.language)

    @cached_property
    def code(self) -> tuple[str, ...]:
        """The lines with comments and the insides of strings blanked."""
        return tuple(self.code_text.split("\n"))

    @cached_property
    def code_text(self) -> str:
        """`code` as one text, for patterns that span lines."""
        return blank(self.text, self.tokens, frozenset({"comment", "string"}))

    @cached_property
    def bare(self) -> tuple[str, ...]:
        """The lines with only the comments blanked."""
        return tuple(blank(self.text, self.tokens, frozenset({"comment"})).split("\n"))

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        starts = [0]
        for line in self.lines:
            starts.append(starts[-1] + len(line) + 1)
        return tuple(starts)

    def line_at(self, offset: int) -> int:
        """The number of the line that holds a character of the text."""
        low, high = 0, len(self._starts) - 1
        while low + 1 < high:
            middle = (low + high) // 2
            if self._starts[middle] <= offset:
                low = middle
            else:
                high = middle
        return low + 1

    def comment_on(self, first: int, last: int) -> bool:
        """Whether a comment stands on one of these lines."""
        return any(
            self.lines[number - 1] != self.bare[number - 1] for number in range(first, last + 1)
        )

    def touches(self, first: int, last: int) -> bool:
        """Whether the change added one of these lines."""
        return any(number in self.added for number in range(first, last + 1))


def _foreign(data: bytes) -> str | None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
    return None
