"""Looks at a study that goes on: the error that each look may spend, and when to give up.

A study that is judged after every further seed has as many chances of a false verdict as looks. Its 5 % is therefore
spent in portions (Lan and DeMets): by the time a share t of the seeds planned at most is in, t of the 5 % is spent. A
look's level is what makes its portion, given that all looks before it decided nothing; the looks are correlated as
sums of the same independent seeds are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy import optimize, stats

from reports.statistics.differences import variance_parts
from reports.statistics.intervals import LEVEL
from reports.statistics.judging import INCONCLUSIVE, Judgement, decided
from reports.statistics.planning import expected_error

REACH = 8.0  # standard deviations that the grid covers
POINTS = 801


def look_levels(seeds: Sequence[int], at_most: int, level: float = LEVEL) -> list[float]:
    """The level to use at each look, for `reports.statistics.judging.judge`.

    `seeds`: how many seeds each look so far had, rising; `at_most`: how many the last look may have. A level depends on
    that look and those before it alone, so a study may be interrupted and gone on with. A look that is skipped costs
    nothing: its portion is left to the next one.
    """
    assert seeds and list(seeds) == sorted(set(seeds)) and seeds[0] > 0 and seeds[-1] <= at_most, "looks must rise"
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


def chances(tested: Judgement, at_most: int, level: float) -> dict[str, float]:
    """The chance of each outcome with `at_most` seeds in all, if the true effect is as measured now.

    `level`: of the last look. The seeds to come are as spread as those so far; a comparison that is decided stays so,
    and of one that was not tested nothing is known: {}.
    """
    error, k = tested.error, len(tested.differences.values)
    if error is None:
        return {}
    if tested.outcome != INCONCLUSIVE or at_most <= k:
        return {tested.outcome: 1.0}
    at_end = expected_error(tested, variance_parts(tested.differences), at_most, tested.differences.count)
    reach = float(at_end.reach(level))
    spread = math.sqrt(at_end.variance * (at_most - k)) / at_most  # of the mean at the end, about the mean now
    steps = np.linspace(-4, 4, 401)
    shares = stats.norm.pdf(steps) / stats.norm.pdf(steps).sum()
    found: dict[str, float] = {}
    for effect, share in zip(tested.effect + spread * steps, shares, strict=True):
        outcome = decided((effect - reach, effect + reach), tested.low, tested.high, tested.margin)
        found[outcome] = found.get(outcome, 0.0) + float(share)
    return found


def last_level(seeds: Sequence[int], at_most: int, level: float = LEVEL) -> float:
    """The level of the last look, if there is one after every further seed."""
    return look_levels([*seeds, *range(seeds[-1] + 1, at_most + 1)], at_most, level)[-1]
