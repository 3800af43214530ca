"""Scale of a metric's axis, the same in every figure and chart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

LOGARITHMIC_FROM = 8  # times between the smallest and the largest distance
LEAST = 0.05  # of the way from chance to ceiling: no axis is narrower, or it would make much of nothing
ROOM = 0.06  # of the axis, at its ends, so that markers are drawn whole
LEVELS = ("chance", "ceiling")
CUT = "not from 0"
LINE = 34  # characters that an axis has room for


@dataclass(frozen=True)
class Scale:
    """An axis: logarithmic or not, and where it ends; None where the drawing sees fit."""

    logarithmic: bool = False
    low: float | None = None
    high: float | None = None

    @property
    def cut(self) -> bool:
        """Whether it leaves 0 out, which its label must say."""
        return self.low is not None and self.low > 0


def scale(summary: pd.DataFrame) -> Scale:
    """A distance that spans orders of magnitude logarithmic, any other from 0; what is better the higher, fitted."""
    first, low, high = summary.iloc[0], float(summary["min"].min()), float(summary["max"].max())
    if first["direction"] == "lower":
        wide = low > 0 and high / low > LOGARITHMIC_FROM
        return Scale(logarithmic=wide, low=0.0 if low >= 0 and not wide else None)
    return _fitted(summary) if first["direction"] == "higher" else Scale()


def label(summary: pd.DataFrame) -> list[str]:
    """Lines of the axis' label: the unit, and that 0 is left out."""
    unit = str(summary["unit"].iloc[0])
    if not scale(summary).cut:
        return [unit]
    whole = f"{unit}, {CUT}"
    return [whole] if len(whole) <= LINE else [unit, CUT]


def below(summary: pd.DataFrame) -> dict[str, float]:
    """Chance and ceiling, as far as they are off the axis at its lower end."""
    low = scale(summary).low
    return {name: level for name, level in levels(summary).items() if low is not None and level < low}


def above(summary: pd.DataFrame) -> dict[str, float]:
    """Chance and ceiling, as far as they are off the axis at its upper end."""
    high = scale(summary).high
    return {name: level for name, level in levels(summary).items() if high is not None and level > high}


def on_axis(summary: pd.DataFrame) -> dict[str, float]:
    """Chance and ceiling, as far as they are on the axis."""
    off = below(summary).keys() | above(summary).keys()
    return {name: level for name, level in levels(summary).items() if name not in off}


def levels(summary: pd.DataFrame) -> dict[str, float]:
    """Chance and ceiling, as far as they are known."""
    return {name: float(summary[name].mean()) for name in LEVELS if name in summary and summary[name].notna().any()}


def _fitted(summary: pd.DataFrame) -> Scale:
    """As wide as the values with their intervals over items; 0, chance and ceiling are on it where they are near, no
    farther from the values than these lie apart."""
    share, known = summary["unit"].iloc[0].startswith("share"), levels(summary)
    low = float(summary.filter(items=["min", "items_low"]).min().min())
    high = float(summary.filter(items=["max", "items_high"]).max().max())
    if not math.isfinite(high - low):
        return Scale()
    whole = abs(known["ceiling"] - known["chance"]) if len(known) == len(LEVELS) else 1.0 if share else abs(high)
    width = max(high - low, LEAST * whole) or 1.0
    marks = [low, high, (low + high - width) / 2, (low + high + width) / 2]
    marks += [level for level in (0.0, *known.values()) if low - width <= level <= high + width]
    bottom, top = min(marks), max(marks)
    bottom = max(bottom, 0.0) if low >= 0 else bottom
    top = min(top, 1.0) if share else top
    room = ROOM * (top - bottom)
    return Scale(low=bottom - room if bottom else 0.0, high=top + room)
