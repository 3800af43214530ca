"""From a request to its runs: points with identity and status, and the sweep.json that reports read. No torch."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import config as configs
from bench import identity
from bench.files import write_atomically
from bench.store import SCHEMA, RunFolder, check_schema, writing_to
from sweeps import grid

RESULTS = Path("results")


@dataclass(frozen=True)
class Point:
    """One run of a sweep."""

    architecture: str
    seed: int
    overrides: list[str]
    folder: RunFolder
    eval_id: str
    step: int
    label: str  # the values of the axes

    @property
    def status(self) -> str:
        """pending, running, partial, failed or done."""
        return self.folder.status(self.eval_id, self.step)


@dataclass(frozen=True)
class Plan:
    """A sweep as asked for: where its results go and its runs, in the order to run them."""

    sweep: grid.Sweep
    preset: str
    results: Path
    runs: Path
    threads: int  # CPU threads of each run
    points: list[Point]


def make(name: str, preset: str, overrides: list[str], fresh: str | None = None) -> Plan:
    """Resolve every point of the sweep. With `fresh`, runs and results go to folders of that name, so all train anew.

    Raises UserError for whatever is wrong with the request, before anything is run or written.
    """
    sweep = grid.narrow(grid.read(name), overrides)
    results = RESULTS / (grid.folder_name(name, preset, overrides) + (f"-{fresh}" if fresh else ""))
    check_schema(results / "sweep.json")
    points, runs, threads = [], Path(), 1
    for point in grid.points(sweep):
        config = configs.load(preset, point)
        if fresh:
            config.runtime.runs = str(Path(config.runtime.runs) / fresh)
        runs, threads = Path(config.runtime.runs), config.runtime.threads
        # Overrides run in another process: they must say all that this one resolved.
        resolved = [f"runtime.runs={json.dumps(config.runtime.runs)}", f"train.precision={config.train.precision}"]
        overrides_there = [*point, *resolved]
        folder = identity.run_folder(config)
        label = " ".join(
            override.partition("=")[0].rpartition(".")[2] + "=" + override.partition("=")[2]
            for override in point
            if override.partition("=")[0] in sweep.grid and not override.startswith("model.architecture=")
        )
        points.append(
            Point(
                config.model.architecture,
                config.seed,
                overrides_there,
                folder,
                identity.eval_id(config),
                config.train.steps,
                label,
            )
        )
    return Plan(sweep, preset, results, runs, threads, points)


def write(plan: Plan) -> bool:
    """Write sweep.json into the results folder. Returns whether that changed anything.

    Raises UserError if the folder cannot be written.
    """
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "name": plan.sweep.name,
        "preset": plan.preset,
        "question": plan.sweep.question,
        "source": plan.sweep.source,
        "plot": plan.sweep.plot,
        "runs_root": os.path.relpath(plan.runs, plan.results),
        "points": [
            {"run_id": point.folder.run_id, "eval_id": point.eval_id, "step": point.step, "overrides": point.overrides}
            for point in plan.points
        ],
    }
    text = json.dumps(content, indent=1)
    path = plan.results / "sweep.json"
    with writing_to(plan.results):
        if path.exists() and path.read_text() == text:
            return False
        plan.results.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    return True
