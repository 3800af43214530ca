"""The paired differences that one comparison rests on, and how much of their spread is whose."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Differences:
    """A contrast of arms in the same blocks, on the same items; positive is better.

    Mostly one run minus the other at the same seed. `values` (k,) are those of the metric itself, `items` (k, N) those
    of every item, where the metric is the mean of its items. FID and KID have none: they are of a whole set. `arms`
    maps each arm to its weight and its own values (k,), so that comparisons can share their error; {} where only the
    differences are known.
    """

    blocks: tuple[Hashable, ...]  # seeds, or architectures and seeds
    values: np.ndarray
    items: np.ndarray | None = None
    arms: Mapping[Hashable, tuple[float, np.ndarray]] = field(default_factory=dict)

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
    return Parts(max(0.0, float(rows - rest)) / n, max(0.0, float(columns - rest)) / k, float(rest))


def mean_squares(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean squares of the rows, the columns and the rest of a table (..., k, N)."""
    k, n = table.shape[-2:]
    by_row, by_column = table.mean(-1, keepdims=True), table.mean(-2, keepdims=True)
    rest = ((table - by_row - by_column + table.mean((-2, -1), keepdims=True)) ** 2).sum((-2, -1)) / ((k - 1) * (n - 1))
    return n * by_row.var((-2, -1), ddof=1), k * by_column.var((-2, -1), ddof=1), rest


def item_size(table: np.ndarray) -> np.ndarray:
    """Standard error of the mean of a table (..., k, N) by the items that all rows share.

    Var(mean) = MS_row / (k N) + (MS_item - MS_rest) / (k N): the first is what differs between the rows' means.
    """
    k, n = table.shape[-2:]
    _, columns, rest = mean_squares(table)
    return np.sqrt(np.maximum(0.0, columns - rest) / (k * n))
