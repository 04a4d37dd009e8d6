"""A workflow's dependencies: known steps, no cycles, every step able to run."""

from collections import deque
from collections.abc import Collection, Mapping, Sequence

from crew.definitions.report import Place, Report, nearest, shown
from crew.definitions.types import Step

Needs = Mapping[str, frozenset[str]]


def transitive_needs(steps: Sequence[Step]) -> dict[str, frozenset[str]]:
    """Each step's needs, their needs, and so on; a step in a cycle needs itself."""
    direct = {step.id: step.needs for step in steps}
    closed: dict[str, frozenset[str]] = {}
    for step in steps:
        seen: set[str] = set()
        waiting = list(step.needs)
        while waiting:
            need = waiting.pop()
            if need not in seen and need in direct:
                seen.add(need)
                waiting.extend(direct[need])
        closed[step.id] = frozenset(seen)
    return closed


def check_graph(
    steps: Sequence[Step],
    headings: Collection[str],
    report: Report,
    places: Mapping[tuple[str, ...], Place],
) -> None:
    """Report unknown needs, cycles, and steps that wait for a step in a cycle.

    Args:
        steps: The steps that could be read.
        headings: Ids of all steps.
        report: Takes the problems.
        places: Where the keys of the steps stand.
    """
    for step in steps:
        for need in step.needs:
            if need not in headings:
                at = places["steps", step.id, "needs"]
                hint = nearest(need, headings) or f"the steps are: {', '.join(sorted(headings))}"
                report.add(at, f"`needs` names the unknown step `{shown(need)}`", hint)
    closed = transitive_needs(steps)
    cyclic = {step.id for step in steps if step.id in closed[step.id]}
    reported: set[str] = set()
    for step in steps:
        at = places.get(("steps", step.id, "needs"), places["steps", step.id])
        if step.id in cyclic and step.id not in reported:
            cycle = _cycle(step.id, steps)
            reported |= {other for other in closed[step.id] if step.id in closed[other]}
            report.add(at, f"a cycle: {' -> '.join(cycle)}", "remove one of these needs")
        elif step.id not in cyclic and (blocked := sorted(closed[step.id] & cyclic)):
            message = f"unreachable: it needs `{blocked[0]}`, which is in a cycle"
            report.add(at, message, "mend the cycle first")


def _cycle(start: str, steps: Sequence[Step]) -> list[str]:
    """The shortest way along the needs from a step back to itself."""
    direct = {step.id: step.needs for step in steps}
    came: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for need in direct[here]:
            if need == start:
                way = [start]
                while here != start:
                    way.append(here)
                    here = came[here]
                return [start, *reversed(way)]
            if need in direct and need not in came:
                came[need] = here
                waiting.append(need)
    return [start]
