"""Figures with what they should be, one to a line."""

from statistics import median


def p95(values: list[float]) -> float:
    """The 95th percentile."""
    return sorted(values)[int(len(values) * 0.95)]


def tell(what: str, value: float, unit: str, goal: float | None = None, note: str = "") -> None:
    """Print a figure, and whether it is at most what it should be."""
    figure = f"{value:,.2f}" if value < 10 else f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
    line = f"{what:52}{figure:>9} {unit:3}"
    if goal is not None:
        line += f"  {'met' if value <= goal else 'MISSED':6}  <= {goal:g}"
    print(f"{line}  {note}".rstrip(), flush=True)


def tell_waits(what: str, waits: list[float], goal: float) -> None:
    """Print the 95th percentile of waits that are given in seconds."""
    note = f"median {median(waits) * 1e3:.0f}, worst {max(waits) * 1e3:.0f}"
    tell(f"{what}, p95", p95(waits) * 1e3, "ms", goal, note)
