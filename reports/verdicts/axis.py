"""The axis of a sweep itself: what its last value does against its first, over all architectures that ran.

Architectures (and seeds) are blocks: each has every value of the axis. The error is how the effect differs from block
to block, so one seed of several architectures gives an answer, about these architectures and no others.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reports.statistics.differences import Differences
from reports.statistics.intervals import LEVEL
from reports.statistics.judging import Judgement, judge
from reports.stored.runs import Sweep
from reports.stored.settings import Run, finished
from reports.verdicts.hypotheses import OVER
from reports.verdicts.pairing import Pairs, against

CHANGE, TREND = "last against first", "trend"


@dataclass(frozen=True)
class MainEffect:
    """One metric along the axis: the mean over blocks, and what it was tested by."""

    metric: str  # as the sweep plots it
    pairs: Pairs
    kind: str
    tested: Judgement


def values_of(sweep: Sweep, runs: Sequence[Run]) -> list[float]:
    """The values of the axis in their order; none where it is the architecture or has one alone."""
    key = sweep.x.key
    found = [] if sweep.x.is_architecture else sorted({run.settings[key] for run in runs if key in run.settings})
    return found if len(found) > 1 else []


def main_effects(sweep: Sweep, level: float = LEVEL) -> list[MainEffect]:
    """Last value against first, and the trend over more than two, of each metric that the sweep plots: one family."""
    runs = finished(sweep.points)
    values, key = values_of(sweep, runs), sweep.x.key
    asked: list[MainEffect] = []
    for metric in sweep.y if values else []:
        pairs = [against(runs, metric, {key: value}, {key: values[0]}, OVER) for value in values[1:]]
        last = pairs[-1]
        if not isinstance(last, Pairs):
            continue
        asked.append(_asked(metric, last, CHANGE, last.differences))
        if len(values) > 2 and (differences := _trend(values, pairs)):
            asked.append(_asked(metric, last, TREND, differences))
    tested = judge([one.tested for one in asked], level)
    return [replace(one, tested=result) for one, result in zip(asked, tested, strict=True)]


def _asked(metric: str, pairs: Pairs, kind: str, differences: Differences) -> MainEffect:
    tested = Judgement((metric, kind), differences, 0.0, math.inf, pairs.margin, pairs.measure)
    return MainEffect(metric, pairs, kind, tested)


def _trend(values: Sequence[float], pairs: Sequence[Pairs | str]) -> Differences | None:
    """The change from first to last value of the straight line through all; None where not all can be compared."""
    same = [one for one in pairs if isinstance(one, Pairs) and one.measure == pairs[-1].measure]  # type: ignore[union-attr]
    if len(same) < len(values) - 1 or len({one.differences.blocks for one in same}) > 1:
        return None
    x = np.array(values, float) - np.mean(values)
    weights = x / (x @ x) * (values[-1] - values[0])  # they sum to 0, so each value may be taken less the first
    arms: dict[Hashable, tuple[float, Any]] = {}
    for weight, one in zip(weights[1:], same, strict=True):
        ours, theirs = one.differences.arms.items()
        arms[theirs[0]] = (float(weights[0]), theirs[1][1])
        arms[ours[0]] = (float(weight), ours[1][1])
    changes = sum(weight * one.differences.values for weight, one in zip(weights[1:], same, strict=True))
    tables = [one.differences.items for one in same]
    whole = all(table is not None for table in tables)
    items = sum(weight * table for weight, table in zip(weights[1:], tables, strict=True)) if whole else None  # type: ignore[operator]
    return Differences(same[0].differences.blocks, np.asarray(changes), items, arms)  # type: ignore[arg-type]
