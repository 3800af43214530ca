"""Bias by sample size: distances of real images from real ones at growing N. FID falls, KID stays at 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.evaluation.metrics.fid import fid, kid
from bench.evaluation.selftest.checks import Check

SIZES = 5  # halving from half of the images
FEWEST = 16  # images a set
DEVIATIONS = 4.5  # beyond which a KID is not 0


@dataclass(frozen=True)
class Row:
    """Distances between sets of N real images; all sets of a row are disjoint."""

    n: int
    draws: int
    fid: float
    fid_spread: float | None  # sample standard deviation over the draws, None for one
    kid: float
    kid_spread: float | None


def rows(features: np.ndarray, seed: int) -> list[Row]:
    """Measure disjoint pairs, drawn without replacement from all features (n, d), at N that double."""
    order = np.random.default_rng(seed).permutation(len(features))
    sizes = [len(features) // 2 // 2**halvings for halvings in reversed(range(SIZES))]
    return [_row(features[order], n) for n in sizes if n >= FEWEST]


def checks(table: list[Row]) -> list[Check]:
    """Checks of the bias; none where there are fewer than two sizes."""
    if len(table) < 2:
        return []
    fids = tuple(row.fid for row in table)
    falls = all(later < earlier for earlier, later in zip(fids, fids[1:], strict=False))
    sizes = f"N = {table[0].n} to {table[-1].n}"
    error = _kid_error(table)
    kids = tuple(row.kid * row.n * row.draws**0.5 / error for row in table)
    unbiased = bool(max(map(abs, kids)) <= DEVIATIONS)
    return [
        Check("fid", f"biased: {sizes}", fids, "falls at each N", falls),
        Check("kid", f"unbiased: {sizes}, in errors", kids, f"0 ± {DEVIATIONS}", unbiased),
    ]


def _row(features: np.ndarray, n: int) -> Row:
    pairs = [
        (features[at : at + n], features[at + n : at + 2 * n]) for at in range(0, len(features) - 2 * n + 1, 2 * n)
    ]
    fids, kids = ([measure(*pair, None).value for pair in pairs] for measure in (fid, kid))
    return Row(n, len(pairs), float(np.mean(fids)), _spread(fids), float(np.mean(kids)), _spread(kids))


def _spread(values: list[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _kid_error(table: list[Row]) -> float:
    """N times the standard deviation of one KID, over all rows: between equal distributions it falls as 1 / N."""
    freedom = [row.draws - 1 for row in table]
    squares = [(row.n * (row.kid_spread or 0.0)) ** 2 * free for row, free in zip(table, freedom, strict=True)]
    return float((sum(squares) / sum(freedom)) ** 0.5)
