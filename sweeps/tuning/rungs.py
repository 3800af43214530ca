"""Rungs of a search, run by a launcher: one for all of them, so that workers import torch once."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from sweeps import plan as plans
from sweeps.console import Console, describe
from sweeps.events import Events
from sweeps.jobs import jobs
from sweeps.launchers import Launcher
from sweeps.plan import Plan
from sweeps.point import Point
from sweeps.tuning.candidates import diverged, settled, together


class Failed(Exception):
    """Candidates have no outcome. The message says why."""


class Rungs:
    """The launcher, and the file that tells its workers every candidate so far."""

    def __init__(self, plan: Plan, kind: type[Launcher], options: Any) -> None:
        """Candidates are listed in `plan.results`."""
        self.plan, self.kind, self.options = plan, kind, options
        self.launcher: Launcher | None = None

    def run(self, points: list[Point]) -> None:
        """Have the candidates of a rung settled. Raises Failed for one that did not diverge and has no result."""
        self.plan = replace(self.plan, points=together([*self.plan.points, *points]))
        rung = replace(self.plan, points=together(points))
        todo = [job for job in jobs(rung) if not settled(job.points[0])]
        if not todo:
            return
        for job in todo:
            job.folder.tidy()
        plans.write(self.plan)
        if self.launcher is None:
            self.launcher = self.kind(self.plan.results / "sweep.json", self.plan.threads, self.options)
        events = Events(self.launcher, todo)
        events.submit()
        total, failed = len(rung.points), list[str]()
        with Console(total, total - len(todo)) as console:
            for event in events:
                console.show(event)
                if event.kind == "failed" and not diverged(event.job.points[0]):
                    failed.append(f"failed: {describe(event.job)}: {event.error}")
        if failed:
            raise Failed("\n".join(failed))

    def close(self) -> None:
        """Stop the workers, unless they are a cluster's, which go on."""
        if self.launcher is None:
            return
        if not self.launcher.outlives:
            self.launcher.cancel()
        elif isinstance(sys.exc_info()[1], KeyboardInterrupt):
            print("\nno longer looking on; the submitted jobs go on", file=sys.stderr)
