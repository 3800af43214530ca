"""Who is at a run: exclusive, numbered claim files with a heartbeat, for workers that share a folder and nothing else.

`claims/00007.json` says who took the run for the seventh time. The highest number counts, and it is never removed:
whoever takes over links the next one, which only one of several can, so no two hold a run. A holder touches its file
again and again. One that does so no more, by the watcher's own clock, or that is known to have died, loses the run, and
finds out before it writes anything. Clocks of different machines are never compared to take a run from anybody.
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

LEASE = 60.0  # seconds without a heartbeat after which a holder has lost its run
BEATS = 6  # heartbeats in a lease


class Held(Exception):
    """Another process is at this run. The message says which."""


class Lost(Exception):
    """This process was silent for too long, and another took over its run. The message says which run."""


@dataclass(frozen=True)
class Holder:
    """What a claim file says of the process that wrote it."""

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
class Sighting:
    """A claim as a watcher saw it: it is alive if it looks different later on."""

    number: int
    beat: int  # modification time of the file, nanoseconds
    holder: Holder


class Claim:
    """A run held by this process. A thread keeps its heart beating."""

    def __init__(self, folder: Path, number: int, holder: Holder) -> None:
        self.path, self._number, self._holder = _path(folder, number), number, holder
        self._over, self._lost = threading.Event(), False
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise Lost if another process has taken over."""
        if self._lost or self._superseded():
            self._lost = True
            raise Lost(
                f"{self.path.parent.parent} was taken over: this process did not answer for {self._holder.lease} s"
            )

    def release(self) -> None:
        """Let the run go. The file stays, to keep the count."""
        self._over.set()
        self._thread.join()
        if not self._lost and not self._superseded():
            with contextlib.suppress(OSError):  # on a full disk it is found dead once this process has ended
                write_atomically(self.path, json.dumps(asdict(self._holder) | {"ended": now()}))

    def _superseded(self) -> bool:
        return _newest(self.path.parent) != self._number

    def _beat(self) -> None:
        while not self._over.wait(self._holder.lease / BEATS):
            with contextlib.suppress(OSError):  # a server that is away may come back
                self._lost = self._lost or self._superseded()
                os.utime(self.path)


@contextmanager
def claimed(folder: Path, lease: float = LEASE) -> Iterator[Claim]:
    """Hold `folder` (a run's `claims/`) for this process alone.

    Raises Held if another process has it and is not known to have died, OSError if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    seen = sighting(folder)
    if seen and not seen.holder.dead:
        raise Held(str(seen.holder))
    number = _newest(folder) + 1
    holder = Holder(
        socket.gethostname(), os.getpid(), processes.space(), processes.born(os.getpid()), job_id(), lease, now()
    )
    take(folder, number, holder)
    claim = Claim(folder, number, holder)
    try:
        yield claim
    finally:
        claim.release()


def sighting(folder: Path) -> Sighting | None:
    """The claim that counts, None where nobody has the run or the last holder let it go."""
    number = _newest(folder)
    if not number:
        return None
    try:
        beat = _path(folder, number).stat().st_mtime_ns
        holder = _read(_path(folder, number))
    except FileNotFoundError:  # superseded this very moment
        return sighting(folder)
    return None if holder.ended else Sighting(number, beat, holder)


def seems_alive(folder: Path) -> bool:
    """Whether somebody is at the run, judged at a glance: to be shown, not to take a run from anybody."""
    seen = sighting(folder)
    if seen is None or seen.holder.dead:
        return False
    return time.time() - seen.beat / 1e9 < seen.holder.lease


def take(folder: Path, number: int, holder: Holder) -> None:
    """Become the holder that counts, or raise Held: by whoever was quicker."""
    path = _path(folder, number)
    if not publish(path, json.dumps(asdict(holder))):
        raise Held("another process, which was quicker")
    if _newest(folder) != number:  # decided on an old view of the folder
        path.unlink(missing_ok=True)
        raise Held("another process, which was quicker")
    for old in _numbers(folder):
        if old < number:
            _path(folder, old).unlink(missing_ok=True)


def _newest(folder: Path) -> int:
    """The highest number of a claim, 0 where there is none."""
    return max(_numbers(folder), default=0)


def _numbers(folder: Path) -> list[int]:
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return [int(stem) for stem, dot, end in (name.partition(".") for name in names) if end == "json" and stem.isdigit()]


def _read(path: Path) -> Holder:
    """What a claim says. One that a power cut emptied says nothing, and is watched as any other."""
    try:
        return Holder(**json.loads(path.read_text(errors="replace", encoding="utf-8")))
    except (ValueError, TypeError):
        return Holder("an unknown host", 0, "", 0, None, LEASE, "an unknown time")


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.json"
