"""Which run next: seed by seed, and within a seed the longest first, so that no worker waits long at the end."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace

from sweeps.plan import Point


@dataclass(frozen=True)
class Try:
    """A run to do."""

    point: Point
    attempt: int = 1  # how many times it has been tried, this one included
    put_back: int = 0  # how many times it has come back undone


class Queue:
    """The runs still to do. What an architecture's runs take is known once one is done; until then they come first."""

    def __init__(self, points: list[Point]) -> None:
        self._waiting = [Try(point) for point in points]
        self._step_seconds: dict[str, float] = {}  # by architecture, of the last run done; scoring included
        self._lock = threading.Lock()

    def next(self) -> Try | None:
        """Take the next run, None if none waits. Of equals the first that the sweep lists."""
        with self._lock:
            if not self._waiting:
                return None
            chosen = min(self._waiting, key=self._place)
            self._waiting.remove(chosen)
            return chosen

    def later(self, run: Try, attempts: int = 0) -> None:
        """Put back a run behind all others: one that another process holds, or one to try again (``attempts`` 1)."""
        with self._lock:
            self._waiting.append(replace(run, attempt=run.attempt + attempts, put_back=run.put_back + 1))

    def took(self, point: Point, seconds: float) -> None:
        """Note how long a run took."""
        with self._lock:
            self._step_seconds[point.architecture] = seconds / point.step

    def _place(self, run: Try) -> tuple[int, int, float]:
        seconds = self._step_seconds.get(run.point.architecture, math.inf) * run.point.step
        return run.put_back, run.point.seed, -seconds
