"""Jobs of a sweep: a run each, with all its evaluations. A worker is told the run's id only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.config.former_names import updated
from bench.config.load import load
from bench.config.schema import Config
from bench.runs.folder import RunFolder
from bench.runs.identity import eval_id, run_id
from bench.system.errors import UserError
from sweeps.plan import Plan
from sweeps.point import Point


@dataclass(frozen=True)
class Job:
    """One run of a sweep, and every evaluation that the sweep asks of it."""

    points: tuple[Point, ...]

    @property
    def run_id(self) -> str:
        return self.folder.run_id

    @property
    def folder(self) -> RunFolder:
        return self.points[0].folder

    @property
    def done(self) -> bool:
        return all(point.status == "done" for point in self.points)


def jobs(plan: Plan) -> list[Job]:
    """The runs of a plan, in its order."""
    together: dict[str, list[Point]] = {}
    for point in plan.points:
        together.setdefault(point.folder.run_id, []).append(point)
    return [Job(tuple(points)) for points in together.values()]


def configs_of(sweep: Path, run: str) -> list[Config]:
    """The configs of a run's points, as a worker reads them from `sweep.json`.

    Raises UserError if the sweep has no such run, or if data, weights or presets have changed since it was written.
    """
    try:
        preset, asked = _asked(sweep, sweep.stat().st_mtime_ns)
    except FileNotFoundError as error:
        raise UserError(f"{sweep} is gone: plan again") from error
    if run not in asked:
        raise UserError(f"{sweep} has no run {run}")
    configs = []
    for point in asked[run]:
        config = load(preset, [*updated(point["overrides"]), "runtime.progress=false"])
        if (run_id(config), eval_id(config)) != (run, point["eval_id"]):
            raise UserError(
                f"{run}: settings, data or weights are no longer those that {sweep} was planned with: plan again"
            )
        configs.append(config)
    return configs


@lru_cache(maxsize=1)
def _asked(sweep: Path, written: int) -> tuple[str, dict[str, list[dict[str, Any]]]]:
    """The preset, and the points of each run, of a file as it was `written`: read once for many jobs."""
    content = json.loads(sweep.read_text(encoding="utf-8"))
    runs: dict[str, list[dict[str, Any]]] = {}
    for point in content["points"]:
        runs.setdefault(point["run_id"], []).append(point)
    return content["preset"], runs
