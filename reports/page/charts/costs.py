"""Quality against cost: a chart for every cost of one metric's runs.

Where only architectures are compared, a line joins those that no other beats at both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.page.charts.panels import INK, Chart, Spec, heading, looks, measure, sized, tip
from reports.page.cost_table import COSTS
from reports.paper.costs import front
from reports.stored import selftest_marks
from reports.stored.declared import GENERAL
from reports.stored.runs import Sweep
from reports.style import labels
from reports.tables.summary import without_controls

if TYPE_CHECKING:
    import pandas as pd

SAID = {
    "trainable_params": "parameters that training changes",
    "train_flops": "the equations' multiplications and additions over the whole training",
    "train_seconds": "wall clock of that machine: other work on it shows",
    "peak_memory_mb": "most memory that the process held",
}
TICKS: Spec = {"format": "~s", "tickCount": 4, "labelExpr": "datum.value ? datum.label : '0'"}


def draw(sweep: Sweep, runs: pd.DataFrame, scores: pd.DataFrame, summary: pd.DataFrame) -> dict[str, list[Chart]]:
    """Metric -> a chart a cost; a metric that several weights measured is left to the other figures."""
    costs = runs[["run_id", *COSTS]]
    found = {}
    for name in sweep.y:
        measured, means = scores[scores["metric"] == name], summary[summary["metric"] == name]
        if measured["weights"].nunique() == 1:
            joined = measured.merge(costs, on="run_id")
            found[name] = [_chart(sweep, means, joined.dropna(subset=[c]), c) for c in COSTS if joined[c].any()]
    return found


def _chart(sweep: Sweep, means: pd.DataFrame, runs: pd.DataFrame, cost: str) -> Chart:
    first, name = means.iloc[0], GENERAL[cost].label
    rows = [
        {"a": labels.architecture(row["architecture"]), "x": float(row[cost]), "y": float(row["value"]),
         "run": row["run_id"], "seed": int(row["seed"]), "at": sweep.x.text(row["x"]), "n": int(row["n"])}
        for row in runs.to_dict("records")
    ]  # fmt: skip
    at = [] if sweep.x.is_architecture else [tip("at", sweep.x.title)]
    tips = [tip("a", "architecture"), tip("y", first["title"], ".4g"), tip("x", name, ".4~s"), *at,
            tip("seed", "seed"), tip("n", "N"), tip("run", "run")]  # fmt: skip
    encoding = {
        "x": {"field": "x", "type": "quantitative", "title": name, "axis": TICKS, "scale": {"zero": True}},
        "y": measure(means), **looks(runs["architecture"]), "tooltip": tips,
    }  # fmt: skip
    layers = [
        *([_front(runs, cost) | {"encoding": {axis: encoding[axis] for axis in "xy"}}] if not at else []),
        {"data": {"values": rows}, "mark": {"type": "point", "filled": True, "size": 70, "opacity": 0.85},
         "encoding": encoding},
    ]  # fmt: skip
    spec = sized({"layer": layers})
    title = f"{heading(first)} against {name}\N{NO-BREAK SPACE}↓"
    failed = selftest_marks.failed(means["note"])
    said = f"{selftest_marks.FAILED}, not to be believed; {SAID[cost]}" if failed else SAID[cost]
    return Chart(f"cost-{first['metric']}-{cost}", title, said, spec, failed)


def _front(runs: pd.DataFrame, cost: str) -> Spec:
    """Architectures, by their means over seeds, that no other beats at both. Controls take no part."""
    runs = without_controls(runs)
    means = runs.groupby("architecture", as_index=False).agg(
        **{cost: (cost, "mean"), "value": ("value", "mean"), "direction": ("direction", "first")}
    )
    best = front(means, cost) if len(means) else means
    rows = [{"x": float(x), "y": float(y)} for x, y in zip(best[cost], best["value"], strict=True)]
    line = {"type": "line", "interpolate": "step-after", "color": INK, "opacity": 0.45, "point": {"color": INK}}
    return {"data": {"values": rows}, "mark": line}
