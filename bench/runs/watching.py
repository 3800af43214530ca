"""Watching leases of other processes: an owner that has stopped for good loses its run."""

from __future__ import annotations

import contextlib
import time
from dataclasses import asdict
from pathlib import Path

from bench.runs.lease import Held, LeaseOwner, LeaseState, lease_state, take
from bench.system import processes
from bench.system.provenance import now

GLANCE = 0.2  # seconds between looks at an owner that may be dead


class Watch:
    """Leases looked at again and again; an owner that has stopped loses its run."""

    def __init__(self) -> None:
        self._first: dict[Path, tuple[LeaseState, float]] = {}  # a lease as it looks, and since when it does

    def alive(self, folder: Path) -> bool:
        """Whether the run has an owner, as far as can be told yet. One silent for its lease loses the run here."""
        state = lease_state(folder)
        if state is None or state.owner.dead:
            return False
        clock = time.monotonic()
        known, since = self._first.get(folder, (None, clock))
        if known != state:
            self._first[folder] = state, clock
            return True
        if clock - since < state.owner.lease:
            return True
        with contextlib.suppress(Held):
            take(folder, state.number + 1, LeaseOwner(**asdict(state.owner) | {"ended": now()}))
        return False


def owner_is_gone(folder: Path) -> bool:
    """Whether the run is free. An owner on another machine is watched until its next heartbeat, or for a lease."""
    first = lease_state(folder)
    if first and first.owner.space == processes.space() and not first.owner.dead:
        return False
    watch = Watch()
    while watch.alive(folder):
        if lease_state(folder) != first:
            return False
        time.sleep(GLANCE)
    return True
