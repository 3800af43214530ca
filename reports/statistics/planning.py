"""What would settle a comparison: more seeds or more items, from the variance parts that were measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy import stats

from reports.statistics.differences import Differences, Parts, variance_parts

MOST_SEEDS = 100
MOST_ITEMS = 1_000_000


@dataclass(frozen=True)
class Plan:
    """How many seeds, or items, would make the interval exclude the threshold; None where no number tried would."""

    parts: Parts
    seeds: int | None
    items: int | None


def plan(differences: Differences, threshold: float, level: float) -> Plan:
    """At the effect as measured and at the `level` that the family asks for; needs two seeds or more."""
    parts, distance = variance_parts(differences), abs(differences.effect - threshold)
    k, n = len(differences.values), differences.count

    def excludes(k: int, n: int) -> bool:
        error, freedom = expected_error(parts, k, n)
        return distance > stats.t.ppf(1 - level / 2, freedom) * error

    seeds = _first(lambda more: excludes(more, n), k, MOST_SEEDS) if distance else None
    items = _first(lambda more: excludes(k, more), n, MOST_ITEMS) if distance and n else None
    return Plan(parts, seeds, items)


def expected_error(parts: Parts, k: int, n: int) -> tuple[float, float]:
    """Standard error and degrees of freedom that `k` seeds and `n` items would have."""
    if not n:
        return math.sqrt(parts.seed / k), k - 1
    rows, columns = (n * parts.seed + parts.rest), (k * parts.item + parts.rest)
    terms = [(rows, k - 1), (columns, n - 1), (-parts.rest, (k - 1) * (n - 1))]
    variance = sum(term for term, _ in terms)
    if variance == 0:
        return 0.0, k - 1
    freedom = variance**2 / sum(term**2 / free for term, free in terms)
    return math.sqrt(variance / (k * n)), max(k - 1.0, freedom)


def _first(good: Callable[[int], bool], least: int, most: int) -> int | None:
    """The smallest number from `least` to `most` that is good, if the larger ones are good too."""
    if not good(most):
        return None
    low, high = least - 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if good(middle) else (middle, high)
    return high
