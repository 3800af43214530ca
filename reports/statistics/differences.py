"""The paired differences that one comparison rests on, and how much of their spread is whose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Differences:
    """One run minus the other at the same seed, on the same items; positive is better.

    `values` (k,) are differences of the metric itself, `items` (k, N) those of every item, where the metric is the
    mean of its items. FID and KID have none: they are of a whole set.
    """

    seeds: tuple[int, ...]
    values: np.ndarray
    items: np.ndarray | None = None

    @property
    def effect(self) -> float:
        """The mean difference."""
        return float(self.values.mean())

    @property
    def count(self) -> int:
        """How many items each difference is of, 0 where they are not known."""
        return 0 if self.items is None else self.items.shape[1]


@dataclass(frozen=True)
class Parts:
    """Variance of one difference: between seeds, between items, and of what is left of one item at one seed.

    Estimated as in a two-way table without repetition (seeds x items, both random samples): the rows' mean square
    is N * seed + rest, the columns' is k * item + rest. What would come out negative is 0.
    """

    seed: float
    item: float
    rest: float


def variance_parts(differences: Differences) -> Parts:
    """The parts, from at least two seeds. Without items all of it lies between seeds."""
    if differences.items is None:
        return Parts(float(differences.values.var(ddof=1)), 0.0, 0.0)
    k, n = differences.items.shape
    rows, columns, rest = mean_squares(differences.items)
    return Parts(max(0.0, rows - rest) / n, max(0.0, columns - rest) / k, rest)


def mean_squares(table: np.ndarray) -> tuple[float, float, float]:
    """Mean squares of the rows, the columns and the rest of a table (k, N)."""
    k, n = table.shape
    by_row, by_column = table.mean(1, keepdims=True), table.mean(0, keepdims=True)
    rest = ((table - by_row - by_column + table.mean()) ** 2).sum() / ((k - 1) * (n - 1))
    return float(n * by_row.var(ddof=1)), float(k * by_column.var(ddof=1)), float(rest)
