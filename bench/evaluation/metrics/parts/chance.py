"""A fixed way to give every item another item's partner: what a model that ignores its input would score."""

from __future__ import annotations

import numpy as np


def derangement(n: int) -> np.ndarray | None:
    """Return `partner` (n,) int with `partner[i] != i` for all i, the same for every call; None where n < 2.

    It is one random cycle: neighbours in a data set are often alike, so rolling by one would flatter the guess.
    """
    if n < 2:
        return None
    cycle = np.random.default_rng(0).permutation(n)
    partner = np.empty(n, dtype=int)
    partner[cycle] = np.roll(cycle, 1)
    return partner
