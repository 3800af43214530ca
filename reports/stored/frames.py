"""Stored runs as data frames: a row a run (`runs.csv`), a measured number, or an evaluation (`runs.parquet`)."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from reports.stored.runs import Sweep
from reports.stored.settings import Run

if TYPE_CHECKING:
    import pandas as pd

COUNTS = ["n_images", "n_captions"]
COSTS = ["trainable_params", "total_params", "train_flops", "train_seconds", "peak_memory_mb"]
FACTS = ["title", "value", "n", "direction", "unit", "weights", "chance", "ceiling", "before", "note"]


def runs_frame(sweep: Sweep, scores: pd.DataFrame) -> pd.DataFrame:
    """One row a run, with the columns of runs.csv.

    Settings of tasks and metrics are those that the results declare; the column `<name>_before` is a metric's value
    before training. Values by different weights never share a column: `fid_weights` says whose weights measured `fid`,
    and where a sweep holds several, `fid` stays empty and each has its own column, `fid [embedded:features:...]`.
    """
    import pandas as pd

    labels = scores.groupby("metric")["weights"].nunique()
    axes = list(dict.fromkeys(name for point in sweep.points for name in point.result.get("axes", {})))
    shares = [name for name in axes if name.endswith("_fraction")]
    follows = {*shares[-1:]} - {sweep.x.column}  # from the other tasks' shares
    first = ["run_id", "eval_id", "architecture", *(name for name in axes if name not in follows)]
    first += ["seed", "step", "status", *COUNTS]
    for metric in sweep.metrics.values():
        first += [metric.name] * (metric.headline or metric.has_before) + [metric.before] * metric.has_before
    rows = []
    for point in sweep.points:
        row = {"run_id": point.run_id, "eval_id": point.eval_id, "step": point.step, "status": point.status}
        row |= point.settings | {name: point.result.get(name) for name in COUNTS} | point.result.get("cost", {})
        for name, score in point.result.get("metrics", {}).items():
            label = score["weights"] or ""
            alone = labels[name] == 1
            row[name if alone else f"{name} [{label}]"] = score["value"]
            if score["before"] is not None:
                row[f"{name}_before" if alone else f"{name}_before [{label}]"] = score["before"]
            if label and alone:
                row[f"{name}_weights"] = label
        rows.append(row | {"code": " ".join(point.codes)})
    others = sorted({name for row in rows for name in row} - {*first, *COSTS, *follows})
    return pd.DataFrame(rows, columns=[*first, *COSTS, *others])


def scores_frame(sweep: Sweep) -> pd.DataFrame:
    """One row a measured number: run_id, architecture, seed, x, metric and what `result.json` says of it."""
    import pandas as pd

    rows = []
    for point in sweep.points:
        settings = point.settings
        where = {"run_id": point.run_id, "architecture": settings["architecture"], "seed": settings["seed"]}
        for name, score in point.result.get("metrics", {}).items():
            facts = {fact: score[fact] for fact in FACTS} | {"weights": score["weights"] or ""}
            rows.append(where | {"x": settings.get(sweep.x.column), "metric": name} | facts)
    frame = pd.DataFrame(rows, columns=["run_id", "architecture", "seed", "x", "metric", *FACTS])
    return frame.astype(dict.fromkeys(("value", "chance", "ceiling", "before"), float))


def parquet(runs: list[Run]) -> bytes:
    """All stored evaluations in one table for other tools, with every setting, count, score and cost."""
    import pandas as pd

    buffer = io.BytesIO()
    pd.DataFrame([_row(run) for run in runs]).to_parquet(buffer, index=False)
    return buffer.getvalue()


def _row(run: Run) -> dict[str, Any]:
    result = run.point.result
    row: dict[str, Any] = {"run_id": run.point.run_id, "eval_id": run.point.eval_id, "step": run.point.step}
    row |= {key: _plain(value) for key, value in run.settings.items()}
    row |= {f"seen.{name}": value for name, value in result.get("seen", {}).items()}
    row |= {f"cost.{name}": value for name, value in result.get("cost", {}).items()}
    for name, score in result["metrics"].items():
        row |= {name: score["value"], f"{name}.n": score["n"], f"{name}.weights": score["weights"]}
        row |= {f"{name}_before": score["before"]} if score["before"] is not None else {}
    return row | {"code": " ".join(run.point.codes)}


def _plain(value: Any) -> Any:
    """A column holds one kind of value: lists and mappings are written out."""
    return json.dumps(value) if isinstance(value, list | dict) else value
