"""95 % intervals of the means in a table: over other seeds and over other items, never mixed."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.runs import format_1
from reports.statistics.intervals import student
from reports.stored.runs import Point, Sweep

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["seeds_low", "seeds_high", "items_low", "items_high"]


def with_intervals(summary: pd.DataFrame, sweep: Sweep, scores: pd.DataFrame) -> pd.DataFrame:
    """The rows of `summarise` with two intervals each, empty where there is none.

    Over seeds: Student's t over the runs' values, for other seeds on the same items; from two seeds on. Over items:
    Student's t over the items, each averaged over the seeds, for other items at the same seeds; where the metric is
    the mean of its items. FID and KID are not. A share's interval ends at 0 and 1.
    """
    by = ["metric", "weights", "x", "architecture"]
    values = {key: group["value"].to_numpy() for key, group in scores.groupby(by)}
    items = _items(sweep)
    rows = []
    for metric, weights, x, architecture, mean, unit in summary[[*by, "mean", "unit"]].itertuples(index=False):
        found = values[metric, weights, x, architecture]
        seeds = student(found) if len(found) > 1 else (np.nan, np.nan)
        over_items = _over_items(items.get((metric, x, architecture), []), len(found), mean)
        rows.append(np.clip((*seeds, *over_items), *((0, 1) if unit.startswith("share") else (-np.inf, np.inf))))
    return summary.assign(**dict(zip(COLUMNS, np.array(rows, float).reshape(-1, 4).T, strict=True)))


def _over_items(runs: list[np.ndarray], wanted: int, mean: float) -> tuple[float, float]:
    """None where a run's items are missing or not on the metric's scale, as perplexity's; or all equal, which would
    make the interval a point."""
    if len(runs) != wanted or len({len(items) for items in runs}) != 1 or len(runs[0]) < 2:
        return np.nan, np.nan
    by_item = np.mean(runs, axis=0)  # N
    if not np.isclose(by_item.mean(), mean, rtol=1e-5, atol=1e-9) or np.ptp(by_item) == 0:
        return np.nan, np.nan
    return student(by_item)


def _items(sweep: Sweep) -> dict[tuple[str, object, str], list[np.ndarray]]:
    """Each item's values in every run of (metric, x, architecture)."""
    found = defaultdict(list)
    for point in sweep.points:
        for metric, items in per_item(point).items():
            found[metric, point.settings.get(sweep.x.column), point.settings["architecture"]].append(items)
    return found


def per_item(point: Point) -> dict[str, np.ndarray]:
    """Every item's part (N,) in each metric that is a mean of items; {} for a run that has not landed."""
    path = point.folder / "per_item.json"
    return _arrays(path, point.format) if point.status == "done" and path.is_file() else {}


@lru_cache(maxsize=2000)
def _arrays(path: Path, written: int) -> dict[str, np.ndarray]:
    """A landed file never changes, and table and verdicts both read it."""
    items = json.loads(path.read_bytes())
    items = format_1.per_item(items) if written == format_1.FORMAT else items
    return {metric: np.array(values, float) for metric, values in items.items()}
