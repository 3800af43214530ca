"""Arms measured in the same blocks: the error of contrasts of their means, pooled over arms where those are alike.

An arm is a setting that is compared, a block a seed (or an architecture) under which every arm was run. What a block
does to all arms alike cancels; the residual of the two-way table, arms x blocks, is the error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import optimize

from reports.statistics.simultaneous import Contrasts, quantile

# Chosen so that benchmarks/reliability/calibration.py keeps its bounds, and not by any study of models.
OWN = 1.4  # over the root of the number of arms: a contrast's own share of its variance; the rest is pooled over arms
SMALLER = 0.2  # that share where arms are not alike and its own variance is the smaller; the larger counts in full
ALIKE = 7.7  # times the level: the chance that arms of equal spread count as alike, and no correction is made
DRAWS = 20_000  # of equal arms, whose unlikeness is compared with
SMALLEST_P = 1e-15  # smaller ones are given as this


@dataclass(frozen=True)
class Error:
    """The error of one contrast, or of many: any field but the first two may be an array, one entry a contrast.

    Two sources: other blocks and other items. The interval's quantile is the mean of theirs, weighted by variance
    (Cochran and Cox), and it is never narrower than that of one source alone.
    """

    contrasts: Contrasts  # all that must hold at once
    blocks: int
    variance: Any  # of one block's contrast, where arms count as alike
    freedom: Any
    unequal_variance: Any  # where they do not
    unequal_freedom: Any  # the contrast's own where its own variance is larger, else by Greenhouse and Geisser
    alike_from: Any  # the level from which arms count as alike; 0 where there is nothing to compare
    item_size: Any = 0.0  # standard error by items
    item_freedom: float = 1.0
    shares: int = 1  # the level is shared with so many other metrics, this one included (Bonferroni)

    def at(self, place: int, item_size: float = 0.0, items: int = 0) -> Error:
        """The error of one contrast, whose standard error by items is `item_size`."""
        names = ("variance", "freedom", "unequal_variance", "unequal_freedom", "alike_from")
        shape = np.shape(self.variance)
        mine: dict[str, Any] = {name: float(np.broadcast_to(getattr(self, name), shape)[place]) for name in names}
        return replace(self, item_size=item_size, item_freedom=max(items - 1.0, 1.0), **mine)

    def alike(self, level: float) -> Any:
        """Whether arms count as alike at this level of the family. The smaller it is, the surer that must be."""
        return level / self.shares >= np.asarray(self.alike_from)

    def reach(self, level: float) -> Any:
        """Half the width of the intervals that all hold the truth in 1 - `level` of all studies."""
        share = level / self.shares
        pooled = self._joined(share, self.variance, self.freedom)
        corrected = np.maximum(pooled, self._joined(share, self.unequal_variance, self.unequal_freedom))
        return np.where(self.alike(level), pooled, corrected)[()]

    def interval(self, effect: float, level: float) -> tuple[float, float]:
        """Its interval, simultaneous with all the others."""
        reach = float(self.reach(level))
        return effect - reach, effect + reach

    def size(self, level: float) -> float:
        """The whole standard error of one contrast, as it counts at this level."""
        return math.hypot(math.sqrt(self._source(level)[0] / self.blocks), self.item_size)

    def whole_freedom(self, level: float) -> float:
        """Satterthwaite's degrees of freedom of the whole."""
        variance, freedom = self._source(level)
        fourth = (variance / self.blocks) ** 2 / freedom + self.item_size**4 / self.item_freedom
        return float(self.size(level) ** 4 / fourth) if fourth else float(freedom)

    def p(self, distance: float) -> float:
        """The level whose interval just reaches so far: two-sided, of the whole family."""
        if distance == 0 or self.size(1.0) == 0:
            return 0.0 if distance else 1.0
        if self.reach(SMALLEST_P) < distance:
            return SMALLEST_P
        if self.reach(1.0) >= distance:
            return 1.0
        exponent = optimize.brentq(lambda one: self.reach(10**one) - distance, math.log10(SMALLEST_P), 0, xtol=1e-4)
        return float(10**exponent)

    def _source(self, level: float) -> tuple[float, float]:
        """Variance and degrees of freedom of one contrast over blocks."""
        alike = bool(self.alike(level))
        return (self.variance, self.freedom) if alike else (self.unequal_variance, self.unequal_freedom)

    def _joined(self, level: float, variance: Any, freedom: Any) -> np.ndarray:
        block, item = np.sqrt(np.asarray(variance) / self.blocks), np.asarray(self.item_size)
        by_block, by_item = (quantile(level, free, self.contrasts) for free in (freedom, self.item_freedom))
        whole = np.hypot(block, item)
        weighted = (by_block * block**2 + by_item * item**2) / np.where(whole > 0, whole, 1.0)
        return np.maximum(weighted, np.maximum(by_block * block, by_item * item))


