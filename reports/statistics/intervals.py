"""95 % intervals of a mean difference: over new seeds, over new items, and over both at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from reports.statistics.differences import Differences, mean_squares

LEVEL = 0.05  # of a whole family of comparisons; the intervals that are shown hold 1 - LEVEL each
RESAMPLES = 2000

Interval = tuple[float, float]


@dataclass(frozen=True)
class Error:
    """The standard error of a mean difference, and how many degrees of freedom it was measured with."""

    size: float
    freedom: float

    def interval(self, effect: float, level: float = LEVEL) -> Interval:
        """That holds the true effect in 1 - `level` of all studies."""
        reach = float(stats.t.ppf(1 - level / 2, self.freedom)) * self.size
        return effect - reach, effect + reach

    def p(self, effect: float, threshold: float) -> float:
        """Two-sided, of a true effect at `threshold`."""
        distance = abs(effect - threshold)
        if self.size == 0:
            return 0.0 if distance else 1.0
        return float(2 * stats.t.sf(distance / self.size, self.freedom))


def over_seeds(differences: Differences) -> Interval | None:
    """Student's t over the paired seeds: other seeds, the same items. None with one seed."""
    if len(differences.values) < 2:
        return None
    if np.ptp(differences.values) == 0:
        return differences.effect, differences.effect
    found = stats.ttest_1samp(differences.values, 0).confidence_interval(1 - LEVEL)
    return float(found.low), float(found.high)


def over_items(differences: Differences) -> Interval | None:
    """Bootstrap over the paired items: other items, the same seeds. None where no items are known."""
    if differences.items is None:
        return None
    means = differences.items.mean(0)
    if np.ptp(means) == 0:
        return float(means[0]), float(means[0])
    found = stats.bootstrap(
        (means,), np.mean, n_resamples=RESAMPLES, confidence_level=1 - LEVEL, method="percentile", rng=0
    ).confidence_interval
    return float(found.low), float(found.high)


def over_both(differences: Differences) -> Error | None:
    """The standard error for other seeds and other items at once: what a verdict rests on. None with one seed.

    In the two-way table of seeds and items, Var(mean) = (MS_seed + MS_item - MS_rest) / (k N), with Satterthwaite's
    degrees of freedom. The intervals over seeds and over items each leave one of the parts out. Without items it is
    Student's t over seeds.
    """
    k = len(differences.values)
    if k < 2:
        return None
    by_seed = Error(float(differences.values.std(ddof=1)) / math.sqrt(k), k - 1)
    if differences.items is None:
        return by_seed
    n = differences.count
    rows, columns, rest = mean_squares(differences.items)
    if columns <= rest:  # items do not differ in what the change does to them
        return by_seed
    parts = [(rows, k - 1), (columns, n - 1), (-rest, (k - 1) * (n - 1))]
    variance = sum(part for part, _ in parts)
    if variance <= 0:
        return by_seed
    freedom = variance**2 / sum(part**2 / free for part, free in parts)
    return Error(math.sqrt(variance / (k * n)), max(k - 1.0, freedom))
