"""List the runs of a sweep, with their status and estimates of time and disk space."""

from __future__ import annotations

import argparse

from bench.config.load import load
from bench.system.errors import UserError
from sweeps.estimate import Cost, Experience
from sweeps.jobs import Job, jobs
from sweeps.launchers.local import default_jobs
from sweeps.plan import Plan
from sweeps.runner import to_do

SHOWN = 200  # runs listed without --all


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add arguments for how much to show, and how to estimate."""
    parser.add_argument("--all", action="store_true", help=f"list every run, not the first {SHOWN} only")
    words = "count the FLOPs of runs whose like has never been done here (imports torch: seconds)"
    parser.add_argument("--count", action="store_true", help=words)
    words = "runs at a time, for the total (default: as many as `run` would start here)"
    parser.add_argument("--jobs", type=int, metavar="N", help=words)


def run(command: str, plan: Plan, args: argparse.Namespace) -> int:
    """Returns 0. Raises UserError for a wrong request."""
    if args.jobs is not None and args.jobs < 1:
        raise UserError(f"--jobs: must be at least 1, not {args.jobs}")
    sweep = plan.sweep
    print(f"question: {sweep.question.strip()}\nsource:   {sweep.source}")
    print(f"cost:     {sweep.cost}\nresults:  {plan.results}\n")
    open_ = to_do(plan)
    costs = estimated(plan, open_, args.count)
    listed = plan.points if args.all else plan.points[:SHOWN]
    for point in listed:
        status, cost = point.status, costs.get(point.folder.run_id)
        estimate = f"  {_time(cost.seconds)}, {cost.disk / 1e6:.0f} MB" if cost and status != "done" else ""
        print(f"{status:8} {point.folder.run_id:28} {point.label}{estimate}")
    if len(listed) < len(plan.points):
        print(f"... and {len(plan.points) - len(listed)} more (--all)")
    for reason in plan.left_out:
        print(f"left out: {reason}")
    print(_total(len(jobs(plan)), open_, costs, args.jobs or default_jobs()))
    if until := plan.until:
        more = len(until.candidates) - len(plan.points)
        print(f"until decided: the first look at {until.first} seeds, {more} runs more at most ({until.at_most} seeds)")
    return 0


def estimated(plan: Plan, open_: list[Job], count: bool) -> dict[str, Cost]:
    """Estimated cost of each job, where it is known; a run that has begun counts whole."""
    if not open_:
        return {}
    experience = Experience(plan.runs)
    known: dict[str, Cost] = {}
    counted: dict[str, Cost] = {}
    for job in open_:
        point = job.points[0]
        cost = experience.cost(point.shape, point.step)
        if cost is None and count:
            key = f"{point.shape} {point.step}"
            if key not in counted:
                counted[key] = _counted(plan, job, experience.flops_rate)
            cost = counted[key]
        if cost:
            known[job.run_id] = cost
    return known


def _counted(plan: Plan, job: Job, rate: float | None) -> Cost:
    from bench.experiment.estimate import counted, multiplying_rate

    config = load(plan.preset, job.points[0].overrides)
    flops, checkpoint = counted(config)
    basis = "counted FLOPs, at the rate of finished runs of other shapes"
    if rate is None:
        rate = multiplying_rate(config)
        basis = "counted FLOPs, at the rate of bare matmuls: training alone takes at least this"
    return Cost(flops / rate, checkpoint * config.runtime.keep_checkpoints, basis)


def _total(runs: int, open_: list[Job], costs: dict[str, Cost], at_a_time: int) -> str:
    """Total of the estimates, and their basis."""
    lines = [f"\n{runs} runs, {len(open_)} to do"]
    if costs:
        seconds, disk = (sum(getattr(cost, name) for cost in costs.values()) for name in ("seconds", "disk"))
        lines[0] += f": {_time(seconds / at_a_time)} with {at_a_time} at a time, {disk / 1e9:.2g} GB"
        lines += [f"  by {basis}" for basis in sorted({cost.basis for cost in costs.values()})]
    if unknown := len(open_) - len(costs):
        lines.append(f"  {unknown} of them unlike any run that is done here: --count counts their FLOPs")
    return "\n".join(lines)


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
