"""The checks speak: what is wrong with what processes left is told, what a dead one sees is not."""

import random
from pathlib import Path

from crew.errors import UsageError
from crew.store.folder import create
from tests.simulation.disk import Disk
from tests.simulation.people import Crowd
from tests.simulation.schedule import Life, Onward, small
from tests.simulation.simulate import simulate
from tests.simulation.troubles import Death
from tests.simulation.watch import Watch
from tests.simulation.world import World

KILLED = Life(death=Death(op=25, kind="kill", torn=0.5))


def _world(root: Path) -> World:
    world = World(1, Disk(root, random.Random(1)))
    world.disk.boot((), None)
    return world


def test_what_a_dead_process_sees_counts_for_nothing(tmp_path: Path) -> None:
    world = _world(tmp_path)
    world.disk.die("kill")
    world.violated("seen while it unwound")
    assert world.broken == []


def test_what_is_found_once_a_process_has_left_counts(tmp_path: Path) -> None:
    world = _world(tmp_path)
    world.disk.leave()
    world.violated("found in its folder")
    assert world.broken == ["found in its folder"]


def test_a_new_process_sees_what_the_dead_one_before_it_could_not(tmp_path: Path) -> None:
    world = _world(tmp_path)
    world.disk.die("kill")
    world.disk.leave()
    world.disk.boot((), None)
    world.violated("seen by the next one")
    assert world.broken == ["seen by the next one"]


def test_who_is_paused_in_a_run_is_not_so_in_a_fork_of_it(tmp_path: Path) -> None:
    world = _world(tmp_path)
    world.held = lambda session: session == "a"
    world.branch("fork-1.")
    assert not world.held("a")


def test_a_run_that_nobody_takes_up_after_its_death_is_told_of() -> None:
    assert simulate(small("one", (KILLED,))).violations == [
        "the last process was undisturbed, and the run has not ended"
    ]
    assert simulate(small("one", (KILLED, Life()))).violations == []


def test_a_retry_that_does_not_begin_is_told_of() -> None:
    def report(*lives: Life) -> list[str]:
        again = Onward(
            kind="retry", pick=0, turn=False, all=False, steer=False, lives=lives, commands=0
        )
        return simulate(small("one", (Life(),), (again,))).violations

    assert report() == ["a run that had ended was not run again"]
    assert report(Life()) == []


def test_a_run_that_is_refused_before_its_end_is_told_of(tmp_path: Path) -> None:
    world = _world(tmp_path)
    watch = Watch(world, Crowd(world, random.Random(1), 0, 1), small("one", (Life(),)))
    folder = create(tmp_path / "home", "a-run")
    folder.manifest.touch()
    watch.refused(UsageError("not today"))
    world.disk.leave()
    watch.after(folder, world.disk, died=False)
    assert world.broken == ["refused: not today"]
