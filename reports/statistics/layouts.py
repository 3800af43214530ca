"""Comparisons of one family, put together: those of a metric in the same blocks share their error."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
from scipy import optimize, stats

from reports.statistics.blocks import Error, error
from reports.statistics.differences import Differences, item_size

POWER = 0.8
ROUNDING = 1e-12  # relative
ONE, OTHER = "one", "other"  # arms of a comparison of which only the differences are known

Asked = tuple[Hashable, Differences]  # the measure and what is compared by it


def errors(asked: Sequence[Asked]) -> list[Error | None]:
    """The error of each comparison; None with one block.

    A layout is one measure in one set of blocks: all arms that were run in each of them, compared or not. The level is
    shared equally by the layouts (Bonferroni), but for those in which nothing varies: chance has no part in them.
    """
    groups: dict[tuple[Hashable, tuple[Hashable, ...]], list[int]] = {}
    for place, (measure, differences) in enumerate(asked):
        if len(differences.blocks) > 1:
            alone = (measure, place) if not differences.arms else measure
            groups.setdefault((alone, differences.blocks), []).append(place)
    known: dict[int, Error] = {}
    shares = 0
    for (measure, blocks), places in groups.items():
        mine = [asked[place][1] for place in places]
        others = [differences for other, differences in asked if other == measure]
        layout, varies = _layout(mine, blocks, others)
        shares += varies
        known |= dict(zip(places, layout, strict=True))
    return [replace(known[place], shares=max(shares, 1)) if place in known else None for place in range(len(asked))]


def _layout(
    compared: list[Differences], blocks: tuple[Hashable, ...], others: list[Differences]
) -> tuple[list[Error], bool]:
    """The errors of comparisons in the same blocks; and whether anything varies in them."""
    table: dict[Hashable, np.ndarray] = {}
    for differences in [*compared, *others]:
        where = {block: place for place, block in enumerate(differences.blocks)}
        if all(block in where for block in blocks):
            for arm, (_, values) in (differences.arms or _two(differences)).items():
                table.setdefault(arm, values[[where[block] for block in blocks]])
    arms = list(table)
    rows = [_row(differences, arms) for differences in compared]
    contrasts = tuple(dict.fromkeys(max(row, tuple(-weight for weight in row)) for row in rows))
    sizes = np.array([0.0 if one.items is None else item_size(one.items) for one in compared])
    places = [contrasts.index(max(row, tuple(-weight for weight in row))) for row in rows]
    values = np.array([table[arm] for arm in arms])
    whole = error(values, contrasts)
    varies = bool(sizes.any() or np.ptp(values - values[0], axis=1).max() > ROUNDING * np.abs(values).max())
    known = zip(places, sizes, compared, strict=True)
    return [whole.at(place, float(size), one.count) for place, size, one in known], varies


def _two(differences: Differences) -> dict[Hashable, tuple[float, np.ndarray]]:
    return {ONE: (1.0, differences.values), OTHER: (-1.0, np.zeros_like(differences.values))}


def _row(differences: Differences, arms: list[Hashable]) -> tuple[float, ...]:
    weights = differences.arms or _two(differences)
    return tuple(weights[arm][0] if arm in weights else 0.0 for arm in arms)


def smallest_detectable(found: Error, level: float, power: float = POWER) -> float:
    """The distance from a threshold that these comparisons find with chance `power`.

    d = delta * se, where delta solves P(T > reach / se) = power for T of the noncentral t distribution with df degrees
    of freedom and noncentrality delta: se and df as measured, reach of the simultaneous interval.
    """
    size = found.size(level)
    if size == 0:
        return 0.0
    critical, freedom = found.reach(level) / size, found.whole_freedom(level)

    def missing(delta: float) -> float:
        return power - stats.nct.sf(critical, freedom, delta)

    high = critical + 1
    while missing(high) > 0:
        high *= 2
    return float(optimize.brentq(missing, 0, high)) * size
