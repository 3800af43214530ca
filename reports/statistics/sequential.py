"""Looks at a study that goes on: the error that each look may spend, and when to give up.

A study that is judged after every further seed has as many chances of a false verdict as looks. Its 5 % is therefore
spent in portions (Lan and DeMets): by the time a share t of the seeds planned at most is in, t of the 5 % is spent. A
look's level is what makes its portion, given that all looks before it decided nothing; the looks are correlated as
sums of the same independent seeds are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy import optimize, stats

from reports.statistics.differences import variance_parts
from reports.statistics.intervals import LEVEL
from reports.statistics.judging import INCONCLUSIVE, Judgement, decided
from reports.statistics.planning import expected_error

MOST_LOOKS = 20
HOPE = 0.05  # chance of a decision below which going on is futile
REACH = 8.0  # standard deviations that the grid covers
POINTS = 801


def look_levels(seeds: Sequence[int], at_most: int, level: float = LEVEL) -> list[float]:
    """The level to use at each look, for `reports.statistics.judging.judge`.

    `seeds`: how many seeds each look so far had, rising; `at_most`: how many the last look may have. The level of a look
    depends on that look and those before it alone, so a study may be interrupted and gone on with. A look that was
    skipped costs nothing: its portion is left to the next one.
    """
    assert seeds and list(seeds) == sorted(set(seeds)) and 0 < seeds[0] and seeds[-1] <= at_most, "looks must rise"
    return list(_levels(tuple(seeds), at_most, level))


@lru_cache(maxsize=256)
def _levels(seeds: tuple[int, ...], at_most: int, level: float) -> tuple[float, ...]:
    grid = np.linspace(-REACH, REACH, POINTS)  # of the standardised sum at a look
    density, before, found, spent = None, 0, [], 0.0
    for count in seeds:
        portion = level * count / at_most - spent
        if density is None:
            bound = float(stats.norm.isf(portion / 2))
            arrived = stats.norm.pdf(grid)
        else:
            kept, spread = math.sqrt(before / count), math.sqrt(1 - before / count)
            moves = stats.norm.pdf((grid[:, None] - kept * grid[None, :]) / spread) / spread
            arrived = moves @ density * (grid[1] - grid[0])
            bound = _bound(grid, arrived, portion)
        density = np.where(np.abs(grid) < bound, arrived, 0.0)
        found.append(float(2 * stats.norm.sf(bound)))
        before, spent = count, level * count / at_most
    return tuple(found)


def _bound(grid: np.ndarray, density: np.ndarray, portion: float) -> float:
    """The distance beyond which the density holds the portion."""
    upper = np.append(np.cumsum((density * (grid[1] - grid[0]))[::-1])[::-1], 0.0)
    edges = np.append(grid - (grid[1] - grid[0]) / 2, REACH)
    return float(optimize.brentq(lambda bound: 2 * np.interp(bound, edges, upper) - portion, 0.0, REACH))


def hope(tested: Judgement, at_most: int, level: float) -> float:
    """The chance that `at_most` seeds in all decide a comparison, if its true effect is as measured now.

    `level`: of the last look. By the interval that is to be expected then, and what the mean may still move: the
    blocks to come are as spread as those so far.
    """
    error, k = tested.error, len(tested.differences.values)
    if tested.outcome != INCONCLUSIVE:
        return 1.0
    if error is None or at_most <= k:
        return 0.0 if error else 1.0
    parts = variance_parts(tested.differences)
    at_end = expected_error(tested, parts, at_most, tested.differences.count)
    reach = float(at_end.reach(level))
    variance = error.variance if error.alike(tested.level) else error.unequal_variance
    moved = math.sqrt(variance * (1 / at_most - 1 / at_most**2 * k)) * np.linspace(-4, 4, 401)
    chances = stats.norm.pdf(np.linspace(-4, 4, 401))
    good = [decided((tested.effect + by - reach, tested.effect + by + reach), tested.low, tested.high, tested.margin)
            != INCONCLUSIVE for by in moved]  # fmt: skip
    return float(chances @ np.array(good, float) / chances.sum())


def futile(tested: Judgement, at_most: int, level: float) -> bool:
    """Whether going on to `at_most` seeds has little hope of deciding this comparison. It binds nobody: stopping
    early only makes false verdicts rarer."""
    return hope(tested, at_most, level) < HOPE


def last_level(at_most: int, first: int, level: float = LEVEL) -> float:
    """The level of the last look, where there is one after every seed from the `first` on."""
    looks = list(range(first, at_most + 1))[-MOST_LOOKS:]
    return look_levels(looks, at_most, level)[-1]
