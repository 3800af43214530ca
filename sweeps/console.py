"""Console output of a running sweep: a line an event; on a terminal a bar with the time left below them."""

from __future__ import annotations

import sys

from sweeps.events import Event
from sweeps.jobs import Job

SHOWN = ("fid", "image_attributes", "caption_attributes", "cider")  # metrics printed as a run finishes


class Console:
    """Console output of a sweep; a context manager."""

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
        """Print an event."""
        if event.kind in ("done", "failed"):
            self.finished += 1
            self.bar.update()
        said = {
            "started": "started",
            "done": ", ".join([f"done in {event.seconds:.0f} s", *_shown(event.metrics)]),
            "failed": f"FAILED after {event.seconds:.0f} s: {event.error}",
            "held": f"is worked on elsewhere ({event.error}): waiting for it",
            "free": "is nobody's any more: taking it over",
            "retried": f"{event.error}: trying once more",
        }[event.kind]
        self.bar.write(f"[{self.finished}/{self.total}] {describe(event.job)} {said}")
        sys.stdout.flush()


def describe(job: Job) -> str:
    """A run and the values of the axes that set it apart."""
    more = f" and {len(job.points) - 1} more evaluations" if len(job.points) > 1 else ""
    return f"{job.run_id} {job.points[0].label}{more}".rstrip()


def _shown(metrics: dict[str, float]) -> list[str]:
    """Headline metrics as text."""
    return [f"{name} {metrics[name]:.3g}" for name in SHOWN if metrics.get(name) is not None]
