"""The stored runs that a sweep asks for, each as it stands on the disk."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.config.columns import column
from bench.runs import format_1, results
from bench.runs.format import FORMAT
from bench.runs.reader import StoredRun
from bench.system.errors import UserError
from reports.stored import declared, selftest_marks, sweep_file
from reports.stored.declared import Axis, Metric, Task
from reports.style import labels

NOT_BELIEVED = ("changed", "unreadable")  # of a run: edited after it landed, or written by another schema
LARGEST = 1e300  # of an x that can be drawn


@dataclass(frozen=True)
class Point:
    """One run that the sweep asks for, as it stood when it was read: other processes go on writing."""

    run_id: str
    eval_id: str
    step: int
    folder: Path  # where the result, the samples and the captions are
    settings: dict[str, Any]  # architecture with its controls, seed, the axes: as `column` calls them
    status: str  # pending, running, partial, failed, done; changed or unreadable where a result may not be believed
    format: int  # of its files
    result: dict[str, Any]  # result.json as format 2 has it, {} where there is none that counts
    codes: list[str]  # digests of the project's code it was started with; several where that changed in between
    error: str  # why it failed or does not count, in one line

    @property
    def run(self) -> Path:
        """The folder of the run that it is of."""
        return self.folder.parents[2]

    def task_folder(self, task: str) -> Path:
        """Where the samples of a task are."""
        return self.folder if self.format == format_1.FORMAT else self.folder / task


Reader = Callable[[Path, str, int], Point]  # of an evaluation: a run's folder, eval_id and step


@dataclass(frozen=True)
class UntilDecided:
    """What a sweep was begun with that adds seeds until its claims are decided."""

    first: int  # seeds of the first look
    at_most: int  # seeds of the last


@dataclass(frozen=True)
class Sweep:
    """The content of `sweep.json`: the question, what to plot, and every run asked for in its order."""

    name: str
    preset: str
    question: str
    source: str
    x: Axis
    y: list[str]  # metrics
    points: list[Point]
    until: UntilDecided | None = None  # None: its seeds were fixed beforehand
    arms: list[dict[str, Any]] = field(default_factory=list)  # with tuned rates: what sweep.json says of each arm
    common: Sweep | None = None  # with tuned rates: the same runs at the common ones

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """The metrics of its results, by name."""
        return declared.metrics(point.result for point in self.points)

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """The tasks of its results, by name."""
        return declared.tasks(point.result for point in self.points)

    @property
    def title(self) -> str:
        """The heading of its table and its samples."""
        return f"{self.name}, preset {self.preset}" if self.preset else self.name


def read_point(folder: Path, eval_id: str, step: int) -> Point:
    """One evaluation of the run in `folder`, if there is one."""
    try:
        status, result, codes, error = _stored(StoredRun(folder), eval_id, step)
    except UserError as reason:
        status, result, codes, error = "unreadable", {}, [], str(reason).replace(f"{folder}/", "")
    place, written = results.place(folder, eval_id, step), result.get("schema", FORMAT)
    settings = _settings(folder.name, {}, result)
    return Point(folder.name, eval_id, step, place, settings, status, written, result, codes, error)


def read_sweep(folder: Path, read: Reader = read_point) -> Sweep:
    """Read `folder/sweep.json` and, by `read`, its runs. Raises ``UserError`` for none, or one of another schema."""
    content = sweep_file.read(folder)
    runs = Path(os.path.realpath(folder / content["runs_root"]))  # as everybody calls it
    points = [_read_point(runs, asked, read) for asked in content["points"]]
    x = _axis(content["plot"]["x"], content["points"], points)
    for point in points:
        _check_settings(point, x, folder)
    y, arms = content["plot"]["y"], content.get("tuned", {}).get("arms", [])
    until = content.get("until_decided")
    looks = UntilDecided(until["first"], until["at_most"]) if until else None
    name, preset, question, source = (content[key] for key in ("name", "preset", "question", "source"))
    sweep = Sweep(name, preset, question, source, x, y, points, looks, arms)
    if not arms:
        return sweep
    untuned = [_untuned(asked, arms) for asked in content["points"]]
    common = replace(sweep, points=[_read_point(runs, asked, read) for asked in untuned], arms=[])
    return replace(sweep, common=common)


def _read_point(runs: Path, asked: dict[str, Any], read: Reader) -> Point:
    point = read(runs / asked["run_id"], asked["eval_id"], asked["step"])
    return replace(point, settings=_settings(point.run_id, _asked(asked["overrides"]), point.result))


def _untuned(asked: dict[str, Any], arms: list[dict[str, Any]]) -> dict[str, Any]:
    """A point of sweep.json as it is at the common rates."""
    rates = {key for arm in arms for key in arm["chosen"]}
    kept = [override for override in asked["overrides"] if override.partition("=")[0] not in rates]
    return asked | {"run_id": asked.get("common", asked["run_id"]), "overrides": kept}


def _stored(run: StoredRun, eval_id: str, step: int) -> tuple[str, dict[str, Any], list[str], str]:
    """Status, result, digests of code and what is wrong. Raises UserError where another schema wrote it."""
    status, result = run.status(eval_id, step), run.result(eval_id, step) or {}
    codes = [str(start["code"]) for start in run.run_json().get("starts", []) if start.get("code")]
    failure = run.failure() if status == "failed" else None  # None too where a retry has just begun
    error = f"{failure.kind}: {failure.message}" if failure else ""
    if result and (changed := results.change(run.result_folder(eval_id, step), result)):
        status, result, error = "changed", {}, changed
    if result.get("schema") == format_1.FORMAT:
        result = format_1.upgraded(result)
    return status, selftest_marks.marked(result, run.path.parent), list(dict.fromkeys(codes)), error


def _axis(x: str, asked: list[dict[str, Any]], points: list[Point]) -> Axis:
    """The axis of a sweep, which sweep.json names as its column: of the setting that its runs were asked for with."""
    keys = (override.partition("=")[0] for one in asked for override in one["overrides"])
    key = next((key for key in keys if column(key) == x), "")
    return declared.axis(x, declared.axes(point.result for point in points), key)


def _check_settings(point: Point, x: Axis, folder: Path) -> None:
    """Refuse what cannot be put in order: a seed that is none, or an x that is no number."""
    numbers = {"seed"} if x.is_architecture else {"seed", x.column}
    for name in sorted(numbers):
        value = point.settings.get(name)
        if not isinstance(value, (int, float)) or not abs(value) < LARGEST:
            raise UserError(f"{folder / 'sweep.json'}: run {point.run_id} has no number as {name}, but {value!r}")
    if not isinstance(point.settings["architecture"], str):
        raise UserError(f"{folder / 'sweep.json'}: run {point.run_id} names no architecture")


def _settings(run_id: str, asked: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """A run's settings, as far as they are known; its own result is right where it differs."""
    measured: dict[str, Any] = {name: result[name] for name in ("architecture", "seed") if name in result}
    measured |= {name: axis["value"] for name, axis in result.get("axes", {}).items()}
    known = {"architecture": run_id.rpartition("-")[0], "seed": 0, **asked, **measured}
    if isinstance(known["architecture"], str):
        known["architecture"] = labels.arm(known["architecture"], known)
    return known


def _asked(overrides: list[str]) -> dict[str, Any]:
    """`train.lr=0.001` as {"lr": 0.001}; where it ran is no setting of the experiment."""
    pairs = [override.partition("=") for override in overrides if not override.startswith("runtime.")]
    return {column(key): _value(text) for key, _, text in pairs}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
