"""Run what is missing of a sweep, say what happens, and keep the report fresh. No torch: the workers have it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from sweeps import plan as plans
from sweeps.launchers import Event, local
from sweeps.plan import Plan, Point

SHOWN = ("fid", "image_attributes", "caption_attributes", "cider")  # metrics told as a run finishes, where measured


def run(plan: Plan, jobs: int) -> int:
    """Do every run that is not done; a failing one does not stop the others. Returns the exit status, 0 or 1."""
    changed = plans.write(plan)
    todo = [point for point in plan.points if point.status != "done"]
    report = Report(plan.results)
    if not todo:
        print(f"nothing to do: all {len(plan.points)} runs are done, see {plan.results}")
        if changed or not (plan.results / "runs.csv").exists():
            report.build()
        return 0
    jobs = min(jobs, len(todo))
    workers = f"{jobs} worker{'s' * (jobs > 1)}"
    print(f"{plan.sweep.name}: {len(plan.points)} runs, {len(todo)} to do with {workers}", flush=True)
    failed: list[Event] = []
    begin = time.monotonic()
    report.start()
    events = local.launch(plan, todo, jobs)
    try:
        with Console(len(plan.points), len(plan.points) - len(todo)) as console:
            for event in events:
                console.show(event)
                if event.kind == "failed":
                    failed.append(event)
                if event.kind == "done":
                    report.refresh()
    finally:
        events.close()  # stops the workers
        report.finish()
    minutes = (time.monotonic() - begin) / 60
    print(f"{len(todo) - len(failed)} of {len(todo)} runs done in {minutes:.1f} min, see {plan.results}")
    for event in failed:
        print(f"failed: {describe(event.point)}: {event.error} ({event.point.folder.error_file})", file=sys.stderr)
    return 1 if failed else 0


def describe(point: Point) -> str:
    """A run and the values of the axes that set it apart."""
    return f"{point.folder.run_id} {point.label}".rstrip()


class Console:
    """One line per event; on a terminal a progress bar with the time left below them."""

    def __init__(self, total: int, done: int) -> None:
        """Count from `done` of `total` runs."""
        from tqdm import tqdm

        self.total, self.finished = total, done
        self.bar = tqdm(total=total, initial=done, unit="run", disable=not sys.stderr.isatty(), dynamic_ncols=True)

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def show(self, event: Event) -> None:
        """Say what happened."""
        if event.kind in ("done", "failed"):
            self.finished += 1
            self.bar.update()
        said = {
            "started": "started",
            "done": ", ".join([f"done in {event.seconds:.0f} s", *shown_metrics(event.metrics)]),
            "failed": f"FAILED after {event.seconds:.0f} s: {event.error}",
            "held": f"is worked on by {event.error}: looking again later",
            "retried": f"{event.error}: trying once more",
        }[event.kind]
        self.bar.write(f"[{self.finished}/{self.total}] {describe(event.point)} {said}")
        sys.stdout.flush()


def shown_metrics(metrics: dict[str, float]) -> list[str]:
    """The chief metrics as words."""
    return [f"{name} {metrics[name]:.3g}" for name in SHOWN if metrics.get(name) is not None]


class Report(threading.Thread):
    """Builds the tables and figures of a results folder in a process of its own, never twice at once."""

    def __init__(self, results: Path) -> None:
        super().__init__(daemon=True)
        self.results = results
        self.wanted = threading.Event()
        self.over = False

    def refresh(self) -> None:
        """Ask for a new report; requests that come while one is built are met by one more."""
        self.wanted.set()

    def finish(self) -> None:
        """Build a last report, of everything there is, and wait for it."""
        self.over = True
        self.wanted.set()
        self.join()

    def run(self) -> None:
        """Build whenever asked, until `finish`."""
        last = False
        while not last:
            self.wanted.wait()
            self.wanted.clear()
            last = self.over  # read before building: what lands later asks again
            self.build()

    def build(self) -> None:
        """Build the report now; its failure is shown and stops nothing."""
        command = [sys.executable, "-m", "reports", "build", str(self.results)]
        # A session of its own: Ctrl-C stops the runs, the report of what is done gets finished.
        answer = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
        if answer.returncode:
            last = (answer.stderr.strip().splitlines() or ["no message"])[-1]
            print(f"the report of {self.results} failed: {last}", file=sys.stderr)
