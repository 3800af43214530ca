"""A family of comparisons, judged together: does the effect lie where it was said to lie?"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from reports.statistics.blocks import Error
from reports.statistics.differences import Differences
from reports.statistics.intervals import LEVEL, Interval, over_items, over_seeds
from reports.statistics.layouts import errors, smallest_detectable

SUPPORTED, CONTRADICTED, INCONCLUSIVE = "supported", "contradicted", "inconclusive"
NO_DIFFERENCE = "no relevant difference"
FACTORS = (0.5, 2.0)  # of the margin, by which each outcome is also told


@dataclass(frozen=True)
class Judgement:
    """One comparison: what was measured, where its effect should lie, and what came out.

    `key` names the question, `measure` what it is measured by: comparisons of one measure share their error. The effect
    is said to lie between `low` and `high`; where one of them is 0, an effect within the margin is no relevant one.
    """

    key: Hashable
    differences: Differences
    low: float
    high: float
    margin: float = 0.0  # of relevance, in the metric's unit
    measure: Hashable = None  # None: the key
    error: Error | None = None  # None with one seed: then nothing is tested
    level: float = LEVEL  # of the family
    by_seeds: Interval | None = None
    by_items: Interval | None = None
    smallest: float | None = None
    outcome: str = INCONCLUSIVE

    @property
    def effect(self) -> float:
        return self.differences.effect

    @cached_property
    def interval(self) -> Interval | None:
        """The simultaneous interval over seeds and items at once, which the verdict rests on."""
        return self.error.interval(self.effect, self.level) if self.error else None

    @cached_property
    def p(self) -> float | None:
        """Of the threshold that is nearest, for the whole family."""
        return self.error.p(abs(self.effect - self.threshold)) if self.error else None

    @property
    def inside(self) -> bool:
        """Whether the effect as measured lies where it should."""
        return self.low < self.effect < self.high

    @property
    def threshold(self) -> float:
        """The finite bound that is nearest to the effect."""
        return min((b for b in (self.low, self.high) if math.isfinite(b)), key=lambda bound: abs(self.effect - bound))

    def at(self, factor: float) -> str:
        """The outcome, were the margin so many times what it is."""
        if self.interval is None:
            return INCONCLUSIVE
        bounds = [bound * factor if math.isfinite(bound) else bound for bound in (self.low, self.high)]
        return decided(self.interval, bounds[0], bounds[1], self.margin * factor)


def decided(interval: Interval, low: float, high: float, margin: float) -> str:
    """The outcome that an interval gives.

    Wholly within the margin is no relevant difference (two one-sided tests), however surely it is not 0; else wholly
    inside of where it should lie is supported, wholly outside contradicted.
    """
    least, most = interval
    if 0.0 in (low, high) and -margin < least and most < margin:
        return NO_DIFFERENCE
    if low < least and most < high:
        return SUPPORTED
    return CONTRADICTED if most < low or least > high else INCONCLUSIVE


def judge(family: Sequence[Judgement], level: float = LEVEL) -> list[Judgement]:
    """Estimate all, and decide by intervals that all hold at once in 1 - `level` of studies."""
    measures = [one.key if one.measure is None else one.measure for one in family]
    found = errors([(measure, one.differences) for measure, one in zip(measures, family, strict=True)])
    return [_judged(one, error, level) for one, error in zip(family, found, strict=True)]


def _judged(one: Judgement, error: Error | None, level: float) -> Judgement:
    seeds, items = over_seeds(one.differences), over_items(one.differences)
    known = replace(one, error=error, level=level, by_seeds=seeds, by_items=items)
    if error is None:
        return known
    return replace(known, smallest=smallest_detectable(error, level), outcome=known.at(1.0))


def conjunction(outcomes: Sequence[str]) -> str:
    """The outcome of a claim all of whose comparisons must hold.

    Contradicted if one is. Else without a relevant difference if one is: then it does not hold as it stands, whatever
    the others say, and nothing points the other way. Supported if all are, else inconclusive.
    """
    for outcome in (CONTRADICTED, NO_DIFFERENCE):
        if outcome in outcomes:
            return outcome
    return SUPPORTED if outcomes and set(outcomes) == {SUPPORTED} else INCONCLUSIVE
