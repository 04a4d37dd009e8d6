"""Real runs killed at any instant and taken up again: 100 of 100 keep every promise.

    python -m bench.kills [KILLS] [SEED]

Each run has three tasks, which write through the shell and spawn two children each; its process is
killed with SIGKILL one to four times. What is left in the folder is held to the invariants of the
simulation. Acts that were done twice can't be: a call that may have run is not run again unasked.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from tests.doubles.kills import Killed, kill_and_resume


def main(kills: int = 100, seed: int = 0) -> int:
    chance, began = random.Random(seed), time.monotonic()
    done: list[Killed] = []
    print("run  kills  early  processes  sessions  repeated  broken")
    while sum(found.kills for found in done) < kills:
        left = kills - sum(found.kills for found in done)
        with tempfile.TemporaryDirectory(prefix="crew-kills-") as folder:
            found = kill_and_resume(Path(folder), chance, min(chance.randint(1, 4), left))
        done.append(found)
        print(
            f"{len(done):3}  {found.kills:5}  {found.early:5}  {found.attempts:9}  "
            f"{found.sessions:8}  {len(found.repeated):8}  {len(found.broken):6}"
        )
        for what in (*found.broken, *found.repeated):
            print(f"     {what}")
    wrong = sum(bool(found.broken or found.repeated) for found in done)
    counted = sum(found.kills for found in done)
    seconds = time.monotonic() - began
    print(f"{counted} kills of {len(done)} runs in {seconds:.0f} s, {wrong} runs broke a promise")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in sys.argv[1:3])))
