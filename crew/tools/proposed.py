"""What a call would do to a file, told before it is done, for whoever is asked to allow it."""

import difflib
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path

from crew.errors import ToolError
from crew.records import FileChange
from crew.tools.files import open_regular
from crew.tools.workspace import Workspace

LONGEST = 256 * 1024
"""Bytes of a file, before or after, up to which lines are compared."""

_COMPARED = 4_000
"""Lines, of both together, up to which the shortest patch is looked for: it takes their product."""

_AROUND = 3

Clean = Callable[[str], str]
"""Takes secrets out of a text."""


def proposed(
    workspace: Workspace, real: Path, new_from: Callable[[str | None], str], clean: Clean
) -> FileChange:
    """The change of one file.

    Args:
        workspace: Where the file is.
        real: The file, resolved.
        new_from: Makes the new text from the old one, None where there is no file; raises
            `ToolError` where it can't be made.
        clean: Takes secrets out of whole texts: half of a secret is not known for one.
    """
    path = workspace.relative(real)
    try:
        old = _text(real) if real.exists() else None
        new = new_from(old)
    except (ToolError, OSError, UnicodeDecodeError):
        return FileChange(path=path, exists=real.exists())
    if max(len(old or ""), len(new)) > LONGEST:
        return FileChange(path=path, exists=old is not None)
    lines = _patch((clean(old) if old else "").splitlines(), clean(new).splitlines())
    return FileChange(path=path, exists=old is not None, diff="\n".join(lines))


def _text(real: Path) -> str:
    with open_regular(real, real.name) as file:
        data = file.read(LONGEST + 1)
    if len(data) > LONGEST:
        raise ToolError(f"{real.name} is too long to be compared")
    return data.decode()


def _patch(old: list[str], new: list[str]) -> Iterator[str]:
    if not old:
        return (f"+{line}" for line in new)
    if len(old) + len(new) <= _COMPARED:
        made = difflib.unified_diff(old, new, n=_AROUND, lineterm="")
        return (line for at, line in enumerate(made) if at > 1)  # without the names of the files
    return _block(old, new)


def _block(old: list[str], new: list[str]) -> Iterator[str]:
    """All between the first line that differs and the last, as one piece."""
    if old == new:
        return
    head = _alike(old, new)
    tail = _alike(old[head:][::-1], new[head:][::-1])
    yield f"@@ -{head + 1},{len(old) - head - tail} +{head + 1},{len(new) - head - tail} @@"
    yield from (f"-{line}" for line in old[head : len(old) - tail])
    yield from (f"+{line}" for line in new[head : len(new) - tail])


def _alike(some: list[str], others: list[str]) -> int:
    pairs = zip(some, others, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
