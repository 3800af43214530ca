"""`python -m sweeps plan|run|status NAME [PRESET] [key=value ...]`: many experiments, none of them twice."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from bench.command_line import Parser, add_request, exit_status, split_request
from bench.errors import UserError
from sweeps import grid, plan
from sweeps.plan import Plan

EPILOG = """\
A setting that is an axis of the sweep replaces its values: seed=[0,1] model.architecture=[dual_tower,single_tower]
Any other setting holds for every run: train.steps=500
Results go to results/NAME, those of another preset or of a part of the grid to a folder of their own.
A run that is done is never trained again; a run that was interrupted goes on where it stopped.
"""


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status. Raises UserError for a wrong request."""
    args = _parser().parse_intermixed_args(arguments)
    if args.jobs is not None and args.jobs < 1:
        raise UserError(f"--jobs: must be at least 1, not {args.jobs}")
    if args.into and ("/" in args.into or args.into.startswith(".")):
        raise UserError(f"--into: '{args.into}' is no plain folder name")
    preset, overrides = split_request(args.request)
    into = f"fresh-{time.strftime('%Y%m%d-%H%M%S')}" if args.fresh else args.into
    planned = plan.make(args.name, preset, overrides, into)
    return {"plan": _plan, "run": _run, "status": _status}[args.command](planned, args)


def _parser() -> Parser:
    parser = Parser(
        prog="python -m sweeps",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = "plan: list the runs; run: do those that are not done; status: count them"
    parser.add_argument("command", choices=["plan", "run", "status"], help=commands)
    parser.add_argument("name", metavar="NAME", help=f"the sweep: {', '.join(grid.names())}")
    add_request(parser)
    parser.add_argument("--jobs", type=int, metavar="N", help="worker processes (default: one a core; with a GPU one)")
    anew = parser.add_mutually_exclusive_group()
    anew.add_argument("--fresh", action="store_true", help="train everything anew, in new run and results folders")
    anew.add_argument("--into", metavar="NAME", help="go on with the --fresh run and results folders of this name")
    return parser


def _plan(planned: Plan, args: argparse.Namespace) -> int:
    sweep = planned.sweep
    print(f"question: {sweep.question.strip()}\nsource:   {sweep.source}")
    print(f"cost:     {sweep.cost}\nresults:  {planned.results}\n")
    for point in planned.points:
        print(f"{point.status:8} {point.folder.run_id:28} {point.label}")
    return 0


def _status(planned: Plan, args: argparse.Namespace) -> int:
    statuses = Counter(point.status for point in planned.points)
    counts = ", ".join(f"{statuses[name]} {name}" for name in ("done", "running", "partial", "failed", "pending"))
    print(f"{planned.sweep.name} {planned.preset}: {counts}; results in {planned.results}")
    for point in planned.points:
        if point.status == "failed":
            last = (point.folder.error_file.read_text().strip().splitlines() or ["no message"])[-1]
            print(f"failed: {point.folder.run_id} {point.label}: {last} ({point.folder.error_file})")
    return 0


def _run(planned: Plan, args: argparse.Namespace) -> int:
    from bench import provenance
    from bench.metrics.ptb import check_java
    from sweeps import runner
    from sweeps.launchers import local

    check_java()
    if args.fresh:
        again = planned.runs.name
        print(f"training anew into {planned.runs}; if interrupted, go on with --into {again} in place of --fresh")
    return runner.run(planned, args.jobs or local.default_jobs(provenance.gpu() is not None))


if __name__ == "__main__":
    sys.exit(exit_status(lambda: main(sys.argv[1:])))
