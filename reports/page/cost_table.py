"""Costs of each architecture: the mean of its runs, and their range where they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.tables.table import NOTHING

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {  # heading -> what stands below it
    "trainable parameters": "changed by training",
    "all parameters": "with the frozen ones",
    "FLOPs per step": "forward and backward",
    "FLOPs in all": "of the whole training",
    "seconds": "of training, on that machine",
    "peak memory (MB)": "of the process, with what its earlier runs keep",
}
COSTS = ("trainable_params", "train_flops", "train_seconds", "peak_memory_mb")  # that runs are charted against
MULTIPLIERS = (("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3))


@dataclass(frozen=True)
class Cost:
    """One architecture's, as (mean, range) a column; the range is "" where all its runs cost the same."""

    architecture: str
    runs: int
    cells: list[tuple[str, str]]


def build(runs: pd.DataFrame) -> list[Cost]:
    """A row for each architecture with a finished run, in the sweep's order."""
    runs = runs[runs["status"] == "done"]
    return [
        Cost(str(name), len(mine), [_cell(values) for values in _values(mine)])
        for name, mine in runs.groupby("architecture", sort=False)
    ]


def quantity(value: float) -> str:
    """Three or four digits with the multiplier in front of the unit: 841 k, 4.24 T."""
    for letter, size in MULTIPLIERS:
        if value >= 10 * size or (value >= size and size > 1e3):
            return f"{value / size:.3g} {letter}"
    return f"{value:.4g}"


def _values(runs: pd.DataFrame) -> list[pd.Series]:
    steps = runs["train_flops"] / runs["step"]
    columns = [runs["trainable_params"], runs["total_params"], steps, runs["train_flops"], runs["train_seconds"]]
    return [column.dropna().astype(float) for column in [*columns, runs["peak_memory_mb"]]]


def _cell(values: pd.Series) -> tuple[str, str]:
    if values.empty:
        return NOTHING, ""
    low, high = quantity(values.min()), quantity(values.max())
    return quantity(values.mean()), "" if low == high else f"{low} to {high}"
