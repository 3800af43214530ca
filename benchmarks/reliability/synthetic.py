"""Synthetic studies of known truth, many at once: arms run in the same blocks, of like or unlike spread."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise, product

import numpy as np

from reports.statistics.differences import Parts
from reports.statistics.simultaneous import Contrasts

ARMS = 4
SPREADS = {  # standard deviations of the arms: ratios of 1, 3 and 10
    "alike": (1.0, 1.0, 1.0, 1.0),
    "one 3 times as wide": (3.0, 1.0, 1.0, 1.0),
    "1 to 3 in steps": (1.0, 3 ** (1 / 3), 3 ** (2 / 3), 3.0),
    "one 10 times as wide": (10.0, 1.0, 1.0, 1.0),
    "two 10 times as wide": (10.0, 10.0, 1.0, 1.0),
    "1 to 10 in steps": (1.0, 10 ** (1 / 3), 10 ** (2 / 3), 10.0),
}
NORMAL, HEAVY = "normal", "heavy-tailed"
FREEDOM = 4  # degrees of freedom of the t distribution that is heavy-tailed
SEEDS = (3, 5, 10)
HEAVY_VARIANCE = FREEDOM / (FREEDOM - 2)
BLOCK = 2.0  # spread of what a seed does to all arms alike
CELLS = tuple(product(SPREADS, (NORMAL, HEAVY), SEEDS))


def pairs(arms: int = ARMS) -> Contrasts:
    """Each arm against each other."""
    return tuple(_row(arms, one, other) for one, other in combinations(range(arms), 2))


def against_one(arms: int = ARMS) -> Contrasts:
    """All others against the first arm, the widest of `SPREADS` where one is."""
    return tuple(_row(arms, 0, other) for other in range(1, arms))


def along(arms: int) -> Contrasts:
    """The last value of an axis against the first, and the trend."""
    x = np.arange(arms) - (arms - 1) / 2
    return _row(arms, arms - 1, 0), tuple((x / (x @ x) * (arms - 1)).tolist())


def _row(arms: int, one: int, other: int) -> tuple[float, ...]:
    return tuple(1.0 if place == one else -1.0 if place == other else 0.0 for place in range(arms))


def tables(
    random: np.random.Generator, studies: int, seeds: int, spread: str, tails: str, metrics: int = 1
) -> np.ndarray:
    """Residuals and effects of seeds (studies, metrics, arms, seeds) of arms that are all equally good."""
    shape = (studies, metrics, ARMS, seeds)
    rest = random.standard_normal(shape) if tails == NORMAL else random.standard_t(FREEDOM, shape)
    seed = BLOCK * random.standard_normal((studies, metrics, 1, seeds))
    return rest * np.array(SPREADS[spread])[:, None] + seed


def item_tables(random: np.random.Generator, parts: Parts, seeds: int, items: int, studies: int) -> np.ndarray:
    """The items of every arm (studies, arms, seeds, items). What is peculiar to an item is skewed, as scores are."""
    seed = np.sqrt(parts.seed / 2) * random.standard_normal((studies, ARMS, seeds, 1))
    item = np.sqrt(parts.item / 2) * (random.exponential(size=(studies, ARMS, 1, items)) - 1)
    return seed + item + np.sqrt(parts.rest / 2) * random.standard_normal((studies, ARMS, seeds, items))


def chunks(studies: int, size: int = 1000) -> Iterator[int]:
    """How many studies at a time, where items make them large."""
    bounds = [*range(0, studies, size), studies]
    return (most - least for least, most in pairwise(bounds))
