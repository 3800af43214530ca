"""`report.html` of a results folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports import labels
from reports.colours import styles
from reports.page import charts, circumstances, curves, gallery, headline, records, vega
from reports.runs import Sweep, runs_frame
from reports.table import Table

if TYPE_CHECKING:
    import pandas as pd

HERE = Path(__file__).parent


def draw(folder: Path, sweep: Sweep, scores: pd.DataFrame, summary: pd.DataFrame, table: Table) -> dict[str, bytes]:
    """The page; the same runs, verdicts and library versions give the same bytes."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup  # ours, or made safe where it is made

    runs = runs_frame(sweep)
    scores, summary = _finite(scores, "value"), _finite(summary, "mean")
    drawn = {
        "metrics": charts.metrics(sweep, scores, summary),
        "curves": curves.draw(sweep),
    }
    origins = circumstances.origins(sweep)
    costs = _costs(sweep, scores, summary, runs)
    every = [*drawn["metrics"], *drawn["curves"], *(chart for group in costs.values() for chart in group)]
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"architecture": labels.architecture, "metric": labels.metric, "figure": _figure}
    page = environment.get_template("page.html").render(
        sweep=sweep,
        axis=labels.axis(sweep.x).removesuffix(" (%)"),
        facts=circumstances.facts(sweep, scores),
        verdicts=headline.verdicts(folder),
        winners=headline.winners(sweep, summary),
        one_seed=bool((summary["runs"] < 2).all()),
        absent=[origin for origin in origins if origin.status != "done"],
        table=table,
        charts=drawn,
        costs=costs,
        specs=Markup(_json({chart.key: chart.spec for chart in every})),
        looks=_looks(sweep),
        records=records.build(sweep, runs, scores),
        gallery=gallery.build(sweep),
        origins=origins,
        style=Markup((HERE / "page.css").read_text()),
        script=Markup((HERE / "page.js").read_text()),
        vega=Markup(vega.script()),
        versions=vega.versions(),
    )
    return {"report.html": page.encode("utf-8", "replace")}


def _finite(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Rows with a number: what has none cannot be drawn, and stands in the table of runs."""
    return frame[frame[column].abs() < float("inf")]


def _costs(sweep: Sweep, scores: pd.DataFrame, summary: pd.DataFrame, runs: pd.DataFrame) -> dict[str, list[Any]]:
    """Metric's heading -> its charts against every cost; a metric by several weights is left to the figures."""
    found = {}
    for name in sweep.y:
        mine = scores[scores["metric"] == name]
        if mine["weights"].nunique() != 1:
            continue
        joined = mine.rename(columns={"x": "at"}).merge(runs[["run_id", *charts.COSTS]], on="run_id")
        found[name] = charts.costs(sweep, name, summary, joined)
    return found


def _looks(sweep: Sweep) -> dict[str, tuple[str, str]]:
    """Architecture -> colour and the outline of its marker, for the legend."""
    chosen = styles(point.settings["architecture"] for point in sweep.points)
    return {name: (colour, charts.SHAPES[marker]) for name, (colour, marker) in chosen.items()}


def _figure(value: Any) -> str:
    """A number of `verdicts.json` in four digits; whatever else as it stands."""
    return f"{value:.4g}" if isinstance(value, (int, float)) else str(value)


def _json(content: Any) -> str:
    """JSON that may stand inside a script element."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
