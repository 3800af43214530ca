"""Metrics along the sweep's axis, or an architecture a row, with the spread of the seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reports.figures.figure import DODGE
from reports.page.charts.panels import INK, Chart, Spec, footing, heading, looks, measure, sized, tip
from reports.stored import selftest_marks
from reports.stored.declared import Axis
from reports.stored.runs import Sweep
from reports.style import labels, scales

if TYPE_CHECKING:
    import pandas as pd


def draw(sweep: Sweep, scores: pd.DataFrame, summary: pd.DataFrame) -> list[Chart]:
    """A chart a metric and set of weights, as the sweep's `plot.y` orders them."""
    pairs = dict.fromkeys(zip(summary["metric"], summary["weights"], strict=True))
    charts: list[Chart] = []
    for name, whose in [pair for wanted in sweep.y for pair in pairs if pair[0] == wanted]:
        mine = summary[(summary["metric"] == name) & (summary["weights"] == whose)]
        runs = scores[(scores["metric"] == name) & (scores["weights"] == whose)]
        kind = _dots if sweep.x.is_architecture else _lines
        key = f"metric-{len(charts)}"
        spec, failed = kind(sweep.x, mine, runs), selftest_marks.failed(mine["note"])
        off = [f"{level} {value:.3g}, below the axis" for level, value in scales.below(mine).items()]
        off += [f"{level} {value:.3g}, above the axis" for level, value in scales.above(mine).items()]
        said = "; ".join([footing(mine), *off])
        charts.append(Chart(key, heading(mine.iloc[0]), said, spec, failed))
    return charts


def _lines(x: Axis, summary: pd.DataFrame, runs: pd.DataFrame) -> Spec:
    """Means joined by lines, the seeds as small points, a bar from the smallest to the largest seed."""
    scale = x.factor
    ticks = sorted({scale * float(value) for value in summary["x"]})
    names = list(dict.fromkeys(summary["architecture"]))
    width = (ticks[-1] - ticks[0]) or 1
    shift = {name: DODGE * width * (place - (len(names) - 1) / 2) for place, name in enumerate(names)}
    rows = [_row(row, scale * float(row["x"]) + shift[row["architecture"]], x) for row in summary.to_dict("records")]
    seeds = [
        {"a": labels.architecture(row["architecture"]), "x": scale * float(row["x"]) + shift[row["architecture"]],
         "y": row["value"], "seed": row["seed"], "n": row["n"], "run": row["run_id"]}
        for row in runs.to_dict("records")
    ]  # fmt: skip
    across = {"field": "x", "type": "quantitative", "title": x.label,
              "scale": {"domain": [ticks[0], ticks[-1]], "padding": 12, "nice": False, "zero": False},
              "axis": {"values": ticks, "grid": False, "labelOverlap": True}}  # fmt: skip
    style = looks(summary["architecture"])
    up = measure(summary)
    layers = [
        *_references(summary, "y"),
        {"data": {"values": rows}, "mark": {"type": "line", "strokeWidth": 2},
         "encoding": {"x": across, "y": up, "color": style["color"]}},
        *_spread(rows, {"x": across, "y": {**up, "field": "low"}, "y2": {"field": "high"}, "color": style["color"]}),
        *_seeds(seeds, rows, {"x": across, "y": up, "color": style["color"]}),
        {"data": {"values": rows}, "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
         "encoding": {"x": across, "y": up, **style, "tooltip": _tips(x)}},
    ]  # fmt: skip
    return sized({"layer": layers})


