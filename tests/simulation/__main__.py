"""`python -m tests.simulation --seeds N [--from S]`, or `--seed S [--trace]` for one of them."""

import argparse
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from tests.simulation.schedule import schedule
from tests.simulation.simulate import PLACES, Report, simulate

_MOST_LINES = 60


def main() -> int:
    """Run seeds until one fails."""
    asked = _arguments()
    signal.signal(signal.SIGTERM, _end)
    if asked.seed is not None:
        chosen = schedule(asked.seed)
        if asked.troubles is not None:
            chosen = chosen.shortened(asked.troubles)
        if asked.quiet:
            chosen = chosen.quiet()
        report = simulate(chosen, trace=print if asked.trace else None, under=asked.under)
        _tell(report)
        return int(bool(report.violations))
    return _many(asked.first, asked.seeds, asked.under, keep_going=asked.keep_going)


def _end(signum: int, frame: object) -> None:
    """Leave no folder behind, and end by the signal.

    Another program does it: in this one `os` may be the simulated disk, and what is raised here
    may be taken for something that the run did.
    """
    del signum, frame
    os.execv("/bin/sh", ["/bin/sh", "-c", 'rm -rf "$@"; kill -s TERM $$', "sh", *PLACES])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="how many")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first one")
    parser.add_argument("--seed", type=int, help="this one only")
    parser.add_argument("--trace", action="store_true", help="tell all that happens in it")
    parser.add_argument("--troubles", type=int, help="disturb so many of its processes only")
    parser.add_argument("--quiet", action="store_true", help="leave out its people's commands")
    parser.add_argument("--under", type=Path, help="where folders are made, if not in memory")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at a failing seed")
    return parser.parse_args()


def _many(first: int, seeds: int, under: Path | None, *, keep_going: bool) -> int:
    began, failed, ends, deaths = time.monotonic(), 0, Counter[str](), 0
    for seed in range(first, first + seeds):
        report = simulate(schedule(seed), under=under)
        ends[report.ended] += 1
        deaths += report.deaths
        if report.violations:
            failed += 1
            _tell(_smallest(report, under))
            if not keep_going:
                break
        done = seed - first + 1
        if done % 250 == 0:
            rate = done / (time.monotonic() - began)
            print(f"{done} seeds, {deaths} deaths, {failed} failed, {rate:.1f} a second")
        sys.stdout.flush()
    seconds = time.monotonic() - began
    print(f"{sum(ends.values())} seeds in {seconds:.1f} s, {deaths} deaths, {failed} failed")
    print(", ".join(f"{status}: {times}" for status, times in ends.most_common()))
    return int(bool(failed))


def _smallest(report: Report, under: Path | None) -> Report:
    """What fails with the fewest troubles, and without commands where they have no part in it."""
    found = report
    for troubles in range(len(report.schedule.lives) - 1):
        shorter = simulate(report.schedule.shortened(troubles), under=under)
        if shorter.violations:
            found = shorter
            break
    quieter = simulate(found.schedule.quiet(), under=under)
    return quieter if quieter.violations else found


def _tell(report: Report) -> None:
    shown = report.schedule
    print(f"seed {shown.seed}: {shown}")
    print(f"  as here: --seed {shown.seed} --troubles {len(shown.lives) - 1}", end="")
    print("" if shown.commands else " --quiet", "--trace")
    for line in report.story[:_MOST_LINES]:
        print(f"  {line}")
    print(f"  {report.ended}, {report.operations} operations, {report.digest[:16]}")
    for violation in report.violations:
        print(f"  VIOLATED: {violation}")


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets of names are walked in the same order
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.simulation", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )
    sys.exit(main())
