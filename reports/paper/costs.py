"""Quality against cost: a panel a metric and a cost, a point a run; the line joins what nothing else beats at both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.figures.panels import panels, scale, title
from reports.paper.definitions import Definition
from reports.stored.declared import GENERAL
from reports.stored.settings import Run
from reports.style import labels
from reports.style.colours import styles

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def table(definition: Definition, runs: list[Run]) -> pd.DataFrame:
    """One row a run and a metric: architecture, seed, the costs and the value; `front` marks means nothing beats."""
    import pandas as pd

    rows = []
    for run in runs:
        result = run.point.result
        costs = {name: result.get("cost", {}).get(name) for name in definition.costs}
        here = {"architecture": result["architecture"], "seed": result["seed"], **costs}
        for metric in definition.metrics:
            if score := result["metrics"].get(metric):
                facts = {name: score[name] for name in ("value", "n", "title", "direction", "unit", "note")}
                rows.append(here | {"metric": metric, "weights": score["weights"] or ""} | facts)
    return pd.DataFrame(rows)


def draw(definition: Definition, frame: pd.DataFrame) -> Figure | None:
    """A row of panels a metric, a column a cost. None where nothing was measured."""
    shown = [metric for metric in definition.metrics if not frame.empty and (frame["metric"] == metric).any()]
    if not shown:
        return None
    figure, axes = panels(len(shown) * len(definition.costs), columns=len(definition.costs))
    for place, panel in enumerate(axes):
        metric, cost = shown[place // len(definition.costs)], definition.costs[place % len(definition.costs)]
        _points(panel, cost, frame[frame["metric"] == metric])
    line, *points = zip(*axes[0].get_legend_handles_labels(), strict=True)
    handles, names = zip(*points, line, strict=True)
    figure.legend(handles, names, loc="outside lower center", ncols=len(names))
    return figure


def front(means: pd.DataFrame, cost: str) -> pd.DataFrame:
    """The rows, by cost, that no other beats at both `cost` (less is better) and `value` (by its direction)."""
    lower = means["direction"].iloc[0] == "lower"
    ranked = means.sort_values([cost, "value"], ascending=[True, lower])
    best = ranked["value"].cummin() if lower else ranked["value"].cummax()
    return ranked[(ranked["value"] == best) & ~best.duplicated()]


def _points(panel: Axes, cost: str, mine: pd.DataFrame) -> None:
    from matplotlib.ticker import EngFormatter

    title(panel, mine)
    means = mine.groupby("architecture", as_index=False).agg(
        **{cost: (cost, "mean"), "value": ("value", "mean"), "direction": ("direction", "first")}
    )
    best = front(means, cost)
    panel.step(best[cost], best["value"], where="post", color="#999999", linewidth=1.2, label="no one better at both")
    for name, (colour, marker) in styles(mine["architecture"]).items():
        runs, mean = mine[mine["architecture"] == name], means[means["architecture"] == name]
        panel.plot(runs[cost], runs["value"], ".", color=colour, markersize=4, alpha=0.6)
        panel.plot(mean[cost], mean["value"], marker, color=colour, markersize=7, label=labels.architecture(name))
    panel.set_xlabel(GENERAL[cost].label)
    panel.xaxis.set_major_formatter(EngFormatter(sep=""))
    panel.set_xlim(0, 1.1 * mine[cost].max())
    scale(panel, "y", mine.assign(min=mine["value"], max=mine["value"]))
