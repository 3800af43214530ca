"""The figure of growth: a row of panels for every size, a column for every architecture."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.speed.growth import Point
from reports.figures.panels import plot_style
from reports.style.colours import styles
from reports.style.labels import architecture as named
from reports.style.output import rendered

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL = (2.9, 2.5)  # inches
GREY = "#6B6B6B"


def draw(points: Sequence[Point], about: str) -> dict[str, bytes]:
    """`growth.png` and `growth.svg`; ``about`` says what was held fixed, and where this was measured."""
    from matplotlib.figure import Figure

    rows = list(dict.fromkeys(point.grown for point in points))
    columns = list(dict.fromkeys(point.architecture for point in points))
    style, start_ms = styles(columns), statistics.median(point.start_ms for point in points)
    with plot_style():
        figure = Figure(figsize=(PANEL[0] * len(columns) + 0.4, PANEL[1] * len(rows) + 0.9))
        panels = figure.subplots(len(rows), len(columns), squeeze=False, sharey=True, sharex="row")
        for row, grown in zip(panels, rows, strict=True):
            for panel, name in zip(row, columns, strict=True):
                mine = [point for point in points if (point.grown, point.architecture) == (grown, name)]
                mine.sort(key=lambda point: point.size)
                ours, literal = ([start_ms * getattr(p, way)[0] for p in mine] for way in ("ours", "literal"))
                _curves(panel, mine, ours, literal, style[name])
                _numbers(panel, mine)
                if panel is panels[0, 0]:
                    _label(panel, "literal", (mine[1].size, literal[1]), (-4, 9), style[name][0], "right")
                    _label(panel, "ours", (mine[1].size, ours[1]), (6, -12), style[name][0], "left")
                panel.set_xlabel(grown)
            row[0].set_ylabel("ms a training step")
        for panel, name in zip(panels[0], columns, strict=True):
            panel.set_title(named(name), color=style[name][0], fontweight="bold", loc="left", pad=10)
        figure.suptitle("What a training step costs as it grows", x=0.012, ha="left", fontsize=14, fontweight="bold")
        figure.supxlabel(about, x=0.012, ha="left", fontsize=8.5, color=GREY)
        return {f"growth.{kind}": rendered(figure, kind) for kind in ("png", "svg")}


def _curves(
    panel: Axes, points: Sequence[Point], ours: Sequence[float], literal: Sequence[float], style: tuple[str, str]
) -> None:
    """Ours against literal, and how ours would grow if every token cost the same in any sequence."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    colour, marker = style
    sizes = [point.size for point in points]
    linear = [ours[0] * point.work / points[0].work for point in points]
    panel.set_xscale("log", base=2)
    panel.set_yscale("log")
    panel.plot(sizes, linear, color="#A8A8A8", linewidth=1, linestyle=(0, (1, 2)), zorder=1)
    panel.fill_between(sizes, ours, literal, color=colour, alpha=0.10, linewidth=0)
    (hollow,) = panel.plot(sizes, literal, color=colour, marker=marker, linestyle=(0, (4, 2)), linewidth=1.4)
    hollow.set_markerfacecolor("white")
    panel.plot(sizes, ours, color=colour, marker=marker)
    panel.set_xticks(sizes, [str(size) for size in sizes])
    panel.xaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.margins(x=0.12)


def _numbers(panel: Axes, points: Sequence[Point]) -> None:
    """Annotate the ratio at the largest size, and attention's share from the smallest to the largest."""
    said = f"{points[-1].over_literal[0]:.2f} of literal"
    shares = [f"{100 * point.attention_share:.0f}" for point in points if point.attention_share is not None]
    if shares:
        said += f"\nattention {' to '.join(dict.fromkeys((shares[0], shares[-1])))} % of FLOPs"
    panel.annotate(said, (0.98, 0.03), xycoords="axes fraction", ha="right", va="bottom", fontsize=8, color=GREY)


def _label(panel: Axes, text: str, at: tuple[float, float], shift: tuple[int, int], colour: str, side: str) -> None:
    panel.annotate(text, at, shift, textcoords="offset points", color=colour, fontsize=9, ha=side)
