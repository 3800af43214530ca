"""The multivariate t distribution of several contrasts of the same means: how far the largest of them strays by chance.

Contrasts are rows of weights over arms, each of which sums to 0. By pairs of arms this is Tukey's test, against one arm
Dunnett's; any other set has its own correlation in the same way.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import optimize, special, stats
from scipy.stats import qmc

DIRECTIONS = 2**13
NODES = 128
STEPS = 36  # of halving
FEW = 24  # values of the degrees of freedom; between more the quantile is interpolated
GRID = 65

Contrasts = tuple[tuple[float, ...], ...]


@lru_cache(maxsize=256)
def _largest(contrasts: Contrasts) -> tuple[np.ndarray, int]:
    """The largest of the normalised contrasts (NODES,) of points spread evenly over the sphere; and its dimension.

    A vector of independent normals is a direction times a radius. The radius is integrated in closed form, the
    directions are those of Sobol's sequence: the same every time, and exact to four digits or more at any level.
    """
    rows = np.array(contrasts, float)
    _, sizes, basis = np.linalg.svd(rows, full_matrices=False)
    rank = int((sizes > 1e-9 * sizes[0]).sum())
    loads = rows @ basis[:rank].T
    loads /= np.linalg.norm(loads, axis=1, keepdims=True)
    points = (qmc.Sobol(rank, scramble=False).random(DIRECTIONS) + 0.5 / DIRECTIONS) % 1
    directions = stats.norm.ppf(points)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    largest = np.sort(np.abs(directions @ loads.T).max(1))
    return largest.reshape(NODES, -1).mean(1), rank


def tail(distance: np.ndarray | float, freedom: np.ndarray | float, contrasts: Contrasts) -> np.ndarray:
    """The chance that any contrast strays further than `distance` standard errors, known by `freedom` degrees."""
    largest, rank = _largest(contrasts)
    free = np.asarray(freedom, float)[..., None]
    ratio = (np.asarray(distance, float)[..., None] / largest) ** 2
    return special.betainc(free / 2, rank / 2, free / (free + ratio)).mean(-1)


def quantile(level: float, freedom: np.ndarray | float, contrasts: Contrasts) -> np.ndarray:
    """The distance that any contrast passes with chance `level`; of the shape of `freedom`, which is 1 or more."""
    free = np.asarray(freedom, float)
    known, where = np.unique(free, return_inverse=True)
    if len(known) <= FEW:
        return np.array([_one(level, float(one), contrasts) for one in known])[where].reshape(free.shape)
    inverse, logarithms = _grid(level, contrasts)
    return np.exp(np.interp(1 / free, inverse, logarithms))


@lru_cache(maxsize=4096)
def _one(level: float, free: float, contrasts: Contrasts) -> float:
    def surplus(logarithm: float) -> float:
        return math.log(max(float(tail(math.exp(logarithm), free, contrasts)), 1e-300) / level)

    return math.exp(optimize.brentq(surplus, -9, 40, xtol=1e-9)) if level < 1 else 0.0


@lru_cache(maxsize=256)
def _grid(level: float, contrasts: Contrasts) -> tuple[np.ndarray, np.ndarray]:
    inverse = np.linspace(0, 1, GRID) ** 2 + 1e-9
    return inverse, np.log(_halving(level, 1 / inverse, contrasts))


def _halving(level: float, free: np.ndarray, contrasts: Contrasts) -> np.ndarray:
    low, high = np.full(free.shape, -7.0), np.full(free.shape, 40.0)  # logarithms
    for _ in range(STEPS):
        middle = (low + high) / 2
        beyond = tail(np.exp(middle), free, contrasts) > level
        low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
    return np.exp((low + high) / 2)