def _dots(x: Axis, summary: pd.DataFrame, runs: pd.DataFrame) -> Spec:
    """A row an architecture: the mean, a bar from the smallest to the largest seed, the seeds as small points."""
    rows = [_row(row, labels.architecture(row["architecture"]), x) for row in summary.to_dict("records")]
    seeds = [
        {"a": labels.architecture(row["architecture"]), "y": row["value"], "seed": row["seed"], "n": row["n"],
         "run": row["run_id"]}
        for row in runs.to_dict("records")
    ]  # fmt: skip
    down = {"field": "a", "type": "nominal", "title": None, "sort": [row["a"] for row in rows],
            "axis": {"grid": False, "ticks": False, "domain": False}}  # fmt: skip
    style = looks(summary["architecture"])
    along = measure(summary)
    layers = [
        *_references(summary, "x"),
        *_spread(rows, {"y": down, "x": {**along, "field": "low"}, "x2": {"field": "high"}, "color": style["color"]}),
        *_seeds(seeds, rows, {"y": down, "x": along, "color": style["color"], "yOffset": {"value": 32}}),
        {"data": {"values": rows}, "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
         "encoding": {"y": down, "x": along, **style, "tooltip": _tips(x)}},
    ]  # fmt: skip
    return sized({"layer": layers}) | {"height": 40 * len(rows)}


def _row(row: dict[Any, Any], x: Any, axis: Axis) -> dict[str, Any]:
    """One mean with what its hover says."""
    spread = "one seed: no spread"
    if row["runs"] > 1:
        spread = f"± {row['sd']:.3g} (s.d.), {row['min']:.4g} to {row['max']:.4g}"
    return {
        "a": labels.architecture(row["architecture"]), "x": x, "at": axis.text(row["x"]),
        "y": row["mean"], "low": row["min"], "high": row["max"], "spread": spread, "seeds": row["seeds"],
        "n": row["n"], "unit": row["unit"],
    }  # fmt: skip


def _spread(rows: list[dict[str, Any]], encoding: Spec) -> list[Spec]:
    several = [row for row in rows if row["low"] < row["high"]]
    bar = {"data": {"values": several}, "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.55}}
    return [{**bar, "encoding": encoding}] if several else []


def _seeds(seeds: list[dict[str, Any]], rows: list[dict[str, Any]], encoding: Spec) -> list[Spec]:
    if len(seeds) == len(rows):
        return []  # one seed each: the mean is the run
    tips = [tip("a", "architecture"), tip("y", "value", ".4g"), tip("seed", "seed"), tip("n", "N"), tip("run", "run")]
    mark = {"type": "point", "filled": True, "size": 16, "opacity": 0.7, "shape": "circle"}
    return [{"data": {"values": seeds}, "mark": mark, "encoding": {**encoding, "tooltip": tips}}]


def _references(summary: pd.DataFrame, channel: str) -> list[Spec]:
    """Chance and ceiling as dashed lines that say their name and value."""
    layers: list[Spec] = []
    shown = scales.on_axis(summary)
    for level, dash in (("chance", [6, 4]), ("ceiling", [2, 3])):
        if level not in shown:
            continue
        values = summary[level].dropna()
        value, low, high = float(values.mean()), float(values.min()), float(values.max())
        place = {channel: {"datum": value, "type": "quantitative", "scale": measure(summary)["scale"]}}
        text = {"type": "text", "text": level, "color": INK, "opacity": 0.7, "fontSize": 11}
        where = {"x": {"value": "width"}, **place} if channel == "y" else {"y": {"value": 0}, **place}
        text |= {"align": "right", "dy": -6} if channel == "y" else {"align": "center", "dy": -6}
        said = f"{level}: {low:.4g}" + (f" to {high:.4g}" if low < high else "")
        rule = {"type": "rule", "color": INK, "opacity": 0.6, "strokeDash": dash}
        layers.append({"data": {"values": [{}]}, "mark": rule, "encoding": {**place, "tooltip": {"value": said}}})
        layers.append({"data": {"values": [{}]}, "mark": text, "encoding": where})
    return layers


def _tips(x: Axis) -> list[Spec]:
    at = [] if x.is_architecture else [tip("at", x.title)]
    return [tip("a", "architecture"), *at, tip("y", "mean", ".4g"), tip("spread", "spread"), tip("unit", "unit"),
            tip("n", "N"), tip("seeds", "seeds")]  # fmt: skip
