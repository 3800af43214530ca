"""Remove files that a sweep's runs no longer need: of dead processes, and checkpoints before a trained run's last.

Results, metrics and provenance are never touched. Lists everything with its size and asks first.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.runs import lease
from bench.system.errors import UserError, writing_to
from bench.system.files import size_of
from sweeps.jobs import Job, jobs
from sweeps.plan import Plan


@dataclass(frozen=True)
class Leftover:
    """A file or folder that may be removed."""

    path: Path
    reason: str


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add arguments for what to remove, and whether to ask first."""
    words = "the last checkpoints of runs that are done, too: they can then not be scored or sampled in another way"
    parser.add_argument("--checkpoints", action="store_true", help=words)
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(command: str, plan: Plan, args: argparse.Namespace) -> int:
    """Returns 0. Raises UserError where nobody can be asked."""
    runs = jobs(plan)
    found = [leftover for job in runs for leftover in leftovers(job, args.checkpoints)]
    logs = plan.results / "jobs"
    if logs.exists() and all(job.done for job in runs):
        found.append(Leftover(logs, "a cluster's logs of runs that are done"))
    if not found:
        print("nothing to remove")
        return 0
    sizes = [size_of(leftover.path) for leftover in found]
    for leftover, size in zip(found, sizes, strict=True):
        print(f"{size / 1e6:9.1f} MB  {leftover.path}  ({leftover.reason})")
    print(f"{sum(sizes) / 1e6:9.1f} MB in {len(found)} places")
    if not args.yes:
        if not sys.stdin.isatty():
            raise UserError("nobody to ask here: nothing removed; --yes removes what is listed")
        if input("Remove all of it? [y/N] ").strip().lower() not in ("y", "yes"):
            print("nothing removed")
            return 0
    for leftover in found:
        with writing_to(leftover.path.parent):
            shutil.rmtree(leftover.path) if leftover.path.is_dir() else leftover.path.unlink(missing_ok=True)
    print("removed")
    return 0


def leftovers(job: Job, last_too: bool) -> list[Leftover]:
    """Files of one run that may be removed: none while a process works on it."""
    folder = job.folder
    if lease.seems_alive(folder.lease_files):
        return []
    found = [
        Leftover(path, "left by a dead process") for path in (*folder.path.rglob(".*.draft"), folder.path / "attempts")
    ]
    last = folder.checkpoint(job.points[0].step)
    if last.exists():
        old = [path for path in sorted(folder.checkpoints.glob("step-*.ckpt")) if path != last]
        found += [Leftover(path, "before the last of a trained run") for path in old]
        if last_too and job.done:
            found.append(Leftover(last, "of a run that is done"))
    return [leftover for leftover in found if leftover.path.exists()]
