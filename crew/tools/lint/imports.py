"""Imports of files that are not there: relative ones, of which the folder itself can tell."""

import os
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from crew.tools.lint.finding import Finding, quoted
from crew.tools.lint.source import SourceFile

MISSING = "missing-import"

_LANGUAGES = frozenset({"javascript", "typescript"})
_IMPORT = re.compile(
    r"(?P<word>(?<![\w.])from\s*|^\s*import\s*|(?<![\w.])(?:require|import)\s*\(\s*)"
    r"(?P<open>[\"'])(?P<name>\.{1,2}/[^\"'\n]*)(?P=open)"
)
_NO_PLAIN_NAME = re.compile(r"[{}$*+!<>]")
"""What stands for another name, or for a file that a framework makes."""
_MADE = frozenset(
    {"dist", "build", "out", "output", "pkg", "gen", "generated", "_generated", "__generated__"}
)
"""Folders of files that a build makes."""
_SCRIPT = re.compile(r"\.(?:[mc]?js|jsx)$")
_NO_MODULE = re.compile(r"\.(?:test|spec|stories|snap)\b|\.(?:map|md)$")
_ENDINGS = ("", ".js", ".ts", "/index.js", "/index.ts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """A relative import on a line that the change added.

    Attributes:
        file: The file that imports, as it is shown.
        target: What it imports, as a path from the workspace's top, perhaps without its ending.
    """

    file: str
    line: int
    name: str
    target: str
    quote: str

    @property
    def candidates(self) -> tuple[str, ...]:
        """The commonest files that it may mean."""
        return tuple(self.target + ending for ending in _ENDINGS)

    def finding(self) -> Finding:
        """That it is not there."""
        return Finding(
            title=f"The imported file `{self.name}` does not exist",
            body=f"No file or folder is `{self.target}`, with an ending or without one, so "
            "loading this module fails. Mend the path, or add the file to the change.",
            priority="P1",
            confidence=0.85,
            file=self.file,
            line=self.line,
            rule=MISSING,
            quote=self.quote,
        )


def relative_imports(file: SourceFile) -> Iterator[Import]:
    """The imports that the change added to a script; a test may import what it makes up."""
    if file.language not in _LANGUAGES or file.is_test:
        return
    folder = os.path.dirname(file.change.path)
    for number in sorted(file.added):
        for match in _IMPORT.finditer(file.bare[number - 1]):
            name = re.split(r"[?#]", match["name"], maxsplit=1)[0]
            target = os.path.normpath(os.path.join(folder, name))
            start, end = match.span("word")
            is_code = file.code[number - 1][start:end] == match["word"]
            if not is_code or _NO_PLAIN_NAME.search(name) or _is_made(target):
                continue
            if not _is_tried(file, number):
                quote = quoted(file.lines[number - 1])
                yield Import(file=file.path, line=number, name=name, target=target, quote=quote)


def not_there(root: Path, imports: Iterable[Import]) -> list[Import]:
    """Those of which no file or folder could be meant, whatever resolves them."""
    listed: dict[str, Collection[str] | None] = {}
    return [each for each in imports if not _is_there(root, each.target, listed)]


def _is_there(root: Path, target: str, listed: dict[str, Collection[str] | None]) -> bool:
    if target.split(os.sep, 1)[0] == os.pardir or os.path.lexists(root / target):
        return True
    folder, name = os.path.split(target)
    if folder not in listed:
        listed[folder] = _names_in(root / folder)
    names = listed[folder]
    if names is None:
        return True
    stem = _SCRIPT.sub("", name).lower()
    return any(
        entry == stem or (entry.startswith(f"{stem}.") and not _NO_MODULE.search(entry))
        for entry in names
    )


def _names_in(folder: Path) -> Collection[str] | None:
    """The names in a folder in lower case; None where they can't be known."""
    try:
        return [name.lower() for name in os.listdir(folder)]
    except FileNotFoundError:
        return ()
    except OSError:
        return None


def _is_made(target: str) -> bool:
    return not _MADE.isdisjoint(part.lower() for part in target.split(os.sep))


def _is_tried(file: SourceFile, number: int) -> bool:
    """Whether its failure is expected: it stands in or right below a `try`, or is caught."""
    before = next((text for text in reversed(file.code[: number - 1]) if text.strip()), "")
    here = file.code[number - 1]
    return bool(re.search(r"\btry\b", before + here) or re.search(r"\.catch\s*\(", here))
