"""A family of comparisons, judged together: does the effect lie where it was said to lie?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reports.statistics.differences import Differences
from reports.statistics.families import holm, smallest_detectable
from reports.statistics.intervals import LEVEL, Error, Interval, over_both, over_items, over_seeds

SUPPORTED, CONTRADICTED, INCONCLUSIVE = "supported", "contradicted", "inconclusive"


@dataclass(frozen=True)
class Judgement:
    """One comparison: what was measured, where its effect should lie, and what came out.

    `key` names the question: two claims may ask the same one, which then counts once.
    """

    key: object
    differences: Differences
    low: float  # the effect is said to lie above this
    high: float  # and below this
    error: Error | None = None  # None with one seed: then nothing is tested
    by_seeds: Interval | None = None
    by_items: Interval | None = None
    p: float | None = None  # of the threshold that decides, before Holm
    p_holm: float | None = None
    family_size: int = 0
    smallest: float | None = None
    outcome: str = INCONCLUSIVE

    @property
    def effect(self) -> float:
        return self.differences.effect

    @property
    def by_both(self) -> Interval | None:
        """The interval over seeds and items at once, which the verdict rests on."""
        return self.error.interval(self.effect) if self.error else None

    @property
    def inside(self) -> bool:
        """Whether the effect as measured lies where it should."""
        return self.low < self.effect < self.high

    @property
    def threshold(self) -> float:
        """The finite bound that is nearest to the effect."""
        return min((b for b in (self.low, self.high) if math.isfinite(b)), key=lambda bound: abs(self.effect - bound))


def judge(family: Sequence[Judgement]) -> list[Judgement]:
    """Estimate and test all, and decide at a family-wise level of 5 % by Holm."""
    measured = [_measured(one) for one in family]
    ps = {one.key: one.p for one in measured if one.p is not None}
    adjusted = dict(zip(ps, holm(list(ps.values())), strict=True))
    return [_decided(one, adjusted) for one in measured]


def _measured(one: Judgement) -> Judgement:
    differences = one.differences
    error = over_both(differences)
    return replace(
        one,
        error=error,
        by_seeds=over_seeds(differences),
        by_items=over_items(differences),
        p=error.p(differences.effect, one.threshold) if error else None,
    )


def _decided(one: Judgement, adjusted: dict[object, float]) -> Judgement:
    if one.error is None:
        return one
    p, size = adjusted[one.key], len(adjusted)
    outcome = INCONCLUSIVE if p > LEVEL else SUPPORTED if one.inside else CONTRADICTED
    return replace(
        one, p_holm=p, family_size=size, smallest=smallest_detectable(one.error, size), outcome=outcome
    )


def conjunction(outcomes: Sequence[str]) -> str:
    """Supported if all are, contradicted if one is, else inconclusive."""
    if CONTRADICTED in outcomes:
        return CONTRADICTED
    return SUPPORTED if outcomes and set(outcomes) == {SUPPORTED} else INCONCLUSIVE
