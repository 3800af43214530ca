"""95 % intervals of one mean difference: over new seeds, and over new items."""

from __future__ import annotations

import numpy as np
from scipy import stats

from reports.statistics.differences import Differences

LEVEL = 0.05  # of a whole family of comparisons; intervals of one alone hold 1 - LEVEL each
RESAMPLES = 2000

Interval = tuple[float, float]


def student(values: np.ndarray) -> Interval:
    """Student's t interval of the mean of independent values (n,), at least two."""
    mean, reach = float(values.mean()), float(stats.t.isf(LEVEL / 2, len(values) - 1) * stats.sem(values))
    return mean - reach, mean + reach


def over_seeds(differences: Differences) -> Interval | None:
    """Student's t over the paired seeds: other seeds, the same items. None with one seed."""
    return student(differences.values) if len(differences.values) > 1 else None


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
