"""Paired times: several ways to do one thing take turns, so that changes of the machine affect all alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Ways = dict[str, Callable[[], object]]
Ratio = tuple[float, float, float]
"""Median, lowest and highest quartile."""


def quartiles(ratios: Iterable[float]) -> Ratio:
    """Quartiles of one ratio a turn. Of three turns or fewer they are the lowest and the highest."""
    taken = list(ratios)
    if len(taken) < 3:
        return statistics.median(taken), min(taken), max(taken)
    low, middle, high = statistics.quantiles(taken, n=4)
    return middle, low, high


@dataclass(frozen=True)
class Paired:
    """Seconds of each way, turn by turn."""

    seconds: dict[str, list[float]]

    def median(self, way: str) -> float:
        """Median seconds of a call."""
        return statistics.median(self.seconds[way])

    def ratio(self, way: str, to: str, times: float = 1.0) -> Ratio:
        """Quartiles of the turns' own ratios of ``way`` to ``to``, each multiplied by ``times``."""
        return quartiles(times * a / b for a, b in zip(self.seconds[way], self.seconds[to], strict=True))


def in_turns(
    ways: Ways,
    turns: int,
    seconds: float,
    warm_up: Ways | None = None,
    settle: Callable[[], object] = lambda: None,
    least: int = 3,
) -> Paired:
    """Call every way ``turns`` times in turns, fewer (but ``least``) once ``seconds`` are over.

    Before, ``warm_up`` (default: the ways themselves) is called unmeasured. ``settle`` waits for a device to finish.
    """
    for work in (ways if warm_up is None else warm_up).values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    gc.collect()
    end = time.perf_counter() + seconds
    for turn in range(turns):
        if turn >= least and time.perf_counter() > end:
            break
        for name, work in ways.items():
            settle()
            begin = time.perf_counter()
            work()
            settle()
            taken[name].append(time.perf_counter() - begin)
    return Paired(taken)
