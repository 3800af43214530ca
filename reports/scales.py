"""How a metric's axis is scaled, in every drawing alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

LOGARITHMIC, FROM_ZERO, SHARE, FREE = "logarithmic", "from zero", "share", "free"
LOGARITHMIC_FROM = 8  # times between the smallest and the largest distance
SHARE_TO = 1.05  # so that a point at 1 is drawn whole


def scale(summary: pd.DataFrame) -> str:
    """A share from 0 to 1 whole; a distance that spans orders of magnitude logarithmic, any other from 0."""
    first, low, high = summary.iloc[0], float(summary["min"].min()), float(summary["max"].max())
    if first["direction"] == "lower" and low > 0 and high / low > LOGARITHMIC_FROM:
        return LOGARITHMIC
    if first["direction"] == "lower":
        return FROM_ZERO if low >= 0 else FREE
    return SHARE if first["unit"].startswith("share") else FREE
