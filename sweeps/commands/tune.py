"""Find each arm's own learning rate: by equal budget and successive halving, on validation data alone.

Candidates are ordinary runs, so an interrupted search goes on where it stopped. Its outcome is a file that
`run NAME --tuned FILE` takes. Settings: tune.factors=[0.25,0.5,1,2,4] tune.rungs=[0.25,0.5,1] tune.keep=0.5
tune.seeds=[1000] tune.score=rank|standing tune.metrics=[] tune.arms=architecture|row tune.further=true
"""

from __future__ import annotations

import argparse
import shlex
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bench.config.expand import ConfigGrid
from bench.runs import identity
from bench.system.errors import UserError
from sweeps import grid, launchers
from sweeps.dimensions import folder_name
from sweeps.plan import Plan
from sweeps.tuning import outcome, settings
from sweeps.tuning.arms import arms as arms_of
from sweeps.tuning.candidates import Candidates, check_lengths
from sweeps.tuning.halving import sizes
from sweeps.tuning.rungs import Failed, Rungs
from sweeps.tuning.search import climbs_of, search
from sweeps.tuning.tuned import request as base_request

FOLDER = Path("tuned")


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add arguments for the launcher and the file."""
    parser.add_argument("--jobs", type=int, metavar="N", help="the same as launcher.jobs=N")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the file to write (default: tuned/NAME.yaml)")
    parser.add_argument("--plan", action="store_true", help="say the budget, and train nothing")


def run(command: str, plan: Plan, args: argparse.Namespace) -> int:
    """Returns 0, or 1 if a candidate failed otherwise than by diverging. Raises UserError for a wrong request."""
    from bench.evaluation.metrics.parts.ptb import check_java

    tuning, sweep = settings.read(args.tune), plan.sweep
    launcher = launchers.chosen(args.launcher, args.jobs)
    if "eval.split" in (*sweep.fixed, *sweep.axes):
        raise UserError("eval.split: tuning uses the validation split alone; leave it out")
    if both := {point.seed for point in plan.points} & {*tuning.seeds}:
        raise UserError(f"tune.seeds: {min(both)} is a seed of the sweep, whose luck would count twice; give another")
    fixed = [f"{key}={text}" for key, text in sweep.fixed.items()]
    configs = ConfigGrid(plan.preset, fixed)
    configs.base.runtime.runs = str(plan.runs)
    arms = arms_of(sweep, configs, tuning.arms, tuning.further)
    check_lengths(arms, tuning)
    counts = sizes(len(tuning.factors), len(tuning.rungs), tuning.keep)
    print(outcome.plan_of(arms, climbs_of(arms), counts, len(tuning.seeds), tuning.rungs), flush=True)
    if args.plan:
        return 0
    data = sorted({identity.train_identity(arm.config)["data"]["digest"] for arm in arms})
    asked: dict[str, Any] = {"sweep": sweep.name, **base_request(sweep, plan.preset), "data": data}
    asked |= {"arms": [dict(arm.settings) for arm in arms], "tune": asdict(tuning)}
    path = args.output or FOLDER / f"{_name(plan, args)}.yaml"
    outcome.check_free(path, asked)
    check_java()
    if args.fresh:
        print(f"training anew; if interrupted, go on with --into {plan.runs.name} in place of --fresh")
    rungs = Rungs(replace(plan, results=path.with_suffix(""), points=[]), *launcher)
    try:
        found = search(arms, tuning, Candidates(configs, fixed, tuning), rungs.run)
    except Failed as failed:
        print(failed)
        return 1
    finally:
        rungs.close()
    outcome.write(path, outcome.content(asked, _command(args), found))
    print(outcome.shown(found, path))
    return 0


def _name(plan: Plan, args: argparse.Namespace) -> str:
    """The name that the sweep's results have, whatever its seeds."""
    whole = grid.read(args.name)
    seeds = next(place for place, dimension in enumerate(whole.dimensions) if "seed" in dimension.axes)
    dimensions = [*plan.sweep.dimensions]
    dimensions[seeds] = whole.dimensions[seeds]
    name = folder_name(whole, replace(plan.sweep, dimensions=tuple(dimensions)), plan.preset)
    return f"{name}-{plan.runs.name}" if args.fresh or args.into else name


def _command(args: argparse.Namespace) -> str:
    """The command that finds the same again, wherever it runs."""
    words = [word for word in args.request if not word.startswith(("launcher.", "runtime.runs="))]
    return "python -m sweeps tune " + shlex.join([args.name, *words])
