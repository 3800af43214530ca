"""Charts as Vega-Lite: metrics along the sweep's axis, and quality against cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports import labels
from reports.colours import styles
from reports.figure import DODGE, LOGARITHMIC_FROM
from reports.runs import Sweep

if TYPE_CHECKING:
    import pandas as pd

Spec = dict[str, Any]

SHAPES = {  # matplotlib's markers as paths in a square from -1 to 1
    "o": "M-.9,0A.9,.9,0,1,1,.9,0A.9,.9,0,1,1,-.9,0Z", "s": "M-.8,-.8H.8V.8H-.8Z", "^": "M0,-.9L.95,.8H-.95Z",
    "D": "M0,-1L1,0L0,1L-1,0Z", "v": "M0,.9L.95,-.8H-.95Z", "<": "M-.9,0L.8,-.95V.95Z", ">": "M.9,0L-.8,-.95V.95Z",
    "P": "M-.35,-1H.35V-.35H1V.35H.35V1H-.35V.35H-1V-.35H-.35Z",
    "X": "M-1,-.6L-.6,-1L0,-.4L.6,-1L1,-.6L.4,0L1,.6L.6,1L0,.4L-.6,1L-1,.6L-.4,0Z",
    "*": "M0,-1L.25,-.3L1,-.3L.4,.15L.6,.9L0,.45L-.6,.9L-.4,.15L-1,-.3L-.25,-.3Z",
}  # fmt: skip
INK = "currentColor"  # of the page: light or dark
CONFIG: Spec = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK, "titleColor": INK, "domainColor": INK, "tickColor": INK, "gridColor": INK,
        "domainOpacity": 0.5, "tickOpacity": 0.5, "gridOpacity": 0.12, "titleFontWeight": "normal",
        "labelFontSize": 12, "titleFontSize": 12,
    },
}  # fmt: skip
COSTS = {
    "trainable_params": "trainable parameters",
    "train_flops": "training FLOPs",
    "train_seconds": "training seconds",
    "peak_memory_mb": "peak memory (MB)",
}


@dataclass(frozen=True)
class Chart:
    """A drawing, what stands above it, and its numbers in words for those who cannot see it."""

    key: str  # of the element that holds it
    title: str
    said: str
    spec: Spec


def metrics(sweep: Sweep, scores: pd.DataFrame, summary: pd.DataFrame) -> list[Chart]:
    """A chart a metric and set of weights, as the sweep's `plot.y` orders them."""
    pairs = dict.fromkeys(zip(summary["metric"], summary["weights"], strict=True))
    charts: list[Chart] = []
    for name, whose in [pair for wanted in sweep.y for pair in pairs if pair[0] == wanted]:
        mine = summary[(summary["metric"] == name) & (summary["weights"] == whose)]
        runs = scores[(scores["metric"] == name) & (scores["weights"] == whose)]
        draw = _dots if sweep.x == "architecture" else _lines
        key = f"metric-{len(charts)}"
        charts.append(Chart(key, heading(mine.iloc[0]), footing(mine), draw(sweep.x, mine, runs)))
    return charts


def costs(sweep: Sweep, metric: str, summary: pd.DataFrame, costs: pd.DataFrame) -> list[Chart]:
    """One metric's runs against every cost. `costs` has a row a run and the metric's `value`."""
    charts: list[Chart] = []
    first = summary[summary["metric"] == metric].iloc[0]
    for column, name in COSTS.items():
        if column not in costs or costs[column].isna().all():
            continue
        rows = [
            {"a": labels.architecture(row["architecture"]), "x": float(row[column]), "y": float(row["value"]),
             "run": row["run_id"], "seed": int(row["seed"]), "at": _at(sweep, row["at"]), "n": int(row["n"])}
            for row in costs[costs[column].notna()].to_dict("records")
        ]  # fmt: skip
        tips = [tip("a", "architecture"), tip("y", labels.metric(metric), ".4g"), tip("x", name, ".4~s"),
                tip("at", labels.axis(sweep.x)), tip("seed", "seed"), tip("n", "N"), tip("run", "run")]  # fmt: skip
        encoding = {
            "x": {"field": "x", "type": "quantitative", "title": name, "axis": {"format": "~s", "tickCount": 4},
                  "scale": {"zero": True, "nice": True}},
            "y": _measure(first, summary[summary["metric"] == metric]),
            **looks(costs["architecture"]), "tooltip": tips,
        }  # fmt: skip
        mark = {"type": "point", "filled": True, "size": 70, "opacity": 0.85}
        spec = sized({"data": {"values": rows}, "mark": mark, "encoding": encoding})
        title = f"{heading(first)} against {name} ↓"
        charts.append(Chart(f"cost-{metric}-{column}", title, footing_of_cost(column), spec))
    return charts


def footing_of_cost(column: str) -> str:
    """What a cost counts."""
    said = {
        "trainable_params": "parameters that training changes",
        "train_flops": "the equations' multiplications and additions over the whole training",
        "train_seconds": "wall clock of that machine: other work on it shows",
        "peak_memory_mb": "most memory that the process held",
    }
    return said[column]


def heading(first: pd.Series) -> str:
    """A metric's name with its direction in an arrow."""
    return f"{labels.metric(first['metric'])} {labels.ARROWS.get(first['direction'], '')}".strip()


