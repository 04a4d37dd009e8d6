"""Searches files with Python's `re`, as a program of its own: a pattern that never ends is killed.

It is run by its path, without the package, and imports only the standard library. It reads one
JSON object from stdin, `{"pattern", "files", "limit", "max_bytes"}`, with the files relative to
the working folder, and writes one to stdout:
`{"counts": {file: matching lines}, "lines": {file: their numbers}, "binary": files}`.
`lines` holds the first files in order, up to `limit` lines; files with a NUL byte that match are
counted in `binary` only.
"""

import json
import re
import sys
from pathlib import Path


def search(pattern: str, files: list[str], limit: int, max_bytes: int) -> dict[str, object]:
    """Search the files in order."""
    matches = re.compile(pattern).search
    counts: dict[str, int] = {}
    lines: dict[str, list[int]] = {}
    binary = 0
    for name in files:
        try:
            with Path(name).open("rb") as file:
                data = file.read(max_bytes)
        except OSError:
            continue
        rows = data.decode("utf-8", "surrogateescape").split("\n")
        if not rows[-1]:
            rows.pop()
        found = [number for number, row in enumerate(rows, start=1) if matches(row)]
        if found and b"\0" in data:
            binary += 1
        elif found:
            counts[name] = len(found)
            if limit > 0:
                lines[name] = found[:limit]
                limit -= len(found)
    return {"counts": counts, "lines": lines, "binary": binary}


if __name__ == "__main__":
    json.dump(search(**json.load(sys.stdin)), sys.stdout)
