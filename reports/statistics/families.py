"""Many comparisons at once: Holm's correction, and the smallest effect that could have been seen."""

from __future__ import annotations

from collections.abc import Sequence

from scipy import optimize, stats

from reports.statistics.intervals import LEVEL, Error

POWER = 0.8


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's step-down p-values, which hold the chance of any false alarm in the family at the level."""
    adjusted, largest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda place: ps[place])):
        largest = max(largest, (len(ps) - rank) * ps[place])
        adjusted[place] = min(1.0, largest)
    return adjusted


def smallest_detectable(error: Error, size: int, power: float = POWER) -> float:
    """The distance from the threshold that a family of `size` comparisons finds with chance `power`.

    d = delta * se, where delta solves P(T > reach / se) = power for T of the noncentral t distribution with df degrees
    of freedom and noncentrality delta: se and df as measured, reach of the interval at Holm's strictest step,
    0.05 / size. For seeds alone that is the paired t-test's own.
    """
    if error.size == 0:
        return 0.0
    critical = error.reach(LEVEL / size) / error.size

    def missing(delta: float) -> float:
        return power - stats.nct.sf(critical, error.freedom, delta)

    high = critical + 1
    while missing(high) > 0:
        high *= 2
    return float(optimize.brentq(missing, 0, high)) * error.size
