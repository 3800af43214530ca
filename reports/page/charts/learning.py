"""Learning curves: what training logged, a line a run."""

from __future__ import annotations

import math
from typing import Any

from bench.runs.reader import StoredRun
from reports.page.charts.panels import Chart, Spec, looks, sized, tip
from reports.stored.runs import NOT_BELIEVED, Point, Sweep
from reports.style import labels

POINTS = 60  # of a line at most


def draw(sweep: Sweep) -> list[Chart]:
    """A chart a loss, of every run that has logged one, be it done, failed or under way."""
    logged = [(point, _thinned(_log(point))) for point in sweep.points if point.status not in NOT_BELIEVED]
    charts = []
    found = dict.fromkeys(column for _, log in logged for row in log for column in row if column.startswith("loss_"))
    for column in ("loss", *sorted(found)):
        name = " ".join(column.split("_")[::-1])
        rows = [
            {"a": labels.architecture(point.settings["architecture"]), "run": point.run_id, "status": point.status,
             "at": _at(sweep, point), "seed": point.settings["seed"], "x": row["step"], "y": row[column]}
            for point, log in logged for row in log if _is_finite(row.get(column))
        ]  # fmt: skip
        if rows:
            said = "lower is better; mean over a batch of training samples, as logged"
            charts.append(Chart(f"curve-{column}", f"{name} ↓", said, _spec(sweep, rows), failed=False))
    return charts


def _spec(sweep: Sweep, rows: list[dict[str, Any]]) -> Spec:
    """The line under the pointer stands out of the others."""
    steps = {"format": "d", "tickCount": 4, "grid": False, "labelFlush": True}
    encoding = {
        "x": {"field": "x", "type": "quantitative", "title": "training step", "axis": steps},
        "y": {"field": "y", "type": "quantitative", "title": "loss", "axis": {"tickCount": 5},
              "scale": {"type": "log" if min(row["y"] for row in rows) > 0 else "linear", "nice": False}},
        "detail": {"field": "run", "type": "nominal"},
        "color": looks([point.settings["architecture"] for point in sweep.points])["color"],
    }  # fmt: skip
    at = [] if sweep.x.is_architecture else [tip("at", sweep.x.title)]
    tips = [tip("a", "architecture"), *at, tip("seed", "seed"), tip("x", "step", "d"), tip("y", "loss", ".4g"),
            tip("run", "run"), tip("status", "status")]  # fmt: skip
    under = {"type": "point", "on": "pointerover", "fields": ["run"], "clear": "pointerout"}
    pointed = {"condition": {"param": "pointed", "value": 0.85}, "value": 0.1}
    layers = [
        {"mark": {"type": "line", "strokeWidth": 1.4}, "encoding": {**encoding, "opacity": pointed}},
        {"mark": {"type": "point", "filled": True, "size": 60, "opacity": 0},
         "params": [{"name": "pointed", "select": under}], "encoding": {**encoding, "tooltip": tips}},
    ]  # fmt: skip
    return sized({"data": {"values": rows}, "layer": layers})


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _at(sweep: Sweep, point: Point) -> str:
    return sweep.x.text(point.settings.get(sweep.x.column))


def _log(point: Point) -> list[dict[str, Any]]:
    rows = StoredRun(point.run).read_metrics()
    return [row for row in rows if isinstance(row["step"], int) and row["step"] <= point.step]


def _thinned(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every k-th row, counted from the last."""
    stride = -(-len(rows) // POINTS) or 1
    return rows[::-1][::stride][::-1]
