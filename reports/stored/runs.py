"""A sweep's stored runs as data frames: a row a run for `runs.csv`, and a row a measured number for the rest."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.config.columns import column
from bench.runs import results
from bench.runs.reader import StoredRun
from bench.system.errors import UserError
from reports.stored import selftest_marks, sweep_file

if TYPE_CHECKING:
    import pandas as pd

SETTINGS = ["run_id", "eval_id", "architecture", "i2t_noise", "t2i_fraction", "seed", "step", "status"]
COUNTS = ["n_images", "n_captions"]
SCORES = ["fid", "kid", "clip_score", "cider", "image_attributes", "caption_attributes"]
SCORES += ["exam_before", "exam_after", "perplexity_before", "perplexity_after"]
COSTS = ["trainable_params", "total_params", "train_flops", "train_seconds", "peak_memory_mb"]
FACTS = ["value", "n", "direction", "unit", "weights", "chance", "ceiling", "note"]
MEASURED = ("architecture", "seed", "i2t_noise", "t2i_fraction")  # settings that a result says
NOT_BELIEVED = ("changed", "unreadable")  # of a run: edited after it landed, or written by another schema
LARGEST = 1e300  # of an x that can be drawn


@dataclass(frozen=True)
class Point:
    """One run that the sweep asks for, as it stood when it was read: other processes go on writing."""

    run_id: str
    eval_id: str
    step: int
    folder: Path  # where the result, the samples and the captions are
    settings: dict[str, Any]  # architecture, seed, the axes: as `column` calls them
    status: str  # pending, running, partial, failed, done; changed or unreadable where a result may not be believed
    result: dict[str, Any]  # result.json, {} where there is none that counts
    codes: list[str]  # digests of the project's code it was started with; several where that changed in between
    error: str  # why it failed or does not count, in one line

    @property
    def run(self) -> Path:
        """The folder of the run that it is of."""
        return self.folder.parents[2]


Reader = Callable[[Path, str, int], Point]  # of an evaluation: a run's folder, eval_id and step


@dataclass(frozen=True)
class Sweep:
    """What `sweep.json` says: the question, what to plot, and every run asked for in its order."""

    name: str
    preset: str
    question: str
    source: str
    x: str  # a column of runs.csv
    y: list[str]  # metrics
    points: list[Point]

    @property
    def title(self) -> str:
        """What heads its table and its samples."""
        return f"{self.name}, preset {self.preset}" if self.preset else self.name


def read_point(folder: Path, eval_id: str, step: int) -> Point:
    """One evaluation of the run in `folder`, if there is one."""
    try:
        status, result, codes, error = _stored(StoredRun(folder), eval_id, step)
    except UserError as reason:
        status, result, codes, error = "unreadable", {}, [], str(reason).replace(f"{folder}/", "")
    landed = results.place(folder, eval_id, step)
    return Point(folder.name, eval_id, step, landed, _settings(folder.name, {}, result), status, result, codes, error)


def read_sweep(folder: Path, read: Reader = read_point) -> Sweep:
    """Read `folder/sweep.json` and, by `read`, its runs. Raises ``UserError`` for none, or one of another schema."""
    content = sweep_file.read(folder)
    runs = Path(os.path.realpath(folder / content["runs_root"]))  # as everybody calls it
    points = []
    for asked in content["points"]:
        point = read(runs / asked["run_id"], asked["eval_id"], asked["step"])
        settings = _settings(point.run_id, _asked(asked["overrides"]), point.result)
        points.append(replace(point, settings=settings))
    plot = content["plot"]
    for point in points:
        _check_settings(point, plot["x"], folder)
    return Sweep(
        content["name"], content["preset"], content["question"], content["source"], plot["x"], plot["y"], points
    )


def runs_frame(sweep: Sweep, scores: pd.DataFrame) -> pd.DataFrame:
    """One row a run, with the columns of runs.csv.

    Values by different weights never share a column: `fid_weights` says whose weights measured `fid`, and where a
    sweep holds several, `fid` stays empty and each has its own column, `fid [embedded:features:...]`.
    """
    import pandas as pd

    labels = scores.groupby("metric")["weights"].nunique()
    rows = []
    for point in sweep.points:
        row = {"run_id": point.run_id, "eval_id": point.eval_id, "step": point.step, "status": point.status}
        row |= point.settings | {name: point.result.get(name) for name in COUNTS} | point.result.get("cost", {})
        for name, score in point.result.get("metrics", {}).items():
            label = score["weights"] or ""
            row[name if labels[name] == 1 else f"{name} [{label}]"] = score["value"]
            if label and labels[name] == 1:
                row[f"{name}_weights"] = label
        rows.append(row | {"code": " ".join(point.codes)})
    first = [*SETTINGS, *COUNTS, *SCORES, *COSTS]
    others = sorted({name for row in rows for name in row} - set(first))
    return pd.DataFrame(rows, columns=[*first, *others])


def scores_frame(sweep: Sweep) -> pd.DataFrame:
    """One row a measured number: run_id, architecture, seed, x, metric and what `result.json` says of it."""
    import pandas as pd

    rows = []
    for point in sweep.points:
        settings = point.settings
        where = {"run_id": point.run_id, "architecture": settings["architecture"], "seed": settings["seed"]}
        for name, score in point.result.get("metrics", {}).items():
            facts = {fact: score[fact] for fact in FACTS} | {"weights": score["weights"] or ""}
            rows.append(where | {"x": settings.get(sweep.x), "metric": name} | facts)
    frame = pd.DataFrame(rows, columns=["run_id", "architecture", "seed", "x", "metric", *FACTS])
    return frame.astype({"value": float, "chance": float, "ceiling": float})


def _stored(run: StoredRun, eval_id: str, step: int) -> tuple[str, dict[str, Any], list[str], str]:
    """Status, result, digests of code and what is wrong. Raises UserError where another schema wrote it."""
    status, result = run.status(eval_id, step), run.result(eval_id, step) or {}
    codes = [str(start["code"]) for start in run.run_json().get("starts", []) if start.get("code")]
    failure = run.failure() if status == "failed" else None  # None too where a retry has just begun
    error = f"{failure.kind}: {failure.message}" if failure else ""
    if result and (changed := results.change(run.result_folder(eval_id, step), result)):
        status, result, error = "changed", {}, changed
    return status, selftest_marks.marked(result, run.path.parent), list(dict.fromkeys(codes)), error


def _check_settings(point: Point, x: str, folder: Path) -> None:
    """Refuse what cannot be put in order: a seed that is none, or an x that is no number."""
    numbers = {"seed"} | ({x} - {"architecture"})
    for name in sorted(numbers):
        value = point.settings.get(name)
        if not isinstance(value, (int, float)) or not abs(value) < LARGEST:
            raise UserError(f"{folder / 'sweep.json'}: run {point.run_id} has no number as {name}, but {value!r}")
    if not isinstance(point.settings["architecture"], str):
        raise UserError(f"{folder / 'sweep.json'}: run {point.run_id} names no architecture")


def _settings(run_id: str, asked: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """What is known of a run's settings; what it says itself holds."""
    measured = {name: result[name] for name in MEASURED if name in result}
    return {"architecture": run_id.rpartition("-")[0], "seed": 0, **asked, **measured}


def _asked(overrides: list[str]) -> dict[str, Any]:
    """`train.i2t_noise=0.25` as {"i2t_noise": 0.25}; where it ran is no setting of the experiment."""
    pairs = [override.partition("=") for override in overrides if not override.startswith("runtime.")]
    return {column(key): _value(text) for key, _, text in pairs}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
