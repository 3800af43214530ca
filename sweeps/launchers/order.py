"""Order of jobs: seed by seed, and within a seed the longest first, so that no worker waits long at the end."""

from __future__ import annotations

import math
import threading

from sweeps.jobs import Job


class Queue:
    """The jobs still to do. What an architecture's jobs take is known once one is done; until then they come first."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, Job]] = []  # how many times it was put here before, and the job
        self._puts: dict[str, int] = {}
        self._step_seconds: dict[str, float] = {}  # by architecture, of the last job done; scoring included
        self._changed = threading.Condition()
        self._closed = False

    def put(self, jobs: list[Job]) -> None:
        """Add jobs; one that comes back goes behind all others."""
        with self._changed:
            for job in jobs:
                self._waiting.append((self._puts.get(job.run_id, 0), job))
                self._puts[job.run_id] = self._puts.get(job.run_id, 0) + 1
            self._changed.notify_all()

    def next(self) -> Job | None:
        """Take the next job, of equals the first that the sweep lists; wait for one. None when the queue is closed."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            chosen = min(self._waiting, key=self._place)
            self._waiting.remove(chosen)
            return chosen[1]

    def close(self) -> None:
        """Close the queue."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def took(self, job: Job, seconds: float) -> None:
        """Note how long a job took."""
        point = job.points[0]
        with self._changed:
            self._step_seconds[point.architecture] = seconds / point.step

    def _place(self, waiting: tuple[int, Job]) -> tuple[int, int, float]:
        puts, job = waiting
        point = job.points[0]
        seconds = self._step_seconds.get(point.architecture, math.inf) * point.step
        return puts, point.seed, -seconds
