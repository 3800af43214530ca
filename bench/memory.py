"""Peak memory of one run, also where a process does many."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

import torch


def reset_peak_memory() -> None:
    """Forget the process's peak of resident memory, so that the next run in it starts anew (Linux).

    What earlier runs freed goes back to the system first: else each run's peak would hold the largest before it.
    """
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    gc.collect()
    with suppress(OSError, AttributeError):  # another libc than glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    with suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def peak_memory_mb() -> float:
    """Peak memory since the last reset, in MB: the accelerator's if there is one, else the process's resident set."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    with open("/proc/self/status") as file:
        (peak,) = [line for line in file if line.startswith("VmHWM")]
    return int(peak.split()[1]) / 1024
