"""Whether those who hold runs still live, as seen from other processes: who has stopped for good loses the run."""

from __future__ import annotations

import contextlib
import time
from dataclasses import asdict
from pathlib import Path

from bench.runs.lease import Held, Holder, Sighting, sighting, take
from bench.system import processes
from bench.system.provenance import now

GLANCE = 0.2  # seconds between looks at a holder that may be dead


class Watch:
    """Looks at claims again and again, and takes the runs from holders that have stopped."""

    def __init__(self) -> None:
        self._first: dict[Path, tuple[Sighting, float]] = {}  # a claim as it now looks, and since when it does

    def alive(self, folder: Path) -> bool:
        """Whether somebody holds the run, as far as can be told yet. A holder silent for its lease loses it here."""
        seen = sighting(folder)
        if seen is None or seen.holder.dead:
            return False
        clock = time.monotonic()
        known, since = self._first.get(folder, (None, clock))
        if known != seen:
            self._first[folder] = seen, clock
            return True
        if clock - since < seen.holder.lease:
            return True
        with contextlib.suppress(Held):
            take(folder, seen.number + 1, Holder(**asdict(seen.holder) | {"ended": now()}))
        return False


def outlived(folder: Path) -> bool:
    """Whether the run is free: a holder on another machine is watched until its heart beats, or for a lease."""
    first = sighting(folder)
    if first and first.holder.space == processes.space() and not first.holder.dead:
        return False
    watch = Watch()
    while watch.alive(folder):
        if sighting(folder) != first:
            return False
        time.sleep(GLANCE)
    return True
