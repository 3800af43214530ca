"""The lease of a run: numbered files with a heartbeat, so that one process at a time works on it. Needs a shared folder.

`claims/00007.json` names the owner who took the run for the seventh time. The highest number counts, and is never
removed: to take over is to link the next one, which only one of several processes can. An owner touches its file again
and again. One that stops, by the watcher's own clock, or that is known to have died, loses the run, and finds out
before it writes anything. Clocks of different machines are never compared to take a run from anybody.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.system import processes
from bench.system.files import publish, write_atomically
from bench.system.provenance import job_id, now

LEASE = 60.0  # seconds without a heartbeat after which an owner has lost its run
BEATS = 6  # heartbeats in a lease


class Held(Exception):
    """Another process works on this run. The message says which."""


class Lost(Exception):
    """This process was silent for too long, and another took over its run. The message says which run."""


@dataclass(frozen=True)
class LeaseOwner:
    """The process that holds a lease, as its file names it."""

    host: str
    pid: int
    space: str  # of process ids: the machine, its boot and the container in which `pid` means something
    born: int  # when the process started: process ids are used again
    job: str | None  # of a scheduler, such as SLURM's
    lease: float  # seconds
    since: str  # UTC
    ended: str | None = None  # UTC; then the run is free

    def __str__(self) -> str:
        job = f", job {self.job}" if self.job else ""
        return f"process {self.pid} on {self.host}{job}, since {self.since}"

    @property
    def dead(self) -> bool:
        """Whether it is known to have died, which only its own machine can tell."""
        return processes.dead(self.space, self.pid, self.born)


@dataclass(frozen=True)
class LeaseState:
    """A lease file at one moment. Its owner is alive if it looks different later on."""

    number: int
    beat: int  # modification time of the file, nanoseconds
    owner: LeaseOwner


class Lease:
    """The lease that this process holds. A thread renews it."""

    def __init__(self, folder: Path, number: int, owner: LeaseOwner) -> None:
        self.path, self._number, self._owner = _path(folder, number), number, owner
        self._over, self._lost = threading.Event(), False
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise Lost if another process has taken over."""
        if self._lost or self._superseded():
            self._lost = True
            raise Lost(
                f"{self.path.parent.parent} was taken over: this process did not answer for {self._owner.lease} s"
            )

    def release(self) -> None:
        """End the lease. The file stays, to keep the count."""
        self._over.set()
        self._thread.join()
        if not self._lost and not self._superseded():
            with contextlib.suppress(OSError):  # on a full disk it is found dead once this process has ended
                write_atomically(self.path, json.dumps(asdict(self._owner) | {"ended": now()}))

    def _superseded(self) -> bool:
        return _newest(self.path.parent) != self._number

    def _beat(self) -> None:
        while not self._over.wait(self._owner.lease / BEATS):
            with contextlib.suppress(OSError):  # a server that is away may come back
                self._lost = self._lost or self._superseded()
                os.utime(self.path)


@contextmanager
def acquire(folder: Path, lease: float = LEASE) -> Iterator[Lease]:
    """Lease a run, by its folder `claims/`, for this process alone, until it is silent for `lease` seconds.

    Raises Held if another process has it and is not known to have died, OSError if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = lease_state(folder)
    if state and not state.owner.dead:
        raise Held(str(state.owner))
    number = _newest(folder) + 1
    owner = LeaseOwner(
        socket.gethostname(), os.getpid(), processes.space(), processes.born(os.getpid()), job_id(), lease, now()
    )
    take(folder, number, owner)
    held = Lease(folder, number, owner)
    try:
        yield held
    finally:
        held.release()


def lease_state(folder: Path) -> LeaseState | None:
    """The lease that counts, None where the run is free."""
    number = _newest(folder)
    if not number:
        return None
    try:
        beat = _path(folder, number).stat().st_mtime_ns
        owner = _read(_path(folder, number))
    except FileNotFoundError:  # superseded this very moment
        return lease_state(folder)
    return None if owner.ended else LeaseState(number, beat, owner)


def seems_alive(folder: Path) -> bool:
    """Whether a process works on the run, judged at a glance: to be shown, not to take a run from anybody."""
    state = lease_state(folder)
    if state is None or state.owner.dead:
        return False
    return time.time() - state.beat / 1e9 < state.owner.lease


def take(folder: Path, number: int, owner: LeaseOwner) -> None:
    """Write lease `number` for `owner`. Raises Held if another process was quicker."""
    path = _path(folder, number)
    if not publish(path, json.dumps(asdict(owner))):
        raise Held("another process, which was quicker")
    if _newest(folder) != number:  # decided on an old view of the folder
        path.unlink(missing_ok=True)
        raise Held("another process, which was quicker")
    for old in _numbers(folder):
        if old < number:
            _path(folder, old).unlink(missing_ok=True)


def _newest(folder: Path) -> int:
    """The highest number of a lease file, 0 where there is none."""
    return max(_numbers(folder), default=0)


def _numbers(folder: Path) -> list[int]:
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return [int(stem) for stem, dot, end in (name.partition(".") for name in names) if end == "json" and stem.isdigit()]


def _read(path: Path) -> LeaseOwner:
    """The owner that a file names. One that a power cut emptied names nobody, and is watched like any other."""
    try:
        return LeaseOwner(**json.loads(path.read_text(errors="replace", encoding="utf-8")))
    except (ValueError, TypeError):
        return LeaseOwner("an unknown host", 0, "", 0, None, LEASE, "an unknown time")


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.json"
