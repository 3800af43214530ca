"""Whether a process that left its name behind is still alive, as far as this machine can tell."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path


def dead(space_: str, pid: int, birth: int) -> bool:
    """Whether the process of this id and start, in the given space of ids, is known to live no more."""
    return space_ == space() and born(pid) != birth


@cache
def space() -> str:
    """What tells apart the process-id spaces of machines, boots and containers; '' where the system does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip().replace("-", "")
        return f"{boot[:12]}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def born(pid: int) -> int:
    """Start of a living process in ticks since the boot, -1 if there is none, 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return -1 if Path("/proc/self/stat").exists() else 0
    return -1 if fields[0] in "ZX" else int(fields[19])  # a zombie does nothing more
