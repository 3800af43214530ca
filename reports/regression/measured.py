"""Measurements of the runs of a results folder, as the regression check compares them."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from bench.config.checks import leaves
from bench.runs.published import published_files
from bench.runs.reader import StoredRun
from bench.system.errors import UserError
from reports.stored.declared import Metric
from reports.stored.runs import Point, Sweep, read_sweep

CEILING, CHANGE, LOSS = "_ceiling", "_change", "loss_"  # ends of a measure's name, and its beginning
LOGARITHMIC = ("fid", "perplexity")  # distances and their like: ratios count
COUNTED = ("trainable_params", "total_params", "train_flops")
FACTS = ("device", "python", "threads", "usable_cores", "packages")  # of where runs ran
VARYING = ("seed", "model.architecture", "model.options")  # settings in which the runs of a check may differ


@dataclass(frozen=True)
class Run:
    """One finished run."""

    architecture: str
    seed: int
    values: dict[str, float]
    digest: str  # of everything that it left but times and memory


@dataclass(frozen=True)
class Session:
    """Runs that were made together."""

    name: str  # of the sweep
    runs: list[Run]
    failed: list[str]  # one line for each run that failed
    settings: dict[str, Any]  # which all runs share, by dotted key
    options: dict[str, dict[str, Any]]  # of each architecture
    environment: dict[str, Any]
    codes: dict[str, str]  # digest of the project's code behind each architecture
    metrics: dict[str, Metric]

    @property
    def seeds(self) -> list[int]:
        return sorted({run.seed for run in self.runs})

    @property
    def architectures(self) -> list[str]:
        return sorted({run.architecture for run in self.runs})


def read(folder: Path) -> Session:
    """Raises UserError where runs are missing, do not count, or differ in more than seed and architecture."""
    sweep = read_sweep(folder)
    _check_finished(sweep, folder)
    done = [point for point in sweep.points if point.status == "done"]
    if not done:
        raise UserError(f"{folder}: all {len(sweep.points)} runs failed, the first: {sweep.points[0].error}")
    starts = [StoredRun(point.run).run_json()["starts"][-1] for point in done]
    return Session(
        name=sweep.name,
        runs=[_run(point) for point in done],
        failed=[f"{p.settings['architecture']} seed={p.settings['seed']}: {p.error}" for p in sweep.points
                if p.status == "failed"],
        settings=_the_only([_settings(point.result) for point in done], "settings", folder),
        options={point.settings["architecture"]: point.result["train_identity"]["model"]["options"] for point in done},
        environment=_the_only([{fact: start.get(fact) for fact in FACTS} for start in starts], "machine", folder),
        codes={point.settings["architecture"]: " ".join(point.codes) for point in done},
        metrics=sweep.metrics,
    )  # fmt: skip


def flat(nested: dict[str, Any]) -> dict[str, Any]:
    """By dotted key."""
    return dict(leaves(nested))


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Where two mappings differ: "train.lr: 0.006 in the baseline, 0.003 here"."""
    keys = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    return [f"{key}: {old.get(key)} in the baseline, {new.get(key)} here" for key in keys]


def _check_finished(sweep: Sweep, folder: Path) -> None:
    for point in sweep.points:
        if point.status not in ("done", "failed"):
            why = f": {point.error}" if point.error else ""
            counts = Counter(point.status for point in sweep.points)
            said = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
            raise UserError(f"{folder}: every run must be done ({said}); the first: {point.run_id} {point.status}{why}")


def _run(point: Point) -> Run:
    settings, folder = point.settings, point.run
    return Run(settings["architecture"], settings["seed"], _values(point.result, StoredRun(folder)), _digest(folder))


def _values(result: dict[str, Any], run: StoredRun) -> dict[str, float]:
    """Metrics and their ceilings, or their change in training; losses are means over its second half."""
    rows, metrics = run.read_metrics(), result["metrics"]
    late = rows[len(rows) // 2 :]
    quality = {name: score for name, score in metrics.items() if score["headline"] and score["before"] is None}
    values = {name: score["value"] for name, score in quality.items()}
    values |= {f"{name}{CEILING}": s["ceiling"] for name, s in quality.items() if s["ceiling"] is not None}
    values |= {name: fmean(row[name] for row in late) for name in rows[-1] if name.startswith(LOSS)}
    for name, score in metrics.items():
        if score["before"] is not None:
            values[f"{name}{CHANGE}"] = _change(name, score["value"], score["before"])
    values |= {"steps": rows[-1]["step"], "mean_lr": fmean(row["lr"] for row in rows), **result["seen"]}
    values |= {name: result["cost"][name] for name in COUNTED}
    return values | {"peak_memory_mb": result["cost"]["peak_memory_mb"], "step_seconds": _step_seconds(rows)}


def _change(name: str, after: float, before: float) -> float:
    return math.log(after / before) if name in LOGARITHMIC else after - before


def _step_seconds(rows: list[dict[str, Any]]) -> float:
    """Seconds of a step in the fastest stretch between two rows: what else the machine does only ever slows it down."""
    earlier = [{"step": 0, "seconds": 0.0}, *rows[:-1]]
    pairs = zip(earlier, rows, strict=True)
    return min((row["seconds"] - before["seconds"]) / (row["step"] - before["step"]) for before, row in pairs)


def _settings(result: dict[str, Any]) -> dict[str, Any]:
    found = flat(result["train_identity"] | {"eval": result["eval_identity"]["eval"]})
    return {key: value for key, value in found.items() if not key.startswith(VARYING)}


def _the_only(found: Iterable[dict[str, Any]], what: str, folder: Path) -> dict[str, Any]:
    first, *others = found
    for other in others:
        if other != first:
            ((key, *_), *_) = [line.partition(":") for line in differences(first, other)]
            said = f"{folder}: the runs differ in {what} ({key})"
            raise UserError(f"{said}: those of a regression check differ in seed alone")
    return first


def _digest(run: Path) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(published_files(run).items()):
        said = content if isinstance(content, bytes) else json.dumps(content, sort_keys=True).encode()
        digest.update(f"{name} {hashlib.sha256(said).hexdigest()}\n".encode())
    return digest.hexdigest()[:12]
