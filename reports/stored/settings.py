"""Landed evaluations with every setting that names them: those of a sweep, or all in a folder of runs."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.config.checks import leaves
from bench.models.controls import NONE, PASSIVE, controls_of
from bench.system.errors import UserError
from reports.stored.runs import Point, Reader, read_point

Settings = dict[str, Any]  # dotted key -> value


@dataclass(frozen=True)
class Run:
    """A model scored after some step, with every setting that names it."""

    point: Point
    settings: Settings


def finished(points: Iterable[Point]) -> list[Run]:
    """The runs that are done."""
    return [Run(point, _settings(point.result)) for point in points if point.status == "done"]


def everything(runs: Path, read: Reader = read_point) -> list[Point]:
    """Every evaluation under a folder of runs, by run, evaluation and step, those along training among them.

    Raises ``UserError`` where there is no such folder.
    """
    if not runs.is_dir():
        raise UserError(f"{runs}: no folder of runs; `python -m sweeps run NAME` makes one")
    places = [path.parent for path in Path(os.path.realpath(runs)).glob("*/evals/*/step-*/result.json")]
    found = [(place.parents[2], place.parent.name, place.name.removeprefix("step-")) for place in places]
    whole = sorted((folder, eval_id, int(step)) for folder, eval_id, step in found if step.isdigit())
    return [read(folder, eval_id, step) for folder, eval_id, step in whole]


def equal(one: Any, other: Any) -> bool:
    """Whether two values of a setting are the same: 1 and 1.0 are."""
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    return math.isclose(one, other, rel_tol=1e-9) if numbers else bool(one == other)


def has(run: Run, wanted: Settings) -> bool:
    """Whether a run has these settings, and is under no control that they do not name."""
    same = all(key in run.settings and equal(run.settings[key], value) for key, value in wanted.items())
    return same and controls_of(run.settings).keys() <= wanted.keys()


def _settings(result: dict[str, Any]) -> Settings:
    identity = result.get("train_identity", {})
    known = dict(leaves({name: value for name, value in identity.items() if isinstance(value, dict)}))
    known |= {f"eval.{name}": value for name, value in result.get("settings", {}).get("eval", {}).items()}
    known = {"model.control": NONE, **{f"train.{task}{PASSIVE}": False for task in result.get("tasks", {})}} | known
    known |= {"seed": result["seed"], "model.architecture": result["architecture"]}
    return known | {axis["key"]: axis["value"] for axis in result.get("axes", {}).values()}
