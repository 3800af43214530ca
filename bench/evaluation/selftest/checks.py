"""One check of one metric, and the checks that any metric can be put to: its `Score` says which direction is better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.evaluation.metrics.base import Score

Scores = dict[str, Score]

SAME = 1e-6  # relative: a sum in another order
NO_WORSE_SHARE = 0.95  # of items: some have a stranger's partner that is as good as their own


@dataclass(frozen=True)
class Check:
    """What was measured, what it had to be, and whether it was."""

    metric: str
    name: str
    measured: tuple[float, ...]
    bound: str
    passed: bool


def worsens(metric: str, name: str, scores: Sequence[Score]) -> Check:
    """The truth, then rising grades of a corruption: the metric must get worse at each, and need not fall below 0."""
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
    """For a corruption that need not touch the metric: at no grade may it be better than the truth."""
    sign = {"lower": 1, "higher": -1, "neither": 0}[scores[0].direction]
    values = tuple(score.value for score in scores)
    gains = [sign * (value - values[0]) for value in values]
    return Check(metric, name, values, "never better than the first", min(gains) >= -SAME * abs(values[0]))


def keeps(metric: str, name: str, scores: Sequence[Score]) -> Check:
    """For what the metric must not see at all."""
    values = tuple(score.value for score in scores)
    same = all(math.isclose(value, values[0], rel_tol=SAME, abs_tol=SAME) for value in values)
    return Check(metric, name, values, "stays the same", same)


def own_partner(metric: str, own: Score, other: Score) -> Check:
    """Identity, item by item: what belongs to an item is no worse for it than what belongs to another one."""
    sign = {"lower": -1, "higher": 1, "neither": 0}[own.direction]
    gains = sign * (np.asarray(own.per_item) - np.asarray(other.per_item))
    share = float(np.mean(gains >= 0))
    return Check(metric, "own partner no worse", (share,), f"at least {NO_WORSE_SHARE}", share >= NO_WORSE_SHARE)


def equals(metric: str, name: str, found: float, expected: float, tolerance: float) -> Check:
    """A known answer."""
    passed = bool(abs(found - expected) <= tolerance)
    return Check(metric, name, (found,), f"{expected:.6g} ± {tolerance:.2g}", passed)


def at_most(metric: str, name: str, found: float, bound: float) -> Check:
    """A known upper bound."""
    return Check(metric, name, (found,), f"at most {bound:.4g}", bool(found <= bound))
