"""A thousand sessions at once in one process: do they end, and what memory does each take.

    python -m bench.sessions [SESSIONS]

Runs under `ulimit -n 1024`, whatever the shell allows.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import anyio

from bench.engine import run_crew
from bench.workload import Instant, Workload

TURNS = 5


def measure(root: Path, sessions: int) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds, and peak RSS in MB so far."""
    load = Workload(root=root, workers=sessions, turns=TURNS)
    load.write()
    wall, cpu = time.monotonic(), time.process_time()
    anyio.run(run_crew, load, Instant(TURNS, together=sessions))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return time.monotonic() - wall, time.process_time() - cpu, peak


def main() -> None:
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    print(f"{'sessions':>8}{'wall':>10}{'CPU':>10}{'peak RSS':>12}{'a session more':>18}")
    with tempfile.TemporaryDirectory() as folder:
        before = measure(Path(folder, "1"), 1)
        print(f"{1:8}{before[0]:8.2f} s{before[1]:8.2f} s{before[2]:9.1f} MB")
        for sessions in (most // 10, most):
            wall, cpu, peak = measure(Path(folder, str(sessions)), sessions)
            each = (peak - before[2]) / (sessions - 1) * 1024
            print(f"{sessions:8}{wall:8.2f} s{cpu:8.2f} s{peak:9.1f} MB{each:15.1f} kB")


if __name__ == "__main__":
    main()
