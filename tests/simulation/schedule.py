"""What a seed means: the team, its people, the disk's troubles and the deaths of the process."""

import errno
import random
from dataclasses import dataclass, replace
from typing import Literal

from tests.simulation.plans import AGAIN, SCENARIOS
from tests.simulation.troubles import Death, Fault, Kind, Loses

_MOST_OPS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One process: what happens to it, if it does not come to its end before.

    Attributes:
        robbed: Seconds after which a process of another host takes the run over, and is lost.
    """

    faults: tuple[Fault, ...] = ()
    death: Death | None = None
    robbed: float | None = None

    def __str__(self) -> str:
        parts = [str(fault) for fault in self.faults]
        if self.death is not None:
            parts.append(str(self.death))
        if self.robbed is not None:
            parts.append(f"robbed of the run after {self.robbed:.2f} s")
        return "; ".join(parts) or "undisturbed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Onward:
    """What somebody does with a run that has ended, and what happens to it then.

    Attributes:
        pick: Which of its tasks or turns is wanted.
        turn: Of a fork: whether it goes back to a turn, else to a task.
        all: Of a retry: whether all is wanted that did not complete.
        steer: Whether the session that is gone back to is told something.
        lives: The last one is undisturbed.
    """

    kind: Literal["retry", "fork"]
    pick: float
    turn: bool
    all: bool
    steer: bool
    lives: tuple[Life, ...]
    commands: int

    def __str__(self) -> str:
        return f"{self.kind} with {self.commands} commands"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """All that a seed decides before the run begins.

    Attributes:
        lives: The last one is undisturbed.
        commands: How many commands people give.
        hurry: Seconds between two commands, on average.
        trouble: How likely a model request goes wrong.
        slow: Seconds that a sync may take.
        interactive: Whether people answer what is asked.
        granted: Whether writing and executing need no asking.
        again: Whether people have tasks run again while the run goes on.
        onward: What is done with the run once it has ended.
    """

    seed: int
    scenario: str
    lives: tuple[Life, ...]
    commands: int
    hurry: float
    trouble: float
    slow: float
    interactive: bool
    granted: bool
    again: bool = False
    onward: tuple[Onward, ...] = ()

    def shortened(self, troubles: int) -> "Schedule":
        """The same with only so many of its processes disturbed, the first ones."""
        return replace(self, lives=(*self.lives[:-1][:troubles], Life()))

    def quiet(self) -> "Schedule":
        """The same without a command."""
        return replace(
            self,
            commands=0,
            onward=tuple(replace(onward, commands=0) for onward in self.onward),
        )


def schedule(seed: int) -> Schedule:
    """What a seed means."""
    chance = random.Random(f"schedule/{seed}")
    troubled = chance.choice([0, 0, 1, 1, 1, 1, 2, 2, 3, 4])
    lives = [_life(chance) for _ in range(troubled)]
    if _told_apart(seed):
        lives = [_worse(life, random.Random(f"worse/{seed}/{n}")) for n, life in enumerate(lives)]
    return Schedule(
        seed=seed,
        scenario=_scenario(seed, chance),
        lives=(*lives, Life()),
        commands=chance.choice([0, 0, 1, 2, 4, 8, 14]),
        hurry=chance.choice([0.05, 0.5, 2, 8]),
        trouble=chance.choice([0, 0.05, 0.2]),
        slow=chance.choice([0, 0.001, 0.01, 0.5, 4]),
        interactive=chance.random() < 0.7,
        granted=chance.random() < 0.8,
        again=_told_apart(seed),
        onward=_onward(random.Random(f"onward/{seed}")),
    )


def _told_apart(seed: int) -> bool:
    """Whether it draws from what seeds that found a mistake once know nothing of."""
    return seed % 10 in {1, 8}


def _onward(chance: random.Random) -> tuple[Onward, ...]:
    if chance.random() > 0.4:
        return ()
    return tuple(
        Onward(
            kind=chance.choice(["retry", "fork"]),
            pick=chance.random(),
            turn=chance.random() < 0.7,
            all=chance.random() < 0.3,
            steer=chance.random() < 0.3,
            lives=(
                *(_worse(_life(chance), chance) for _ in range(chance.choice([0, 1, 1, 2]))),
                Life(),
            ),
            commands=chance.choice([0, 0, 2, 6]),
        )
        for _ in range(chance.choice([1, 1, 1, 2]))
    )


def _scenario(seed: int, chance: random.Random) -> str:
    drawn = chance.choice(sorted(SCENARIOS))
    # By the number, since a seed that found a mistake once has to keep its meaning.
    if seed % 20 == 11:
        return "narrow"
    return AGAIN[seed % 11 == 2] if seed % 11 in {2, 8} else drawn


def small(scenario: str, lives: tuple[Life, ...], onward: tuple[Onward, ...] = ()) -> Schedule:
    """A run of few operations, without people or trouble but that of its processes."""
    return Schedule(
        seed=38,
        scenario=scenario,
        lives=lives,
        commands=0,
        hurry=1,
        trouble=0,
        slow=0,
        interactive=False,
        granted=True,
        onward=onward,
    )


def _life(chance: random.Random) -> Life:
    at = int(5 * (_MOST_OPS / 5) ** chance.random())
    at = at if chance.random() < 0.5 else chance.randint(1, _MOST_OPS)
    if chance.random() < 0.25:
        return Life(faults=(_fault(chance, at),))
    kind: Kind = "power" if chance.random() < 0.4 else "kill"
    return Life(death=Death(op=at, kind=kind, torn=chance.random()))


def _worse(life: Life, chance: random.Random) -> Life:
    """The same life; where the power goes, with the loss that hurts most."""
    if chance.random() < 0.2:
        return Life(robbed=chance.choice([1, 10, 100]) * chance.random())
    if life.death is None or life.death.kind == "kill":
        return life
    loses: Loses = chance.choice(["some", "names", "bytes", "files"])
    return Life(death=replace(life.death, loses=loses, syncing=chance.random() < 0.5))


def _fault(chance: random.Random, at: int) -> Fault:
    ops = chance.choice([1, 1, 3, 30, 10_000])
    if chance.random() < 0.3:
        return Fault(op=at, ops=max(ops, 20), error=errno.EIO, on="sync")
    return Fault(op=at, ops=ops, error=chance.choice([errno.ENOSPC, errno.EIO]))
