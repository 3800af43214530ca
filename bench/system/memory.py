"""The process's memory: freed memory is kept, and its peak told for one run, also where a process does many."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from functools import cache

import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
LARGEST = 2**31 - 1  # bytes; what mallopt can be told


def keep_freed_memory() -> None:
    """Let the process keep what it frees instead of giving it back: the next step needs it again (glibc).

    Giving it back costs a page fault for every 4 KiB of the next step's activations: a tenth of a step at width 512.
    """
    _glibc("mallopt", M_TRIM_THRESHOLD, LARGEST)
    _glibc("mallopt", M_MMAP_THRESHOLD, LARGEST)


def reset_peak_memory() -> None:
    """Forget the process's peak of resident memory, so that the next run in it starts anew (Linux).

    What earlier runs freed goes back to the system first: else each run's peak would hold the largest before it.
    """
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    _set_libraries_aside()
    gc.collect()
    _glibc("malloc_trim", 0)
    with suppress(OSError), open("/proc/self/clear_refs", "w", encoding="utf-8") as file:
        file.write("5")


@cache
def _set_libraries_aside() -> None:
    """Leave what is imported by now, which stays, out of later collections: going through it takes 0.3 s."""
    gc.collect()
    gc.freeze()


def peak_memory_mb() -> float:
    """Peak memory since the last reset, in MB: the accelerator's if there is one, else the process's resident set."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    with open("/proc/self/status", encoding="utf-8") as file:
        (peak,) = [line for line in file if line.startswith("VmHWM")]
    return int(peak.split()[1]) / 1024


def _glibc(function: str, *arguments: int) -> None:
    """Call a function of the C library, or nothing where it is another one."""
    with suppress(OSError, AttributeError):
        getattr(ctypes.CDLL("libc.so.6"), function)(*arguments)
