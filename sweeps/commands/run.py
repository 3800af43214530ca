"""`run`: do every run that is not done. `retry`: do those that failed, and only those.

Where: launcher.name=local (the default), with launcher.jobs=N worker processes; other launchers have other settings.
"""

from __future__ import annotations

import argparse
from collections import Counter

from bench.runs.failures import CLASSES
from bench.system.errors import UserError, nearest
from sweeps import launchers, runner
from sweeps.jobs import Job
from sweeps.plan import Plan
from sweeps.sequential import loop


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add arguments for the launcher and the failures to retry."""
    parser.add_argument("--jobs", type=int, metavar="N", help="the same as launcher.jobs=N")
    failing = parser.add_mutually_exclusive_group()
    failing.add_argument("--keep-going", action="store_true", help="a failing run stops no other (the default)")
    failing.add_argument("--fail-fast", action="store_true", help="stop at the first run that fails")
    names = ", ".join(sorted(launchers.catalogue()))
    parser.add_argument("--detach", action="store_true", help=f"submit and return (launchers: {names})")
    if command == "retry":
        parser.add_argument("--only", metavar="CLASS", help=f"failures of one class: {', '.join(CLASSES)}")


def run(command: str, plan: Plan, args: argparse.Namespace) -> int:
    """Returns 0, or 1 if a run failed. Raises UserError for a wrong request, before anything is run."""
    from bench.evaluation.metrics.parts.ptb import check_java

    kind, options = launchers.chosen(args.launcher, args.jobs)
    if args.detach and not kind.outlives:
        raise UserError("--detach: this launcher's jobs end with the command; use launcher.name=slurm, or nohup")
    if args.detach and plan.until:
        raise UserError("--detach: looks are taken between seeds, so the command has to stay; use nohup, or tmux")
    check_java()
    if plan.until and command == "run":
        if args.fresh:
            _say_fresh(plan)
        return loop.run(plan, lambda now: kind(now.results / "sweep.json", now.threads, options), args.fail_fast)
    todo = runner.to_do(plan)
    if command == "retry":
        todo = _failed(todo, args.only)
        if not todo:
            print("nothing to retry: no run of this sweep has failed")
            return 0
    if not todo:
        return runner.nothing_to_do(plan, runner.prepare(plan))
    launcher = kind(plan.results / "sweep.json", plan.threads, options)  # may refuse, so before anything is written
    runner.prepare(plan)
    if args.fresh:
        _say_fresh(plan)
    return runner.run(plan, todo, launcher, args.fail_fast, args.detach)


def _say_fresh(plan: Plan) -> None:
    again = plan.runs.name
    print(f"training anew into {plan.runs}; if interrupted, go on with --into {again} in place of --fresh")


def _failed(todo: list[Job], only: str | None) -> list[Job]:
    """The jobs that failed, of one class where asked; says how many of which class there are."""
    if only is not None and only not in CLASSES:
        raise UserError(f"--only: unknown class '{only}'{nearest(only, CLASSES)}")
    failed = {job.run_id: (job, failure) for job in todo if (failure := job.folder.failure())}
    for kind, count in Counter(failure.kind for _, failure in failed.values()).items():
        print(f"{count} failed: {kind} ({CLASSES[kind]})")
    return [job for job, failure in failed.values() if only in (None, failure.kind)]
