"""Peak memory of one run, also where a process does many."""

from __future__ import annotations

import torch


def reset_peak_memory() -> None:
    """Forget the process's peak of resident memory, so that the next run in it starts anew (Linux)."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass


def peak_memory_mb() -> float:
    """Peak memory since the last reset, in MB: the accelerator's if there is one, else the process's resident set."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    with open("/proc/self/status") as file:
        (peak,) = [line for line in file if line.startswith("VmHWM")]
    return int(peak.split()[1]) / 1024
