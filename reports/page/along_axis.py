"""The effect of the axis itself: each architecture at its last value against its first, and all of them together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.page.charts.panels import heading
from reports.page.winners import certainty
from reports.statistics.judging import CONTRADICTED, SUPPORTED, Judgement, judge
from reports.stored import selftest_marks
from reports.stored.runs import Sweep
from reports.stored.settings import Run, finished
from reports.tables.table import decimals
from reports.verdicts.axis import MainEffect, values_of
from reports.verdicts.cells import AXIS_HEADS, axis_cells, number
from reports.verdicts.judging import over_words
from reports.verdicts.pairing import Pairs, against

if TYPE_CHECKING:
    import pandas as pd

Place = tuple[str, str]  # metric, architecture


@dataclass(frozen=True)
class Change:
    """The change of one architecture's metric."""

    values: str  # "" where the two cannot be compared
    change: str
    interval: str
    sure: str
    clear: bool


@dataclass(frozen=True)
class Row:
    """One metric."""

    title: str
    failed: bool  # its self-test: not to be believed
    changes: list[Change]


@dataclass(frozen=True)
class Along:
    """Two values of the axis, and a row a metric."""

    first: str
    last: str
    architectures: list[str]
    rows: list[Row]
    over: str  # what the mean over architectures is about; "" where there is none
    heads: list[str]
    effects: list[list[str]]  # of the mean over architectures, below `heads`


def build(sweep: Sweep, summary: pd.DataFrame, effects: Sequence[MainEffect] = ()) -> Along | None:
    """None where the axis is the architecture, or has one value alone. All architectures' changes are one family."""
    runs = finished(sweep.points)
    key, values = sweep.x.key, values_of(sweep, runs)
    if not values:
        return None
    architectures = list(dict.fromkeys(run.settings["model.architecture"] for run in runs))
    measures = [name for name in sweep.y if (summary["metric"] == name).any()]
    found = {(name, who): _paired(runs, name, who, key, values) for name in measures for who in architectures}
    asked = [Judgement(place, pairs.differences, 0.0, math.inf, pairs.margin, pairs.measure)
             for place, pairs in found.items() if isinstance(pairs, Pairs)]  # fmt: skip
    tested = {one.key: one for one in judge(asked)}
    digits = {str(name): decimals(mine["mean"]) for name, mine in summary.groupby("metric")}
    rows = []
    for name in measures:
        mine = summary[summary["metric"] == name]
        changes = [_change(name, found[name, who], tested.get((name, who)), digits) for who in architectures]
        rows.append(Row(heading(mine.iloc[0]), selftest_marks.failed(mine["note"]), changes))
    first, last = (sweep.x.text(value) for value in (values[0], values[-1]))
    over = over_words(effects[0].tested.differences.blocks) if effects else ""
    return Along(first, last, architectures, rows, over, AXIS_HEADS, [axis_cells(one) for one in effects])


def _paired(runs: list[Run], metric: str, architecture: str, key: str, values: list[float]) -> Pairs | str:
    """The last value against the first, or why they cannot be compared."""
    whose = {"model.architecture": architecture}
    return against(runs, metric, whose | {key: values[-1]}, whose | {key: values[0]})


def _change(metric: str, pairs: Pairs | str, tested: Judgement | None, digits: dict[str, int]) -> Change:
    if not isinstance(pairs, Pairs) or tested is None:
        return Change("", "", "", str(pairs), clear=False)
    last, first = pairs.means
    places, instead = digits[pairs.metric], "" if pairs.metric == metric else f"{pairs.title} "
    values = f"{instead}{first:.{places}f} → {last:.{places}f}"
    if not pairs.differences.values.any():
        return Change(values, "equal", "", "", clear=False)
    way = "better" if tested.effect > 0 else "worse"
    interval, sure = certainty(tested)
    clear = tested.outcome in (SUPPORTED, CONTRADICTED)
    return Change(values, f"{way} by {number(abs(tested.effect))}", interval, sure, clear)
