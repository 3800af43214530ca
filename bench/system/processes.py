"""Whether a process, known by its id and start time, is still alive on this machine."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path


def dead(space_: str, pid: int, birth: int) -> bool:
    """Whether the process of this id and start time is known to have died; `space_` as by `space`."""
    return space_ == space() and born(pid) != birth


@cache
def space() -> str:
    """Name of this process-id space (machine, boot and container); '' where the system does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip().replace("-", "")
        return f"{boot[:12]}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def born(pid: int) -> int:
    """Start time of a living process in ticks since the boot, -1 if there is none, 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return -1 if Path("/proc/self/stat").exists() else 0
    return -1 if fields[0] in "ZX" else int(fields[19])  # a zombie counts as dead
