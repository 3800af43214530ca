"""List the runs of a sweep: what is done, what is not, and what that should take in time and on disk."""

from __future__ import annotations

import argparse

from sweeps.plan import Plan

SHOWN = 200  # runs listed without --all


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """How much to show."""
    parser.add_argument("--all", action="store_true", help=f"list every run, not the first {SHOWN} only")


def run(command: str, plan: Plan, args: argparse.Namespace) -> int:
    """Returns 0."""
    sweep = plan.sweep
    print(f"question: {sweep.question.strip()}\nsource:   {sweep.source}")
    print(f"cost:     {sweep.cost}\nresults:  {plan.results}\n")
    listed = plan.points if args.all else plan.points[:SHOWN]
    for point in listed:
        print(f"{point.status:8} {point.folder.run_id:28} {point.label}")
    if len(listed) < len(plan.points):
        print(f"... and {len(plan.points) - len(listed)} more (--all)")
    return 0
