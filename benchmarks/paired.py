"""Times of several ways to do one thing, taken in turns: whatever the machine does meanwhile, it does to all."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Paired:
    """Seconds of each way, turn by turn."""

    seconds: dict[str, list[float]]

    def median(self, way: str) -> float:
        """Seconds a call."""
        return statistics.median(self.seconds[way])

    def ratio(self, way: str, to: str) -> tuple[float, float, float]:
        """Median, lowest and highest quartile of the turns' ratios."""
        ratios = [a / b for a, b in zip(self.seconds[way], self.seconds[to], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        return middle, low, high


def in_turns(ways: dict[str, Callable[[], object]], turns: int, seconds: float) -> Paired:
    """Call every way once unmeasured, then ``turns`` times in turns (at least 3), fewer once ``seconds`` are over."""
    for work in ways.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    gc.collect()
    end = time.perf_counter() + seconds
    for turn in range(turns):
        if turn >= 3 and time.perf_counter() > end:
            break
        for name, work in ways.items():
            begin = time.perf_counter()
            work()
            taken[name].append(time.perf_counter() - begin)
    return Paired(taken)
