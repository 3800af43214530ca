"""Checks of one metric, for any metric: its `Score` has the direction that is better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.evaluation.metrics.base import Score

Scores = dict[str, Score]

SAME = 1e-6  # relative: a sum in another order
NO_WORSE_SHARE = 0.95  # of items: for some, another's partner is as good


@dataclass(frozen=True)
class Check:
    """Measured values, the bound on them, and whether it was met."""

    metric: str
    name: str
    measured: tuple[float, ...]
    bound: str
    passed: bool


def worsens(metric: str, name: str, scores: Sequence[Score]) -> Check:
    """Check that a metric gets worse with each grade of a corruption, or is 0 already; the truth comes first."""
    values = tuple(score.value for score in scores)
    steps = list(zip(values, values[1:], strict=False))
    up, down = all(later > earlier for earlier, later in steps), all(later < earlier for earlier, later in steps)
    lost = all(later < earlier or earlier == later == 0 for earlier, later in steps) and values[1] < values[0]
    bound, passed = {
        "lower": ("rises at each grade", up),
        "higher": ("falls at each grade, to 0 at most", lost),
        "neither": ("moves one way at each grade", up or down),
    }[scores[0].direction]
    return Check(metric, name, values, bound, passed)


def never_improves(metric: str, name: str, scores: Sequence[Score]) -> Check:
    """Check that no grade of a corruption scores better than the truth."""
    sign = {"lower": 1, "higher": -1, "neither": 0}[scores[0].direction]
    values = tuple(score.value for score in scores)
    gains = [sign * (value - values[0]) for value in values]
    return Check(metric, name, values, "never better than the first", min(gains) >= -SAME * abs(values[0]))


def keeps(metric: str, name: str, scores: Sequence[Score]) -> Check:
    """Check that a corruption changes nothing."""
    values = tuple(score.value for score in scores)
    same = all(math.isclose(value, values[0], rel_tol=SAME, abs_tol=SAME) for value in values)
    return Check(metric, name, values, "stays the same", same)


def own_partner(metric: str, own: Score, other: Score) -> Check:
    """Check, item by item, that an item's own partner scores no worse than another's."""
    sign = {"lower": -1, "higher": 1, "neither": 0}[own.direction]
    gains = sign * (np.asarray(own.per_item) - np.asarray(other.per_item))
    share = float(np.mean(gains >= 0))
    return Check(metric, "own partner no worse", (share,), f"at least {NO_WORSE_SHARE}", share >= NO_WORSE_SHARE)


def equals(metric: str, name: str, found: float, expected: float, tolerance: float) -> Check:
    """Check of a known answer."""
    passed = bool(abs(found - expected) <= tolerance)
    return Check(metric, name, (found,), f"{expected:.6g} ± {tolerance:.2g}", passed)


def at_most(metric: str, name: str, found: float, bound: float) -> Check:
    """Check of a known upper bound."""
    return Check(metric, name, (found,), f"at most {bound:.4g}", bool(found <= bound))
