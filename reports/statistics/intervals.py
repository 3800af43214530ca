"""95 % intervals of a mean difference: over new seeds, over new items, and over both at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from reports.statistics.differences import Differences, mean_squares

LEVEL = 0.05  # of a whole family of comparisons; the intervals that are shown hold 1 - LEVEL each
RESAMPLES = 2000
SMALLEST_P = 1e-15  # smaller ones are given as this

Interval = tuple[float, float]


@dataclass(frozen=True)
class Error:
    """The standard errors that a mean difference has from independent sources, each with its degrees of freedom.

    For one source the interval is Student's. For several its quantile is the mean of theirs, weighted by variance
    (Cochran and Cox), and it is never narrower than that of one source alone. This errs on the safe side: with three
    seeds it holds the truth in 95 to 97.5 % of studies. Satterthwaite's approximation does not: behind Holm's
    correction it gives up to four times the false alarms.
    """

    sources: tuple[tuple[float, float], ...]  # (standard error, degrees of freedom)

    @property
    def size(self) -> float:
        """The whole standard error."""
        return math.hypot(*(size for size, _ in self.sources))

    @property
    def freedom(self) -> float:
        """Satterthwaite's degrees of freedom of the whole."""
        fourth = sum(size**4 / free for size, free in self.sources)
        return self.size**4 / fourth if fourth else self.sources[0][1]

    def reach(self, level: float) -> float:
        """Half the width of the interval that holds the true effect in 1 - `level` of all studies."""
        if self.size == 0:
            return 0.0
        quantiles = [float(stats.t.isf(level / 2, free)) for _, free in self.sources]
        pairs = list(zip(quantiles, (size for size, _ in self.sources), strict=True))
        return max(sum(t * size**2 for t, size in pairs) / self.size, *(t * size for t, size in pairs))

    def interval(self, effect: float, level: float = LEVEL) -> Interval:
        """That holds the true effect in 1 - `level` of all studies."""
        return effect - self.reach(level), effect + self.reach(level)

    def p(self, effect: float, threshold: float) -> float:
        """Two-sided, of a true effect at `threshold`: the level whose interval just excludes it."""
        distance = abs(effect - threshold)
        if distance == 0 or self.size == 0:
            return 0.0 if distance else 1.0
        if self.reach(SMALLEST_P) < distance:
            return SMALLEST_P
        exponent = optimize.brentq(lambda exponent: self.reach(10**exponent) - distance, math.log10(SMALLEST_P), 0)
        return float(10**exponent)


def student(values: np.ndarray) -> Interval:
    """Student's t interval of the mean of independent values (n,), at least two."""
    mean, reach = float(values.mean()), float(stats.t.isf(LEVEL / 2, len(values) - 1) * stats.sem(values))
    return mean - reach, mean + reach


def over_seeds(differences: Differences) -> Interval | None:
    """Student's t over the paired seeds: other seeds, the same items. None with one seed."""
    if len(differences.values) < 2:
        return None
    return seed_error(differences).interval(differences.effect)


def seed_error(differences: Differences) -> Error:
    """Standard error of the mean over seeds, as a paired t-test has it."""
    k = len(differences.values)
    return Error(((float(differences.values.std(ddof=1)) / math.sqrt(k), k - 1.0),))


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
    """The error for other seeds and other items at once: what a verdict rests on. None with one seed.

    In the two-way table of seeds and items, Var(mean) = MS_seed / (k N) + (MS_item - MS_rest) / (k N): the first is
    what differs between the seeds' means, the second what the items add that all seeds share. Without items it is
    Student's t over seeds.
    """
    k = len(differences.values)
    if k < 2:
        return None
    by_seed = seed_error(differences)
    if differences.items is None:
        return by_seed
    n = differences.count
    _, columns, rest = mean_squares(differences.items)
    return Error((*by_seed.sources, (math.sqrt(max(0.0, columns - rest) / (k * n)), n - 1.0)))
