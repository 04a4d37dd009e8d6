"""What a person sees on a terminal: the picture that a program's output draws."""

import re

from rich.cells import cell_len

_PIECE = re.compile(
    r"\x1b\[(?P<private>[?>=<]?)(?P<numbers>[\d;:]*)[ -/]*(?P<final>[@-~])"
    r"|\x1b\](?:[^\x07\x1b]*)(?:\x07|\x1b\\)"
    r"|\x1bP.*?\x1b\\"
    r"|\x1b[()*+][0-9A-Za-z]"
    r"|\x1b[78=>cDEHMNOZ]"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f])"
    r"|(?P<text>[^\x00-\x1f\x7f]+)",
    re.DOTALL,
)


class Picture:
    """Draws what arrives as a terminal of that size would: text, cursor, erasing; no scrolling."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._cells = [[" "] * width for _ in range(height)]
        self._x = self._y = 0
        self._rest = ""

    @property
    def lines(self) -> list[str]:
        """The rows, without what is blank at their ends."""
        return ["".join(row).rstrip() for row in self._cells]

    def __contains__(self, words: str) -> bool:
        return any(words in line for line in self.lines)

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def feed(self, text: str) -> None:
        """Take more output; a sequence that is cut waits for its rest."""
        text, self._rest = self._rest + text, ""
        at = 0
        while at < len(text):
            piece = _PIECE.match(text, at)
            if piece is None:
                if len(text) - at < 4096:
                    self._rest = text[at:]
                    return
                at += 1
                continue
            self._take(piece)
            at = piece.end()

    def _take(self, piece: re.Match[str]) -> None:
        if piece["text"]:
            self._write(piece["text"])
        elif piece["control"]:
            self._control(piece["control"])
        elif piece["final"] and not piece["private"]:
            numbers = [int(n) if n else 0 for n in re.split("[;:]", piece["numbers"])]
            self._sequence(piece["final"], numbers)

    def _write(self, text: str) -> None:
        for character in text:
            width = cell_len(character)
            if self._y < self.height and self._x + width <= self.width and width:
                self._cells[self._y][self._x] = character
                for filler in range(self._x + 1, self._x + width):
                    self._cells[self._y][filler] = ""
            self._x += width

    def _control(self, control: str) -> None:
        match control:
            case "\r":
                self._x = 0
            case "\n":
                self._y = min(self._y + 1, self.height - 1)
            case "\b":
                self._x = max(0, self._x - 1)

    def _sequence(self, final: str, numbers: list[int]) -> None:
        first = numbers[0]
        match final:
            case "H" | "f":
                self._y = max(first, 1) - 1
                self._x = max(numbers[1] if len(numbers) > 1 else 1, 1) - 1
            case "A":
                self._y = max(0, self._y - max(first, 1))
            case "B":
                self._y = min(self.height - 1, self._y + max(first, 1))
            case "C":
                self._x += max(first, 1)
            case "D":
                self._x = max(0, self._x - max(first, 1))
            case "G":
                self._x = max(first, 1) - 1
            case "J" if first >= 2:
                self._cells = [[" "] * self.width for _ in range(self.height)]
            case "K" if first == 0 and self._y < self.height:
                self._cells[self._y][self._x :] = [" "] * (self.width - self._x)
