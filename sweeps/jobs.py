"""A job is a run to do: all that a worker is told is its id. Points that share a training are one job."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from bench.config import Config, load
from bench.errors import UserError
from bench.identity import eval_id, run_id
from bench.store import RunFolder
from sweeps.plan import Plan, Point


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
    content = json.loads(sweep.read_text())
    asked = [point for point in content["points"] if point["run_id"] == run]
    if not asked:
        raise UserError(f"{sweep} has no run {run}")
    configs = []
    for point in asked:
        config = load(content["preset"], [*point["overrides"], "runtime.progress=false"])
        if (run_id(config), eval_id(config)) != (run, point["eval_id"]):
            raise UserError(
                f"{run}: settings, data or weights are no longer those that {sweep} was planned with: plan again"
            )
        configs.append(config)
    return configs
