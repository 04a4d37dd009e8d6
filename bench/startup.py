"""How soon `crew --version` and `crew --help` are there, against importing what they draw with.

Run it as `python -m bench.startup`. Each round starts every program once, in an order that
turns, so that a busy moment of the machine weighs on all of them. The aim is a ratio of 1.5.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

BASELINE = "import typer, rich"
PROGRAMS: Mapping[str, Sequence[str]] = {
    BASELINE: ("-c", BASELINE),
    "crew --version": ("-m", "crew", "--version"),
    "crew --help": ("-m", "crew", "--help"),
}
AIM = 1.5


def measure(rounds: int) -> dict[str, list[float]]:
    """Seconds of each program in each round."""
    names = list(PROGRAMS)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            taken = _seconds(PROGRAMS[name])
            if number:  # the first round fills the caches
                seconds[name].append(taken)
    return seconds


def _seconds(args: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *args], check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    """Print the median of each program, and the median of its ratios to the baseline."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=31)
    seconds = measure(parser.parse_args().rounds)
    for name, taken in seconds.items():
        pairs = zip(taken, seconds[BASELINE], strict=True)
        ratio = statistics.median(each / base for each, base in pairs)
        verdict = "" if name == BASELINE else f"  {'ok' if ratio <= AIM else 'TOO SLOW'}"
        print(f"{name:20} {statistics.median(taken) * 1000:7.1f} ms  {ratio:5.2f}x{verdict}")


if __name__ == "__main__":
    main()
