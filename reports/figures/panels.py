"""Panels of figures in the plot style, their titles and their scales."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from reports.stored import selftest_marks
from reports.style import labels, scales

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE = Path(__file__).parents[1] / "style" / "plot.mplstyle"
PANEL = (3.5, 3.1)  # inches
PANELS_A_ROW = 3
FAINT, VEIL = "#999999", "#EEEEEE"  # of a metric that failed its self-test


@contextmanager
def plot_style() -> Iterator[None]:
    """The style sheet that every figure is made and saved in."""
    import matplotlib.style

    with matplotlib.style.context(STYLE):
        yield


def panels(count: int, columns: int = PANELS_A_ROW, height: float = PANEL[1]) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels, in rows of at most `columns`; `height` of each in inches."""
    from matplotlib.figure import Figure

    columns = min(count, columns)
    rows = -(-count // columns)
    figure = Figure(figsize=(PANEL[0] * columns, height * rows + 0.4))
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel in axes[count:]:
        panel.set_visible(False)
    return figure, axes[:count]


def title(panel: Axes, rows: pd.DataFrame) -> None:
    """The metric and its direction; below, how many items and whose weights. Greys a metric that is not believed."""
    first = rows.iloc[0]
    arrow = labels.ARROWS.get(first["direction"], "")
    name, failed = f"{first['title']} {arrow}".strip(), selftest_marks.failed(rows["note"])
    panel.set_title(name, loc="left", fontweight="bold", pad=17, color=FAINT if failed else "black")
    if failed:
        _veil(panel)
    said = f"N = {first['n']}, {labels.weights(first['weights'])}"
    panel.annotate(said, (0, 1), (0, 5), "axes fraction", "offset points", fontsize=8, color="#666666")


def _veil(panel: Axes) -> None:
    """A grey veil over all that is drawn, under the words that say why."""
    from matplotlib.patches import Rectangle

    panel.add_artist(Rectangle((0, 0), 1, 1, transform=panel.transAxes, color=VEIL, alpha=0.8, linewidth=0, zorder=4))
    said = panel.text(0.5, 0.5, selftest_marks.FAILED, transform=panel.transAxes, color="#555555", zorder=5)
    said.set(ha="center", va="center", bbox={"facecolor": VEIL, "linewidth": 0})


def scale(panel: Axes, axis: str, summary: pd.DataFrame) -> None:
    """The scale and the label of a metric's axis, "x" or "y", and at its ends the levels that are off it."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    found = scales.scale(summary)
    which = panel.yaxis if axis == "y" else panel.xaxis
    which.set_label_text("\n".join(scales.label(summary)))
    if found.logarithmic:
        panel.set(**{f"{axis}scale": "log"})
        which.set_major_locator(LogLocator(10, (1, 2, 5)))
        which.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        which.set_minor_formatter(NullFormatter())
    elif found.low is not None:
        panel.set(**{f"{axis}margin": 0.1})  # room for a marker at the top, where that is open
        panel.set(**{f"{axis}lim": (found.low, found.high)})
    if said := _levels(scales.below(summary)):
        _in_corner(panel, *((f"{said} ↓", (1, 0)) if axis == "y" else (f"← {said}", (0, 0))))
    if said := _levels(scales.above(summary)):
        _in_corner(panel, *((f"{said} ↑", (1, 1)) if axis == "y" else (f"{said} →", (1, 0))))


def _levels(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {level:.2g}" for name, level in found.items())


def _in_corner(panel: Axes, said: str, place: tuple[int, int]) -> None:
    """Small words where the scale has left room."""
    look = panel.annotate(said, place, (3 - 6 * place[0], 2 - 4 * place[1]), "axes fraction", "offset points")
    look.set(ha=("left", "right")[place[0]], va=("bottom", "top")[place[1]], fontsize=8, color="#777777")
