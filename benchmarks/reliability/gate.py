"""`python -m benchmarks.reliability.gate`: false and missed alarms of the regression check.

Trains the preset `gate`: ten seeds for a baseline, the three seeds of `make regress` with each of the planted faults,
and 60 fresh seeds that make 20 unchanged repeats of three. What is done is kept in results/bench/gate, so the same
command goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from bench.system.command_line import Parser, exit_status
from benchmarks.reliability.faults import FAULTS, SCORING, TRAINING, Fault
from reports.regression import baseline, checks, comparing, measured, text
from reports.regression.baseline import Baseline
from reports.regression.measured import Session
from sweeps import plan as plans
from sweeps import runner
from sweeps.launchers import local
from sweeps.report import Report

PLACE = Path("results/bench/gate")
BLESSED, GATED, FRESH = range(10), range(3), range(1000, 1060)  # seeds
SPLITS = 1000
NORMAL = list(local.WORKER)


def main(arguments: list[str]) -> int:
    """Returns 0 if at most one unchanged repeat raised an alarm and every fault did."""
    parser = Parser(prog="python -m benchmarks.reliability.gate", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--place", type=Path, default=PLACE, help="where runs are kept")
    asked = parser.parse_args(arguments)
    Report.build = lambda self: None  # type: ignore[method-assign]
    asked.place.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(asked.place):
        blessed = baseline.made(measured.read(trained("baseline", BLESSED, asked.jobs)))
        print(f"baseline: {len(blessed.runs)} runs, {checks.family(blessed.checks)} checks of means", flush=True)
        missed = [name for name, fault in FAULTS.items() if not alarmed(name, fault, blessed, asked.jobs)]
        fresh = measured.read(trained("repeats", FRESH, asked.jobs))
        false = repeats(fresh, blessed)
        print(f"{splits(fresh, blessed)} of {SPLITS} random splits of all unchanged seeds alarmed", flush=True)
    print(f"{len(FAULTS) - len(missed)} of {len(FAULTS)} faults found; {false} of {len(FRESH) // 3} repeats alarmed")
    return 1 if missed or false > 1 else 0


def trained(into: str, seeds: range, jobs: int, worker: list[str] = NORMAL) -> Path:
    """The results folder of the regression sweep with these seeds, its runs done."""
    made = planned(into, seeds)
    runner.prepare(made)
    if todo := runner.to_do(made):
        local.WORKER[:] = worker
        launcher = local.Local(made.results / "sweep.json", made.threads, local.LocalOptions(jobs=jobs))
        runner.run(made, todo, launcher)
    return made.results


def planned(into: str, seeds: range) -> plans.Plan:
    return plans.make("regress", "gate", [f"seed={list(seeds)}", "runtime.cache=cache"], into)


def repeats(fresh: Session, blessed: Baseline) -> int:
    """How many repeats of three fresh seeds raise an alarm; prints what alarmed, and how near the others came."""
    alarms, nearest = 0, dict[str, float]()
    for first in FRESH[::3]:
        runs = [run for run in fresh.runs if first <= run.seed < first + 3]
        found = comparing.compare(replace(fresh, runs=runs), blessed)
        alarms += not found.passed
        for row in found.rows:
            nearest[row.check.kind] = max(nearest.get(row.check.kind, 0.0), used(row))
        for row in found.drifted:
            print(f"seeds {first} to {first + 2}: {said(row, fresh.metrics)}", flush=True)
    for kind, share in nearest.items():
        print(f"largest share of a bound that was used, {kind}: {share:.2f}", flush=True)
    return alarms


def splits(fresh: Session, blessed: Baseline) -> int:
    """How often ten seeds as the baseline raise an alarm at three others, drawn by chance from all unchanged ones."""
    chance, alarms = random.Random(0), 0
    for _ in range(SPLITS):
        seeds = chance.sample([*BLESSED, *FRESH], len(BLESSED) + len(GATED))
        first, second = (
            replace(fresh, runs=[run for run in (*blessed.runs, *fresh.runs) if run.seed in half])
            for half in (seeds[: len(BLESSED)], seeds[len(BLESSED) :])
        )
        alarms += not comparing.compare(second, baseline.made(first)).passed
    return alarms


def used(row: comparing.Row) -> float:
    """How much of the way from the baseline's mean to its bound the number has gone."""
    check, observed = row.check, row.observed
    if observed is None or check.high is None or check.high == check.mean:
        return 0.0
    return abs(observed - check.mean) / (check.high - check.mean)


def alarmed(name: str, fault: Fault, blessed: Baseline, jobs: int) -> bool:
    """Test whether the regression check finds the fault, and print how."""
    into = name.replace(" ", "-").replace("/", "-")
    share(fault, planned("baseline", GATED), Path("runs") / into)
    worker = [sys.executable, "-m", "benchmarks.reliability.faults", name]
    found = comparing.compare(measured.read(trained(into, GATED, jobs, worker)), blessed)
    print(f"{name}: {len(found.drifted)} checks drifted, {len(found.session.failed)} runs failed", flush=True)
    for row in found.drifted:
        print(f"    {said(row, found.session.metrics)}", flush=True)
    return not found.passed


def share(fault: Fault, unchanged: plans.Plan, runs: Path) -> None:
    """Copy what the fault cannot touch: runs of other architectures, or all training where only scoring is at fault."""
    for point in [] if fault.touches == TRAINING or runs.exists() else unchanged.points:
        if fault.touches == SCORING:
            shutil.copytree(point.folder.path, runs / point.folder.run_id, ignore=shutil.ignore_patterns("evals"))
        elif point.architecture != fault.touches:
            shutil.copytree(point.folder.path, runs / point.folder.run_id)


def said(row: comparing.Row, metrics: comparing.Metrics) -> str:
    """A drifted check in a line."""
    observed = "nothing" if row.observed is None else f"{row.observed:.5g}"
    bounds = row.why or f"bounds {text.bounds(row.check)}"
    return f"{row.check.architecture} {text.name(row.check.measure, metrics)}: {observed}, {bounds}"


if __name__ == "__main__":
    sys.exit(exit_status(lambda: main(sys.argv[1:])))
