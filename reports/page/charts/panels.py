"""The common parts of the page's charts: its looks, its axes, its hover texts. Charts are Vega-Lite."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.stored import selftest_marks
from reports.style import labels, scales
from reports.style.colours import styles

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


@dataclass(frozen=True)
class Chart:
    """A drawing, what stands above it, and its numbers in words for those who cannot see it."""

    key: str  # of the element that holds it
    title: str
    said: str
    spec: Spec
    failed: bool  # the metric, its self-test: it is drawn grey


def heading(first: pd.Series) -> str:
    """A metric's name with its direction in an arrow."""
    return f"{first['title']}\N{NO-BREAK SPACE}{labels.ARROWS.get(first['direction'], '')}".strip()


def footing(rows: pd.DataFrame) -> str:
    """Direction in words, unit, N and whose weights measured; first, whether that is to be believed."""
    first = rows.iloc[0]
    doubt = f"{selftest_marks.FAILED}, not to be believed; " if selftest_marks.failed(rows["note"]) else ""
    better = f"{first['direction']} is better; " if first["direction"] in labels.ARROWS else ""
    counts = list(dict.fromkeys(rows["n"]))
    whose = f"; measured by {labels.weights(first['weights'])}" if first["weights"] else ""
    return f"{doubt}{better}{first['unit']}; N = {' or '.join(counts)}{whose}"


def measure(summary: pd.DataFrame) -> Spec:
    """The axis of one metric's values."""
    found = scales.scale(summary)
    scale: Spec = {"zero": found.low == 0, "nice": True}
    if found.logarithmic:
        scale = {"type": "log", "nice": False}
    elif found.high is not None:
        scale = {"domain": [found.low, found.high], "zero": False, "nice": False}
    lines = scales.label(summary)
    title = lines if len(lines) > 1 else lines[0]
    return {"field": "y", "type": "quantitative", "title": title, "scale": scale, "axis": {"tickCount": 5}}


def looks(architectures: Iterable[str]) -> Spec:
    """Colour and marker of each; the page's own legend explains them once."""
    chosen = styles(architectures)
    names = [labels.architecture(name) for name in chosen]
    colours = [colour for colour, _ in chosen.values()]
    shapes = [SHAPES[marker] for _, marker in chosen.values()]
    return {
        "color": {"field": "a", "type": "nominal", "scale": {"domain": names, "range": colours}, "legend": None},
        "shape": {"field": "a", "type": "nominal", "scale": {"domain": names, "range": shapes}, "legend": None},
    }


def tip(field: str, title: str, shape: str = "") -> Spec:
    number = {"type": "quantitative", "format": shape} if shape else {"type": "nominal"}
    return {"field": field, "title": title, **number}


def sized(spec: Spec) -> Spec:
    """As wide as its place on the page."""
    schema = "https://vega.github.io/schema/vega-lite/v6.json"
    sized = {"width": "container", "height": 220, "autosize": {"type": "fit-x", "contains": "padding"}}
    return {"$schema": schema, **sized, **spec, "config": CONFIG}
