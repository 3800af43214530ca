"""The sweep's figure: one panel a metric, one colour an architecture, with the spread of its seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reports.figures.panels import FAINT, PANEL, PANELS_A_ROW, panels, plot_style, scale, title
from reports.stored.declared import Axis
from reports.stored.runs import Sweep
from reports.style import labels
from reports.style.colours import styles
from reports.style.output import KINDS, rendered
from reports.style.scales import on_axis

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

DODGE = 0.012  # of the x range between two architectures, so that equal values do not hide each other
ARM = 0.28  # inches of a row of dots at least
REFERENCES = {"chance": ("chance (a guess)", (0, (5, 3))), "ceiling": ("ceiling (a perfect model)", (0, (1, 2)))}


def draw(sweep: Sweep, scores: pd.DataFrame, summary: pd.DataFrame) -> dict[str, bytes]:
    """`figure.png` (200 dpi), `figure.pdf` and `figure.svg`; nothing where no metric to plot has been measured yet."""
    plotted = summary[summary["metric"].isin(sweep.y)]
    measures = [m for name in sweep.y for m in dict.fromkeys(zip(plotted["metric"], plotted["weights"], strict=True))
                if m[0] == name]  # fmt: skip
    if not measures:
        return {}
    with plot_style():
        arms = summary["architecture"].nunique() if sweep.x.is_architecture else 0
        figure, axes = panels(len(measures), height=max(PANEL[1], ARM * arms))
        columns = min(len(measures), PANELS_A_ROW)
        for place, (panel, (name, whose)) in enumerate(zip(axes, measures, strict=True)):
            mine = summary[(summary["metric"] == name) & (summary["weights"] == whose)]
            runs = scores[(scores["metric"] == name) & (scores["weights"] == whose)]
            title(panel, mine)
            if sweep.x.is_architecture:
                _dots(panel, mine, runs, names=place % columns == 0)
            else:
                _lines(panel, sweep.x, mine, runs)
        entries: dict[str, Artist] = {}
        for panel in axes:
            for handle, name in zip(*panel.get_legend_handles_labels(), strict=True):
                entries.setdefault(name, handle)
        names = sorted(entries, key=lambda name: "(" in name)  # chance and ceiling last
        if names:
            handles = [entries[name] for name in names]
            figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 2 * columns))
        return {f"figure.{kind}": rendered(figure, kind) for kind in KINDS}


def _lines(panel: Axes, x: Axis, summary: pd.DataFrame, runs: pd.DataFrame) -> None:
    """Means joined by a line; a band from the smallest to the largest seed, and the seeds as small points."""
    style = styles(summary["architecture"])
    ticks = sorted(set(summary["x"]))
    width = (ticks[-1] - ticks[0]) or 1
    names = list(dict.fromkeys(summary["architecture"]))
    for place, name in enumerate(names):
        colour, marker = style[name]
        group = summary[summary["architecture"] == name].sort_values("x")
        shift = DODGE * width * (place - (len(names) - 1) / 2)
        panel.plot(group["x"] + shift, group["mean"], color=colour, marker=marker, label=labels.architecture(name))
        if (group["runs"] > 1).any():
            panel.fill_between(group["x"] + shift, group["min"], group["max"], color=colour, alpha=0.15, linewidth=0)
            mine = runs[runs["architecture"] == name]
            panel.plot(mine["x"] + shift, mine["value"], ".", color=colour, markersize=3, alpha=0.6)
    for value, look in _references(summary):
        panel.axhline(value, **look)
    panel.set_xlabel(x.label)
    panel.set_xticks(ticks, [f"{100 * tick:.0f}" if x.unit == "%" else f"{tick:g}" for tick in ticks])
    scale(panel, "y", summary)


def _references(summary: pd.DataFrame) -> list[tuple[float, dict[str, Any]]]:
    """Chance and ceiling, and how their lines look; those that are off the axis stand at its ends."""
    looks = {"color": "#777777", "linewidth": 1.2, "zorder": 1}
    return [(value, looks | dict(zip(("label", "linestyle"), REFERENCES[name], strict=True)))
            for name, value in on_axis(summary).items()]  # fmt: skip


def _dots(panel: Axes, summary: pd.DataFrame, runs: pd.DataFrame, names: bool) -> None:
    """A row an architecture: the mean, a bar from the smallest to the largest seed, and the seeds as small points."""
    style = styles(summary["architecture"])
    rows = summary.to_dict("records")
    for place, one in enumerate(rows):
        colour, marker = style[one["architecture"]]
        panel.hlines(place, one["min"], one["max"], color=colour, linewidth=1.5)
        panel.plot(one["mean"], place, color=colour, marker=marker, markersize=7)
        if one["runs"] > 1:
            mine = runs.loc[runs["architecture"] == one["architecture"], "value"]
            panel.plot(mine, [place + 0.25] * len(mine), ".", color=colour, markersize=4, alpha=0.7)
    for value, look in _references(summary):
        panel.axvline(value, **look)
    panel.set_ylim(len(rows) - 0.3, -0.5)  # room for words below
    panel.set_yticks(range(len(rows)), [labels.architecture(one["architecture"]) if names else "" for one in rows])
    for tick, one in zip(panel.get_yticklabels(), rows, strict=True):
        tick.set_color(FAINT if labels.is_control(one["architecture"]) else "black")
    panel.tick_params(axis="y", length=0)
    panel.grid(visible=False, axis="y")
    scale(panel, "x", summary)
