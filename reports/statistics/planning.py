"""Power analysis of a comparison: more seeds or more items, from the variance parts that were measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from reports.statistics.blocks import Error
from reports.statistics.differences import Parts, variance_parts
from reports.statistics.judging import INCONCLUSIVE, Judgement, decided

MOST_SEEDS = 100
MOST_ITEMS = 1_000_000


@dataclass(frozen=True)
class Plan:
    """How many seeds, or items, would decide a comparison, and how; None where no number tried would."""

    parts: Parts
    seeds: int | None
    items: int | None
    outcome: str  # with as many as that; as it stands where none would


def plan(tested: Judgement) -> Plan:
    """At the effect as measured and the level of its family; needs two seeds or more."""
    assert tested.error is not None
    differences, parts = tested.differences, variance_parts(tested.differences)
    k, n = len(differences.values), differences.count

    def outcome(k: int, n: int) -> str:
        reach = float(expected_error(tested, parts, k, n).reach(tested.level))
        interval = differences.effect - reach, differences.effect + reach
        return decided(interval, tested.low, tested.high, tested.margin)

    seeds = _first(lambda more: outcome(more, n) != INCONCLUSIVE, k, MOST_SEEDS)
    items = _first(lambda more: outcome(k, more) != INCONCLUSIVE, n, MOST_ITEMS) if n else None
    found = outcome(seeds, n) if seeds else outcome(k, items) if items else tested.outcome
    return Plan(parts, seeds, items, found)


def expected_error(tested: Judgement, parts: Parts, k: int, n: int) -> Error:
    """The error that `k` seeds and `n` items would have: the spread between blocks stays, but for what items add."""
    error, now = tested.error, tested.differences.count
    assert error is not None
    more = (k - 1) / (error.blocks - 1)  # degrees of freedom grow with the blocks
    less = parts.rest * (1 / n - 1 / now) if now else 0.0
    return replace(
        error, blocks=k,
        variance=max(error.variance + less, 0.0), freedom=error.freedom * more,
        unequal_variance=max(error.unequal_variance + less, 0.0), unequal_freedom=error.unequal_freedom * more,
        item_size=math.sqrt(parts.item / n) if now else 0.0, item_freedom=max(n - 1.0, 1.0),
    )  # fmt: skip


def _first(good: Callable[[int], bool], least: int, most: int) -> int | None:
    """The smallest number from `least` to `most` that is good, if the larger ones are good too."""
    if not good(most):
        return None
    low, high = least - 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if good(middle) else (middle, high)
    return high
