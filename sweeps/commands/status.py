"""State of a sweep, read from its files alone: a count, and a row for every run that is under way or failed."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from bench.runs import lease
from sweeps.plan import Plan
from sweeps.point import Point
from sweeps.sequential import looks, seeds
from sweeps.sequential.looks import Looks

EVERY = 2.0  # seconds between looks
ORDER = ("done", "running", "partial", "failed", "pending")


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add arguments for how much to show."""
    parser.add_argument(
        "--watch", action="store_true", help="look again every two seconds, until nothing is left to do"
    )
    parser.add_argument("--all", action="store_true", help="a row for the runs that are done or pending, too")


def run(command: str, plan: Plan, args: argparse.Namespace) -> int:
    """Returns 0, whatever the runs did."""
    looked, known = None, Looks(0, [], set(), [])
    while True:
        plan = seeds.again(plan) if plan.until else plan
        statuses = [point.status for point in plan.points]
        lines = table(plan, statuses, args.all)
        if plan.until and (done := statuses.count("done")) and done != looked:
            known, looked = looks.ask(plan.results), done
        lines += [*known.closed, *known.open, *known.summary]
        if args.watch and sys.stdout.isatty():
            print("\033[H\033[2J", end="")  # to the top of an empty screen
        print("\n".join(lines), flush=True)
        if not args.watch or (not known.needed and all(status in ("done", "failed") for status in statuses)):
            return 0
        time.sleep(EVERY)


def table(plan: Plan, statuses: list[str], everything: bool) -> list[str]:
    """The lines to print."""
    counts = Counter(statuses)
    said = ", ".join(f"{counts[name]} {name}" for name in ORDER)
    lines = [f"{plan.sweep.name} {plan.preset}: {said}; results in {plan.results}"]
    shown = ORDER if everything else ("running", "partial", "failed")
    rows = [
        (status, point.folder.run_id, point.label, _progress(point, status))
        for point, status in zip(plan.points, statuses, strict=True)
        if status in shown
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row[:3], widths, strict=True)]
        lines.append("  ".join([*cells, row[3]]).rstrip())
    return lines


def _progress(point: Point, status: str) -> str:
    """Progress of a run and its owner, or why it failed."""
    if status == "failed":
        failure = point.folder.failure()
        return f"{failure.kind}: {failure.message} ({point.folder.error_file})" if failure else ""
    if status not in ("running", "partial"):
        return ""
    row = point.folder.last_metrics()
    parts = [f"step {row['step']} of {point.step}"] if row else ["before its first step"]
    if row and "loss" in row:
        parts.append(f"loss {row['loss']:.3g}")
    if row and status == "running" and row["step"] < point.step and row.get("seconds"):
        parts.append(f"{(point.step - row['step']) * row['seconds'] / row['step'] / 60:.1f} min of training left")
    elif row and row["step"] >= point.step:
        parts.append("trained, not scored yet")
    if status == "running" and (seen := lease.lease_state(point.folder.lease_files)):
        parts.append(str(seen.owner))
    return ", ".join(parts)
