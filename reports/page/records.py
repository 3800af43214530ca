"""The table of runs: what stands in which cell, and what it is sorted by."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.page.cost_table import COSTS, quantity
from reports.stored import selftest_marks
from reports.stored.declared import GENERAL, Axis, Metric
from reports.stored.runs import Sweep
from reports.style import labels
from reports.tables.table import NOTHING, decimals

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Column:
    """A column's header, with unit and direction below it."""

    key: str
    name: str
    said: str
    number: bool


@dataclass(frozen=True)
class Value:
    """A cell as it is shown, and the exact value it is sorted by; empty ones come last."""

    text: str
    exact: str
    number: bool


@dataclass(frozen=True)
class Records:
    """Every run asked for, and the columns that can be filtered with their values."""

    columns: list[Column]
    rows: list[list[Value]]
    filters: dict[int, list[str]]  # column -> texts


def build(sweep: Sweep, runs: pd.DataFrame, scores: pd.DataFrame) -> Records:
    """A row a run, in the sweep's order."""
    settings = list(dict.fromkeys(["architecture", sweep.x.column, "seed", "status"]))
    known = {metric.name: metric for metric in sweep.metrics.values() if metric.table}
    known |= {metric.before: metric for metric in known.values() if metric.has_before}
    measured = [name for name in runs if isinstance(name, str) and name.partition(" [")[0] in known]
    measured = [name for name in measured if runs[name].notna().any()]
    costs = [name for name in COSTS if runs[name].notna().any()]
    titles, texts = {sweep.x.column: sweep.x.title}, ("architecture", "status")
    columns = [Column(name, titles.get(name, name), "", number=name not in texts) for name in settings]
    columns += [_measure(name, known[name.partition(" [")[0]], scores) for name in measured]
    columns += [Column(name, GENERAL[name].label, "↓", True) for name in costs]
    columns.append(Column("run_id", "run", "", False))
    places = {column.key: decimals(runs[column.key].dropna()) for column in columns if column.key in measured}
    rows = [[_value(column, row[column.key], places, sweep.x) for column in columns] for row in runs.to_dict("records")]
    filters = {place: list(dict.fromkeys(row[place].text for row in rows)) for place in range(len(settings))}
    return Records(columns, rows, filters)


def _measure(name: str, metric: Metric, scores: pd.DataFrame) -> Column:
    column, _, whose = name.partition(" [")
    mine = scores[scores["metric"] == metric.name]
    first, doubt = mine.iloc[0], f", {selftest_marks.FAILED}" if selftest_marks.failed(mine["note"]) else ""
    arrow = labels.ARROWS.get(first["direction"], "")
    by = f" by {labels.weights(whose.removesuffix(']'))}" if whose else ""
    when = " before training" if column == metric.before else ""
    return Column(name, f"{metric.title}{when}{by}", f"{arrow} {first['unit']}{doubt}".strip(), True)


def _value(column: Column, value: Any, places: dict[str, int], x: Axis) -> Value:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Value(NOTHING, "", column.number)
    if column.key in COSTS:
        return Value(quantity(float(value)), repr(float(value)), True)
    if column.key in (x.column, "architecture"):
        shown = x if column.key == x.column else GENERAL[column.key]
        return Value(shown.text(value), str(value), column.number)
    if column.key in places:
        return Value(f"{value:.{places[column.key]}f}", repr(float(value)), True)
    return Value(str(value), str(value), column.number)
