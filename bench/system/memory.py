"""Memory of the process: freed memory is kept, and the peak is measured for each run of a process."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from functools import cache

import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
LARGEST = 2**31 - 1  # bytes; the largest that mallopt takes


def keep_freed_memory() -> None:
    """Keep freed memory in the process instead of returning it: the next step needs it again (glibc).

    Returning it costs a page fault for every 4 KiB of the next step's activations: a tenth of a step at width 512.
    """
    _glibc("mallopt", M_TRIM_THRESHOLD, LARGEST)
    _glibc("mallopt", M_MMAP_THRESHOLD, LARGEST)


def reset_peak_memory() -> None:
    """Reset the process's peak of resident memory for the next run in it (Linux).

    Memory that earlier runs freed is returned first: else it would count for this run.
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
    """Leave imported modules out of later garbage collections: walking them takes 0.3 s."""
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
