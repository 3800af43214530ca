"""`report.html` of a results folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.page import (
    along_axis,
    both_rates,
    circumstances,
    cost_table,
    provenance,
    records,
    side_by_side,
    verdict_cards,
    winners,
)
from reports.page.both_rates import BothRates
from reports.page.charts import costs as cost_charts
from reports.page.charts import learning, metrics, panels, vega
from reports.stored.runs import Sweep
from reports.style import labels
from reports.style.colours import styles
from reports.tables.table import Table
from reports.verdicts import study
from reports.verdicts.axis import MainEffect
from reports.verdicts.cells import HEADS
from reports.verdicts.judging import Verdict
from reports.verdicts.text import LOOKS, METHOD, of_effects

if TYPE_CHECKING:
    import pandas as pd

TEMPLATE = Path(__file__).with_name("template")


def draw(
    sweep: Sweep,
    runs: pd.DataFrame,
    scores: pd.DataFrame,
    summary: pd.DataFrame,
    table: Table,
    verdicts: Sequence[Verdict],
    effects: Sequence[MainEffect],
    until: study.Looks | None = None,
    both: BothRates | None = None,
) -> dict[str, bytes]:
    """The page; the same runs, claims and library versions give the same bytes."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup  # ours, or made safe where it is made

    along, by_cost = metrics.draw(sweep, scores, summary), cost_charts.draw(sweep, runs, scores, summary)
    curves = learning.draw(sweep)
    every = [*along, *curves, *(chart for group in by_cost.values() for chart in group)]
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["architecture"] = labels.architecture
    environment.tests["control"] = labels.is_control
    page = environment.get_template("page.html").render(
        sweep=sweep,
        axis=sweep.x.title,
        cards=verdict_cards.cards(sweep, verdicts),
        heads=HEADS,
        method=f"{METHOD} {LOOKS}" if until else METHOD,
        until=study.summary(until) if until else [],
        by_effect=[line.removeprefix("- ") for line in of_effects(sweep, until) if line],
        contests=winners.contests(sweep, summary),
        along=along_axis.build(sweep, summary, effects),
        one_seed=bool((summary["runs"] < 2).all()),
        costs=cost_table.build(runs),
        cost_columns=cost_table.COLUMNS,
        facts=circumstances.facts(sweep, scores),
        meanings=circumstances.meanings(sweep),
        absent=[point for point in sweep.points if point.status != "done"],
        table=table,
        both=both,
        both_said=both_rates.SAID,
        metric_charts=along,
        cost_charts=by_cost,
        curves=curves,
        specs=Markup(_json({chart.key: chart.spec for chart in every})),
        looks=_looks(sweep),
        records=records.build(sweep, runs, scores),
        gallery=side_by_side.build(sweep),
        origins=provenance.origins(sweep),
        style=Markup((TEMPLATE / "page.css").read_text(encoding="utf-8")),
        script=Markup((TEMPLATE / "page.js").read_text(encoding="utf-8")),
        vega=Markup(vega.script()),
        versions=vega.versions(),
    )
    return {"report.html": page.encode("utf-8", "replace")}


def _looks(sweep: Sweep) -> dict[str, tuple[str, str]]:
    """Architecture -> colour and the outline of its marker, for the legend."""
    chosen = styles(point.settings["architecture"] for point in sweep.points)
    return {name: (colour, panels.SHAPES[marker]) for name, (colour, marker) in chosen.items()}


def _json(content: Any) -> str:
    """JSON that may stand inside a script element."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
