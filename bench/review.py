"""Where the time of `crew run review` with the built-in checks goes, on a change of 200 files.

    python -m bench.review [FILES]

Profiles one whole run and sums what each room of crew, and what each library, used itself.
Child processes (git, ruff) do not show as CPU here; the wall time has them.
"""

import cProfile
import pstats
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import anyio

from crew.service import RunOutcome, RunRequest, start

SOURCE = '''"""Part {number}."""

import os


def total_{number}(values: list[int]) -> int:
    """Add up."""
    print("debug", values)
    found = 0
    for value in values:
        found += value
    return found
'''
GIT = ("git", "-c", "user.name=bench", "-c", "user.email=bench@example.org")


def change(root: Path, files: int) -> None:
    """A repository with one commit, and a change of so many files on top."""
    for command in (("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "start")):
        subprocess.run([*GIT, *command], cwd=root, check=True)
    for number in range(files):
        path = root / f"pack_{number % 10}" / f"part_{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(SOURCE.format(number=number))


async def review(root: Path) -> RunOutcome:
    """Run the bundled team `review` with the built-in checks."""
    request = RunRequest(team="review", workspace=root, home=root / ".crew", model="rules")
    async with start(request, environ={}) as run:
        return await run.wait()


def room(path: str) -> str:
    """Which room of crew, or which library, a profiled function belongs to."""
    _, found, inside = path.rpartition("/crew/")
    if found:
        parts = inside.split("/")
        named = "/".join(parts[: 2 if parts[0] in ("models", "tools") else 1])
        return f"crew/{named}".removesuffix(".py")
    _, found, inside = path.rpartition("/site-packages/")
    return inside.split("/")[0] if found else "python"


def main() -> None:
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        change(root, files)
        wall, cpu = time.monotonic(), time.process_time()
        outcome = anyio.run(review, root)
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        profile = cProfile.Profile(time.thread_time)
        profile.runcall(anyio.run, review, root)
    print(f"{files} files: {outcome.status.value}, {wall:.2f} s, of it {cpu:.2f} s CPU of crew\n")
    stats = pstats.Stats(profile).get_stats_profile().func_profiles
    rooms: defaultdict[str, float] = defaultdict(float)
    for found in stats.values():
        rooms[room(found.file_name)] += found.tottime
    for name, seconds in sorted(rooms.items(), key=lambda item: -item[1])[:12]:
        print(f"{name:24}{seconds * 1000:9.0f} ms")
    print()
    pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(15)


if __name__ == "__main__":
    main()
