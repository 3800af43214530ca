"""Power analysis of a comparison: more seeds or more items, from the variance parts that were measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from reports.statistics.differences import Differences, Parts, variance_parts
from reports.statistics.intervals import Error

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
        return distance > expected_error(parts, k, n).reach(level)

    seeds = _first(lambda more: excludes(more, n), k, MOST_SEEDS) if distance else None
    items = _first(lambda more: excludes(k, more), n, MOST_ITEMS) if distance and n else None
    return Plan(parts, seeds, items)


def expected_error(parts: Parts, k: int, n: int) -> Error:
    """The error that `k` seeds and `n` items would have."""
    if not n:
        return Error(((math.sqrt(parts.seed / k), k - 1.0),))
    by_seed = math.sqrt((parts.seed + parts.rest / n) / k)
    return Error(((by_seed, k - 1.0), (math.sqrt(parts.item / n), n - 1.0)))


def _first(good: Callable[[int], bool], least: int, most: int) -> int | None:
    """The smallest number from `least` to `most` that is good, if the larger ones are good too."""
    if not good(most):
        return None
    low, high = least - 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if good(middle) else (middle, high)
    return high
