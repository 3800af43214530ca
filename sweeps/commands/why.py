"""Explain why runs are not done yet: the settings that differ from the most similar finished run.

Without --run every run of the sweep that is not done is explained.
"""

from __future__ import annotations

import argparse

from bench.config.load import load
from bench.runs.identity import eval_identity, train_identity
from bench.system.errors import UserError, nearest
from sweeps.plan import Plan
from sweeps.point import Point
from sweeps.settings_diff import differences, finished, flat


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add arguments for the runs to explain."""
    parser.add_argument("--run", metavar="RUN", help="one run, by its id or the beginning of it")


def run(command: str, plan: Plan, args: argparse.Namespace) -> int:
    """Returns 0. Raises UserError for a run that the sweep does not have."""
    asked = _asked(plan, args.run)
    others = finished(plan.runs)
    if not asked:
        print(f"all {len(plan.points)} runs are done")
    for point in asked:
        print(f"{point.folder.run_id} {point.label}: {point.status}")
        config = load(plan.preset, point.overrides)
        mine = flat({"train": train_identity(config), "eval": eval_identity(config)})
        best = min(
            (other for other in others if other.run_id != point.folder.run_id or other.eval_id != point.eval_id),
            key=lambda other: len(differences(mine, other.settings)),
            default=None,
        )
        if best is None:
            print(f"  no run in {plan.runs} is done")
            continue
        print(f"  nearest finished run: {best.run_id}")
        for key, (here, there) in differences(mine, best.settings).items():
            print(f"    {key}: {here} here, {there} there")
    return 0


def _asked(plan: Plan, run: str | None) -> list[Point]:
    if run is None:
        return [point for point in plan.points if point.status != "done"]
    found = [point for point in plan.points if point.folder.run_id.startswith(run)]
    if not found:
        raise UserError(f"--run: the sweep has no run '{run}'{nearest(run, (p.folder.run_id for p in plan.points))}")
    return found
