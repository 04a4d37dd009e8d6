"""What shell lines should not do: run what was just downloaded, delete by an empty name."""

import re
from collections.abc import Iterator

from crew.tools.lint.pattern import check_of, pattern
from crew.tools.lint.rule import Hit, Rule
from crew.tools.lint.source import SourceFile

_SCRIPTED = "shell docker yaml make"
_SHELL = r"(?:sudo\s+(?:-\w+\s+)*)?(?:/(?:usr/)?bin/(?:env\s+)?)?(?:ba|z|da|k)?sh\b"
_PIPED = (
    pattern(
        _SCRIPTED,
        rf"\b(?:curl|wget)\b[^|;#\n]*\|\s*{_SHELL}"
        rf"|(?<![\w-])(?:ba|z|da|k)?sh\s+(?:-\w+\s+)*<\(\s*(?:curl|wget)\b"
        rf"|(?<![\w-])(?:ba|z|da|k)?sh\s+-c\s+[\"']?\$\((?:curl|wget)\b|\beval\s+[\"']?\$\((?:curl|wget)\b",
        "A download is run without a look at it",
        "Whatever the server sends at that moment runs here, half a script too if the connection "
        "breaks. Download a fixed version, compare its checksum, then run it.",
        seen="bare",
        unless=r"\becho\b.*\|\s*curl|sha\d*sum|--checksum",
        confidence=0.7,
    ),
)
_OPENED = (
    pattern(
        f"{_SCRIPTED} config",
        r"\bchmod\s+(?:-\w+\s+)*(?:0?777|a\+rwx|ugo\+rwx|a=rwx)(?=\s)",
        "Everybody may change these files",
        "Any user or process on the machine can replace what stands there. Give the rights to the "
        "one user or group that needs them.",
        seen="bare",
        confidence=0.7,
    ),
    pattern(
        "javascript go ruby php c",
        r"(?i)\b(?:fs\.)?f?chmod(?:Sync)?\s*\([^,()]+,\s*(?:0o?|8#)?777\s*\)",
        "Everybody may change this file",
        "Any user or process on the machine can replace it. Give the rights to the one user or "
        "group that needs them.",
        confidence=0.7,
    ),
)
_DELETE = re.compile(
    r"(?<![\w-])rm\s+(?:-{1,2}[\w-]+\s+)*?-\w*[rR]\w*\s+(?:-{1,2}[\w-]*\s+)*"
    r"(?P<open>\"?)\$(?:\{(?P<braced>\w+)\}|(?P<name>\w+))\"?(?P<after>/(?=[\s\"'*.;&|)]|$))?(?P<inside>/?)"
)
_ALWAYS_SET = re.compile(r"HOME|PWD|OLDPWD|TMPDIR|XDG_\w+|GITHUB_\w+|RUNNER_\w+|CI_\w+")
_CHECKED = re.compile(r"^\s*set\s+(?:-\w*u|.*-o\s+nounset)|^#!.*\s-\w*u", re.MULTILINE)


def _deletes(file: SourceFile) -> Iterator[Hit]:
    """`rm -rf "$dir/"` of a name that this file never sets: empty, it deletes from the root."""
    if file.language != "shell" or _CHECKED.search(file.text):
        return
    for number in sorted(file.added):
        match = _DELETE.search(file.bare[number - 1])
        if match is None:
            continue
        name = match["braced"] or match["name"]
        if _ALWAYS_SET.fullmatch(name) or _is_set(file, name):
            continue
        if match["after"]:
            yield Hit(
                line=number,
                title=f"An empty `${name}` deletes from the root",
                body=f"Nothing here makes sure that `${name}` has a value; without one the path "
                f'begins at `/`. Write "${{{name}:?}}/", which stops instead.',
                confidence=0.8,
            )
        elif not match["open"] and not match["inside"]:
            yield Hit(
                line=number,
                title=f"`${name}` is split into words before they are deleted",
                body="A blank or a star in the value names other files than were meant. Quote it, "
                "and put `--` before it.",
                priority="P2",
                confidence=0.6,
            )


def _is_set(file: SourceFile, name: str) -> bool:
    """Whether the file gives the name a value, or looks whether it has one."""
    word = re.escape(name)
    return (
        re.search(
            rf"(?:^|[\s;(])(?:{word}=(?!\s|$|[\"']{{2}}|\$\d|[\"']?\$\{{?\d)"
            rf"|(?:for|read)\s+(?:-\w+\s+)*{word}\b)"
            rf"|\[\s+(?:!\s+)?-[nzdef]\s+\"?\$\{{?{word}\b|\$\{{{word}:?[?=-]",
            file.text,
            re.MULTILINE,
        )
        is not None
    )


_LOST = (
    pattern(
        "shell",
        r"(?<![\w-])cd\s+\"?\$\{?\w+\}?\"?\s*(?:&&|;)\s*rm\s+(?:-\w+\s+)*-\w*[rR]\w*\s+(?:-\w+\s+)*"
        r"(?:--\s+)?(?:\./)?\*",
        "An empty value deletes the home folder",
        "`cd` without a folder goes home, and everything there is deleted. Name the folder in the "
        'delete itself, as in `rm -rf -- "${dir:?}"/*`.',
        seen="bare",
        confidence=0.8,
    ),
)

RULES = (
    Rule(id="lost-folder", profile="quality", priority="P1", check=check_of(_LOST)),
    Rule(id="piped-to-shell", profile="security", priority="P1", check=check_of(_PIPED)),
    Rule(id="world-writable", profile="security", priority="P2", check=check_of(_OPENED)),
    Rule(id="unguarded-delete", profile="quality", priority="P1", check=_deletes),
)