def error(table: np.ndarray, contrasts: Contrasts, item_size: Any = 0.0, items: int = 0, shares: int = 1) -> Error:
    """The error of contrasts of the means of a table (..., arms, blocks), at least two of each.

    `item_size`: the contrasts' standard errors by items, of which there are `items`.
    """
    arms, blocks = table.shape[-2:]
    rows = np.array(contrasts, float)
    residuals = _residuals(table)
    covariance = np.einsum("...as,...bs->...ab", residuals, residuals) / (blocks - 1)  # of arms, A A
    by_arm = np.einsum("...aa->...a", covariance)
    whole = by_arm.sum(-1)
    pooled = (whole / (arms - 1))[..., None] * (rows**2).sum(1)
    own = np.einsum("ca,...ab,cb->...c", rows, covariance, rows)
    concentration = (arms - 1) * (covariance**2).sum((-2, -1))
    spherical = np.where(concentration > 0, whole**2 / np.where(concentration > 0, concentration, 1.0), 1.0)
    freedom = float((arms - 1) * (blocks - 1))
    corrected = freedom * np.clip(spherical, 1 / (arms - 1), 1.0)[..., None]
    return Error(
        contrasts, blocks,
        variance=pooled + OWN / math.sqrt(arms) * (own - pooled), freedom=freedom,
        unequal_variance=np.maximum(pooled + SMALLER * (own - pooled), own),
        unequal_freedom=np.where(own > pooled, blocks - 1.0, corrected),
        alike_from=_level_of(by_arm, blocks, contrasts)[..., None] if arms > 2 else 0.0,
        item_size=item_size, item_freedom=max(items - 1.0, 1.0), shares=shares,
    )  # fmt: skip


def _residuals(table: np.ndarray) -> np.ndarray:
    by_arm, by_block = table.mean(-1, keepdims=True), table.mean(-2, keepdims=True)
    return table - by_arm - by_block + by_arm.mean(-2, keepdims=True)


def _level_of(by_arm: np.ndarray, blocks: int, contrasts: Contrasts) -> np.ndarray:
    """The level from which arms count as alike, by where their unlikeness lies among that of arms that are."""
    equal = _unlikeness_of_equal_arms(by_arm.shape[-1], blocks, contrasts)
    return np.searchsorted(equal, _unlikeness(by_arm, contrasts)) / DRAWS / ALIKE


def _unlikeness(by_arm: np.ndarray, contrasts: Contrasts) -> np.ndarray:
    """The largest arm's share of the residual (as Cochran's C), where arms count by how often they are compared."""
    weights = np.sqrt(np.abs(np.array(contrasts)).sum(0))
    whole = by_arm.sum(-1)
    return (weights * by_arm).max(-1) / np.where(whole > 0, whole, 1.0)


@lru_cache(maxsize=64)
def _unlikeness_of_equal_arms(arms: int, blocks: int, contrasts: Contrasts) -> np.ndarray:
    """That of arms of the same normal spread (DRAWS,), in order."""
    random, found = np.random.default_rng(0), []
    for _ in range(10):
        by_arm = (_residuals(random.standard_normal((DRAWS // 10, arms, blocks))) ** 2).sum(-1)
        found.append(_unlikeness(by_arm, contrasts))
    return np.sort(np.concatenate(found))
