"""What comes first: the verdicts on claims where there are some, and who was best at what."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports import labels
from reports.page.charts import footing, heading
from reports.runs import Sweep
from reports.table import decimals

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Best:
    """Who was best at one metric at one value of the axis."""

    where: str
    who: list[str]  # architectures; none where the numbers may not be ranked
    value: str
    lead: str  # over whom, and by how much
    sure: str


@dataclass(frozen=True)
class Measure:
    """One metric's winners along the axis."""

    title: str
    said: str
    best: list[Best]


def verdicts(folder: Path) -> list[dict[str, Any]]:
    """`verdicts.json` of the results folder, [] where there is none that can be read."""
    try:
        content = json.loads((folder / "verdicts.json").read_text())
    except (OSError, ValueError):
        return []
    return [one for one in content if isinstance(one, dict)] if isinstance(content, list) else []


def winners(sweep: Sweep, summary: pd.DataFrame) -> list[Measure]:
    """A row for each metric that the sweep plots."""
    found = []
    for name in sweep.y:
        for _, mine in summary[summary["metric"] == name].groupby("weights", sort=False):
            groups = [mine] if sweep.x == "architecture" else [group for _, group in mine.groupby("x")]
            places = decimals(mine["mean"])
            found.append(Measure(heading(mine.iloc[0]), footing(mine), [_best(sweep, g, places) for g in groups]))
    return found


def _best(sweep: Sweep, group: pd.DataFrame, places: int) -> Best:
    where = "" if sweep.x == "architecture" else labels.axis_value(sweep.x, group["x"].iloc[0])
    best, rest = group[group["best"]], group[~group["best"]]
    if best.empty:
        return Best(where, [], "", _why_not(group), "")
    lower = group["direction"].iloc[0] == "lower"
    second = rest.sort_values("mean", ascending=lower, kind="stable").iloc[0]
    gap = abs(float(second["mean"]) - float(best["mean"].iloc[0]))
    sd = max(float(best["sd"].max()), float(second["sd"]))
    value = f"{best['mean'].iloc[0]:.{places}f}" + (f" ± {best['sd'].max():.{places}f}" if sd == sd else "")
    lead = f"by {gap:.2g} over {labels.architecture(second['architecture'])}"
    if sd != sd:
        sure = "one seed: no spread"
    elif gap <= sd:
        sure = f"less than one s.d. of seeds ({sd:.{places}f}): not told apart"
    else:
        sure = f"{gap / sd:.1f} s.d. of seeds ({sd:.{places}f})" if sd > 0 else "no spread over seeds"
    return Best(where, list(best["architecture"]), value, lead, sure)


def _why_not(group: pd.DataFrame) -> str:
    if len(group) < 2:
        return "nothing to compare with"
    if group["mean"].nunique() == 1:
        return "all equal"
    return "not ranked: other items, other seeds, or too few items"
