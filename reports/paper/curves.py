"""Quality along training: a panel a metric and its x axis, a line a value of the setting that is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reports.figures.panels import panels, scale, title
from reports.paper.definitions import Definition
from reports.stored import declared
from reports.stored.declared import Axis
from reports.stored.settings import Run
from reports.style.colours import Style, ordered, styles
from reports.tables.summary import joined

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COSTS = ("train_seconds", "train_flops")


def along(definition: Definition, runs: list[Run]) -> pd.DataFrame:
    """One row a value of what is compared, a step, a metric and its weights: means over seeds of it and of the axes."""
    import pandas as pd

    metrics = dict.fromkeys(panel["metric"] for panel in definition.panels)
    tokens = (name for run in runs for name in run.point.result.get("seen", {}) if name.endswith("_tokens"))
    against = dict.fromkeys([*tokens, *COSTS])
    rows = []
    for run in runs:
        result = run.point.result
        axes = {"step": run.point.step, **result.get("seen", {}), **result.get("cost", {})}
        here = {"by": run.settings[definition.by], "seed": run.settings["seed"]}
        here |= {name: axes.get(name) for name in ("step", *against)}
        for metric in metrics:
            if score := result["metrics"].get(metric):
                facts = {name: score[name] for name in ("value", "n", "title", "direction", "unit", "note")}
                rows.append(here | {"metric": metric, "weights": score["weights"] or ""} | facts)
    if not rows:
        return pd.DataFrame()
    axes_means = {name: (name, "mean") for name in against}
    return (
        pd.DataFrame(rows)
        .groupby(["metric", "weights", "by", "step"])
        .agg(
            mean=("value", "mean"), sd=("value", "std"), min=("value", "min"), max=("value", "max"),
            seeds=("seed", "nunique"), n=("n", "first"), direction=("direction", "first"), unit=("unit", "first"),
            title=("title", "first"), note=("note", joined),
            **axes_means,
        )
        .reset_index()
    )  # fmt: skip


def draw(definition: Definition, runs: list[Run], frame: pd.DataFrame) -> Figure | None:
    """None where none of the panels has a number against its axis."""
    shown = [(panel, mine) for panel in definition.panels if not (mine := _of(frame, panel)).empty]
    if not shown:
        return None
    figure, axes = panels(len(shown))
    known = declared.axes(run.point.result for run in runs)
    by = declared.axis(definition.by, known)
    style = _styles(by, frame["by"])
    for panel, (what, mine) in zip(axes, shown, strict=True):
        _lines(panel, by, declared.axis(what["against"], known), mine, style)
    handles, names = axes[0].get_legend_handles_labels()
    heading = None if by.is_architecture else by.title
    figure.legend(handles, names, title=heading, loc="outside lower center", ncols=min(len(names), 2 * len(axes)))
    return figure


def _of(frame: pd.DataFrame, panel: dict[str, str]) -> pd.DataFrame:
    """The points of one panel. A task that was not trained has no tokens, and no place on that axis."""
    if frame.empty:
        return frame
    mine = frame[(frame["metric"] == panel["metric"]) & frame[panel["against"]].notna() & (frame[panel["against"]] > 0)]
    return mine[mine["weights"] == mine["weights"].min()]


def _lines(panel: Axes, by: Axis, against: Axis, mine: pd.DataFrame, style: dict[Any, Style]) -> None:
    """Means joined along training; a band from the smallest to the largest seed."""
    from matplotlib.ticker import EngFormatter

    title(panel, mine)
    for value, (colour, marker) in style.items():
        line = mine[mine["by"] == value].sort_values(against.column)
        panel.plot(line[against.column], line["mean"], color=colour, marker=marker, label=by.text(value))
        if (line["seeds"] > 1).any():
            panel.fill_between(line[against.column], line["min"], line["max"], color=colour, alpha=0.15, linewidth=0)
    panel.set_xlabel(against.label)
    panel.set_xlim(left=0)
    panel.xaxis.set_major_formatter(EngFormatter(sep=""))
    scale(panel, "y", mine)


def _styles(by: Axis, values: pd.Series) -> dict[Any, Style]:
    return styles(values) if by.is_architecture else ordered(values)
