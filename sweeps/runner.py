"""Run what is missing of a sweep, say what happens, and keep the report fresh. No torch: the workers have it."""

from __future__ import annotations

import sys
import time

from bench.system.errors import writing_to
from bench.system.files import remove_drafts
from sweeps import plan as plans
from sweeps.console import Console, describe
from sweeps.events import Event, Events
from sweeps.jobs import Job, jobs
from sweeps.launchers import Launcher
from sweeps.plan import Plan
from sweeps.report import Report


def to_do(plan: Plan) -> list[Job]:
    """The jobs that are not done."""
    return [job for job in jobs(plan) if not job.done]


def prepare(plan: Plan) -> bool:
    """Remove what dead processes left, and write the sweep's file, which workers and reports read.

    Returns whether the file changed.
    """
    with writing_to(plan.results):
        if plan.results.is_dir():
            remove_drafts(plan.results)
    for job in jobs(plan):
        job.folder.tidy()
    return plans.write(plan)


def nothing_to_do(plan: Plan, changed: bool) -> int:
    """Say so; make the report if it is missing."""
    print(f"nothing to do: all {len(plan.points)} runs are done, see {plan.results}")
    if changed or not (plan.results / "runs.csv").exists():
        Report(plan.results).build()
    return 0


def run(plan: Plan, todo: list[Job], launcher: Launcher, fail_fast: bool = False, detach: bool = False) -> int:
    """Have `todo` done; a failing run stops no other, unless `fail_fast`. With `detach` return once all is submitted.

    Returns the exit status, 0 or 1.
    """
    total = len(jobs(plan))
    print(f"{plan.sweep.name}: {total} runs, {len(todo)} to do", flush=True)
    events = Events(launcher, todo)
    events.submit()
    if detach:
        print(f"submitted; the same command without --detach looks on, and so does `status`; results: {plan.results}")
        return 0
    begin, failed, report = time.monotonic(), list[Event](), Report(plan.results)
    report.start()
    try:
        with Console(total, total - len(todo)) as console:
            for event in events:
                console.show(event)
                if event.kind == "done":
                    report.refresh()
                if event.kind == "failed":
                    failed.append(event)
                    if fail_fast:
                        break
    except KeyboardInterrupt:
        if launcher.outlives:
            print(
                "\nno longer looking on; the submitted jobs go on, and the same command looks on again", file=sys.stderr
            )
        raise
    finally:
        if not launcher.outlives or (fail_fast and failed):
            launcher.cancel()
        report.finish()
    return _summary(plan, todo, failed, len(events.open), (time.monotonic() - begin) / 60)


def _summary(plan: Plan, todo: list[Job], failed: list[Event], left: int, minutes: float) -> int:
    done = len(todo) - len(failed) - left
    skipped = f", {left} left out (--fail-fast)" if left else ""
    print(f"{done} of {len(todo)} runs done in {minutes:.1f} min{skipped}, see {plan.results}")
    for event in failed:
        where = f" ({event.job.folder.error_file})" if event.job.folder.error_file.exists() else ""
        print(f"failed: {describe(event.job)}: {event.error}{where}", file=sys.stderr)
    if failed:
        print("`retry` in place of `run` does only these again, once their cause is gone", file=sys.stderr)
    return 1 if failed else 0
