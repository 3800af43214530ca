"""Means over seeds, whose numbers may be compared with whose, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from reports.stored import selftest_marks
from reports.stored.runs import NOT_BELIEVED, Point, Sweep
from reports.style import labels

if TYPE_CHECKING:
    import pandas as pd

NAMED_AT_MOST = 10
REASON_AT_MOST = 160  # characters
DOES_NOT_RANK = "does not rank"  # in the note of a number that is measured on too few items


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """One row for each metric, weights, x and architecture, in the order of the sweep.

    `mean`, `sd` (sample standard deviation, empty for one seed), `min`, `max` and `seeds` are over the runs, `n` is
    the number of items behind each run's value, and `best` marks the best mean of a comparable group.
    """
    summary = (
        scores.groupby(["metric", "weights", "x", "architecture"], sort=False)
        .agg(
            mean=("value", "mean"),
            sd=("value", "std"),
            min=("value", "min"),
            max=("value", "max"),
            seeds=("seed", lambda seeds: " ".join(str(seed) for seed in sorted(set(seeds)))),
            runs=("value", "size"),
            n=("n", lambda counts: _range(counts)),
            direction=("direction", "first"),
            unit=("unit", "first"),
            title=("title", "first"),
            before=("before", "mean"),
            chance=("chance", "first"),
            ceiling=("ceiling", "first"),
            note=("note", joined),
        )
        .reset_index()
    )
    summary["best"] = False
    by = ["metric", "weights"] if (summary["x"] == summary["architecture"]).all() else ["metric", "weights", "x"]
    for _, group in summary.groupby(by, sort=False):
        summary.loc[_best(group), "best"] = True
    return summary


def without_controls(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of architectures as they are."""
    return frame[~frame["architecture"].map(labels.is_control).astype(bool)]


def joined(notes: Iterable[Any]) -> str:
    """The notes of several runs, each once."""
    return "; ".join(sorted({note for note in notes if isinstance(note, str)}))


def _best(group: pd.DataFrame) -> list:
    """Rows with the best mean; none where the group may not be ranked. Controls take no part.

    Comparable means: more than one architecture, the same number of items, the same seeds, a direction, and no number
    that was measured on too few items to rank by.
    """
    group = without_controls(group)
    if group.empty:
        return []
    same = group["n"].nunique() == group["seeds"].nunique() == group["direction"].nunique() == 1
    direction = group["direction"].iloc[0]
    if len(group) < 2 or not same or direction not in labels.ARROWS or group["note"].str.contains(DOES_NOT_RANK).any():
        return []
    best = group["mean"].min() if direction == "lower" else group["mean"].max()
    chosen = group.index[group["mean"] == best]
    return list(chosen) if len(chosen) < len(group) else []


def remarks(sweep: Sweep, scores: pd.DataFrame) -> list[str]:
    """Remarks that a reader needs beside the numbers: runs that are missing, numbers that do not rank, mixed code."""
    doubtful = [point for point in sweep.points if point.status in NOT_BELIEVED]
    missing = [point for point in sweep.points if point.status not in ("done", *NOT_BELIEVED)]
    said = []
    if missing:
        said.append(f"{len(missing)} of {len(sweep.points)} runs are missing: {_named(sweep, missing)}.")
    if doubtful:
        said.append(f"{len(doubtful)} of {len(sweep.points)} runs are left out: {_named(sweep, doubtful)}.")
    for (name, title, note), group in scores[scores["note"].notna()].groupby(["metric", "title", "note"], sort=False):
        where = "" if len(group) == (scores["metric"] == name).sum() else f" (in {len(group)} runs)"
        said.append(f"{title}: {note}{where}.")
    tested = [selftest_marks.TESTED in point.result for point in sweep.points if point.status == "done"]
    if any(tested):
        untested = "" if all(tested) else f" ({tested.count(False)} of {len(tested)} runs were measured otherwise)"
        said.append(f"Metrics were put to the self-test; those that failed are named here{untested}.")
    by_architecture: dict[str, set[str]] = {}
    for point in sweep.points:
        by_architecture.setdefault(point.settings["architecture"], set()).update(point.codes)
    mixed = [name for name, digests in by_architecture.items() if len(digests) > 1]
    if mixed:
        said.append(f"The code changed between runs of {', '.join(mixed)}: runs.csv says which; FRESH=1 trains anew.")
    return said


def _named(sweep: Sweep, points: list[Point]) -> str:
    """The first of these runs, each with what became of it."""
    named = []
    for point in points[:NAMED_AT_MOST]:
        settings = point.settings
        axis = "" if sweep.x.is_architecture else f" {sweep.x.column}={settings.get(sweep.x.column)}"
        why = f": {point.error[:REASON_AT_MOST]}" if point.error else ""
        named.append(f"{settings['architecture']}{axis} seed={settings['seed']} {point.status}{why}")
    more = f"; and {len(points) - NAMED_AT_MOST} more" if len(points) > NAMED_AT_MOST else ""
    return "; ".join(named) + more


def _range(values: pd.Series) -> str:
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"