def footing(rows: pd.DataFrame) -> str:
    """Direction in words, unit, N and whose weights measured."""
    first = rows.iloc[0]
    better = f"{first['direction']} is better; " if first["direction"] in labels.ARROWS else ""
    counts = list(dict.fromkeys(rows["n"]))
    whose = f"; measured by {labels.weights(first['weights'])}" if first["weights"] else ""
    return f"{better}{first['unit']}; N = {' or '.join(counts)}{whose}"


def _lines(x: str, summary: pd.DataFrame, runs: pd.DataFrame) -> Spec:
    """Means joined by lines, the seeds as small points, a bar from the smallest to the largest seed."""
    scale = 100 if x in labels.FRACTIONS else 1
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
    across = {"field": "x", "type": "quantitative", "title": labels.axis(x),
              "scale": {"domain": [ticks[0], ticks[-1]], "padding": 12, "nice": False, "zero": False},
              "axis": {"values": ticks, "grid": False, "labelOverlap": True}}  # fmt: skip
    style = looks(summary["architecture"])
    up = _measure(summary.iloc[0], summary)
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


def _dots(x: str, summary: pd.DataFrame, runs: pd.DataFrame) -> Spec:
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
    along = _measure(summary.iloc[0], summary)
    layers = [
        *_references(summary, "x"),
        *_spread(rows, {"y": down, "x": {**along, "field": "low"}, "x2": {"field": "high"}, "color": style["color"]}),
        *_seeds(seeds, rows, {"y": down, "x": along, "color": style["color"], "yOffset": {"value": 32}}),
        {"data": {"values": rows}, "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
         "encoding": {"y": down, "x": along, **style, "tooltip": _tips(x)}},
    ]  # fmt: skip
    return sized({"layer": layers}) | {"height": 40 * len(rows)}


def _row(row: dict[Any, Any], x: Any, axis: str) -> dict[str, Any]:
    """One mean with what its hover says."""
    spread = "one seed: no spread"
    if row["runs"] > 1:
        spread = f"± {row['sd']:.3g} (s.d.), {row['min']:.4g} to {row['max']:.4g}"
    return {
        "a": labels.architecture(row["architecture"]), "x": x, "at": labels.axis_value(axis, row["x"]),
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
    for level, dash in (("chance", [6, 4]), ("ceiling", [2, 3])):
        values = summary[level].dropna()
        if values.empty:
            continue
        value, low, high = float(values.mean()), float(values.min()), float(values.max())
        place = {channel: {"datum": value, "type": "quantitative"}}
        text = {"type": "text", "text": level, "color": INK, "opacity": 0.7, "fontSize": 11}
        where = {"x": {"value": "width"}, **place} if channel == "y" else {"y": {"value": 0}, **place}
        text |= {"align": "right", "dy": -6} if channel == "y" else {"align": "center", "dy": -6}
        said = f"{level}: {low:.4g}" + (f" to {high:.4g}" if low < high else "")
        rule = {"type": "rule", "color": INK, "opacity": 0.6, "strokeDash": dash}
        layers.append({"data": {"values": [{}]}, "mark": rule, "encoding": {**place, "tooltip": {"value": said}}})
        layers.append({"data": {"values": [{}]}, "mark": text, "encoding": where})
    return layers


def _measure(first: pd.Series, summary: pd.DataFrame) -> Spec:
    """A share from 0 to 1 whole; a distance that spans orders of magnitude logarithmic, any other from 0."""
    low, high = float(summary["min"].min()), float(summary["max"].max())
    scale: Spec = {"zero": False, "nice": True}
    if first["direction"] == "lower" and low > 0 and high / low > LOGARITHMIC_FROM:
        scale = {"type": "log", "nice": False}
    elif first["direction"] == "lower" and low >= 0:
        scale["zero"] = True
    elif first["unit"].startswith("share"):
        scale = {"domain": [0, 1.05], "nice": False}
    return {"field": "y", "type": "quantitative", "title": first["unit"], "scale": scale, "axis": {"tickCount": 5}}


def looks(architectures: Iterable[str]) -> Spec:
    """The house's colour and marker of each; the page's own legend explains them once."""
    chosen = styles(architectures)
    names = [labels.architecture(name) for name in chosen]
    colours = [colour for colour, _ in chosen.values()]
    shapes = [SHAPES[marker] for _, marker in chosen.values()]
    return {
        "color": {"field": "a", "type": "nominal", "scale": {"domain": names, "range": colours}, "legend": None},
        "shape": {"field": "a", "type": "nominal", "scale": {"domain": names, "range": shapes}, "legend": None},
    }


def _tips(x: str) -> list[Spec]:
    at = [] if x == "architecture" else [tip("at", labels.axis(x).removesuffix(" (%)"))]
    return [tip("a", "architecture"), *at, tip("y", "mean", ".4g"), tip("spread", "spread"), tip("unit", "unit"),
            tip("n", "N"), tip("seeds", "seeds")]  # fmt: skip


def tip(field: str, title: str, shape: str = "") -> Spec:
    number = {"type": "quantitative", "format": shape} if shape else {"type": "nominal"}
    return {"field": field, "title": title, **number}


def _at(sweep: Sweep, x: Any) -> str:
    return labels.axis_value(sweep.x, x)


def sized(spec: Spec) -> Spec:
    """As wide as its place on the page."""
    schema = "https://vega.github.io/schema/vega-lite/v6.json"
    sized = {"width": "container", "height": 220, "autosize": {"type": "fit-x", "contains": "padding"}}
    return {"$schema": schema, **sized, **spec, "config": CONFIG}
