"""A definition file as text: bounded, UTF-8, without hidden characters, in its two parts."""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from crew.definitions.report import WHOLE_FILE, Place, Report

MAX_BYTES = 256_000

# Controls, line separators that editors don't count, text-direction overrides, surrogates and
# noncharacters: whatever makes a file read differently from what a person sees.
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A definition file's two parts, and the lines where they begin."""

    frontmatter: str
    frontmatter_line: int
    body: str
    body_line: int


def read_bytes(path: Path, report: Report) -> bytes | None:
    """Read a regular file, no further than `decode` takes; None with a problem otherwise."""
    try:
        # A pipe in place of the file must not hold the reader.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                with open(handle, "rb", closefd=False) as file:
                    return file.read(MAX_BYTES + 1)
        finally:
            os.close(handle)
    except OSError as error:
        reason = error.strerror or str(error)
        report.add(WHOLE_FILE, f"can't be read: {reason}", "check the path and its permissions")
        return None
    report.add(WHOLE_FILE, "not a regular file", "put a markdown file in its place")
    return None


def decode(data: bytes, report: Report) -> str | None:
    """The bytes as text with plain line ends; None when they are not clean UTF-8."""
    if len(data) > MAX_BYTES:
        report.add(WHOLE_FILE, "larger than 256 kB", "keep prompts short; put data elsewhere")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        report.reads(data.decode("utf-8", "replace"))
        # With a byte order mark the decoder counts from behind it.
        start = error.start + len(data) - len(error.object)
        before = data[:start].decode("utf-8", "replace")
        line, _, last = before.rpartition("\n")
        at = Place(line.count("\n") + 2 if "\n" in before else 1, len(last) + 1)
        report.add(at, f"byte {start} (0x{data[start]:02x}) is not UTF-8", "save it as UTF-8")
        return None
    text = text.replace("\r\n", "\n")
    report.reads(text)
    hidden = [
        (Place(number, found.start() + 1), ord(found.group()))
        for number, line in enumerate(text.split("\n"), start=1)
        for found in HIDDEN.finditer(line)
    ]
    for at, code in hidden[:10]:
        report.add(at, f"hidden character U+{code:04X}", "remove it")
    return None if hidden else text


def split(text: str, report: Report) -> Document | None:
    """Part frontmatter and body; None when there is no frontmatter, which the report says."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        report.add(Place(1, 1), "no frontmatter", "begin the file with a line `---`")
        return None
    for number, line in enumerate(lines[1:], start=2):
        if line.rstrip() == "---":
            return Document(
                frontmatter="\n".join(lines[1 : number - 1]) + "\n",
                frontmatter_line=2,
                body="\n".join(lines[number:]),
                body_line=number + 1,
            )
    report.add(Place(1, 1), "the frontmatter has no end", "end it with a line `---`")
    return None
