"""The power goes at each operation of a small run, and of a fork, and takes what hurts most."""

import pytest

from tests.simulation.schedule import Life, Onward, small
from tests.simulation.simulate import Report, simulate
from tests.simulation.troubles import Death, Loses

LOSSES: tuple[Loses, ...] = ("names", "bytes", "files")


def _lives(op: int, loses: Loses) -> tuple[Life, ...]:
    return Life(death=Death(op=op, kind="power", torn=1.0, loses=loses)), Life()


def _run(op: int, loses: Loses) -> Report:
    return simulate(small("one", _lives(op, loses)))


def _fork(op: int, loses: Loses) -> Report:
    back = Onward(
        kind="fork",
        pick=0.6,
        turn=True,
        all=False,
        steer=True,
        lives=_lives(op, loses),
        commands=0,
    )
    return simulate(small("chain", (Life(),), (back,)))


@pytest.mark.parametrize("loses", LOSSES)
def test_a_run_is_taken_up_wherever_the_power_goes(loses: Loses) -> None:
    broken = {}
    for op in range(1, 1000):
        report = _run(op, loses)
        if report.violations:
            broken[op] = report.violations
        if not report.deaths:
            break
    assert broken == {}
    assert op > 50


@pytest.mark.parametrize("loses", ["bytes", "files"])
def test_a_fork_is_whole_or_is_not_there_wherever_the_power_goes(loses: Loses) -> None:
    reports = {op: _fork(op, loses) for op in range(1, 50)}
    assert {op: report.violations for op, report in reports.items() if report.violations} == {}
    assert all(report.deaths for report in reports.values())
