"""Every measurement of a shape, one table after the other."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import torch

from bench.system.errors import UserError
from bench.system.memory import keep_freed_memory
from bench.system.quiet import quiet_libraries
from benchmarks.speed import captioning, image_generation, peak, peers, training
from benchmarks.speed.rows import Row, Setting
from benchmarks.speed.shapes import Shape

MEASUREMENTS = (peak.rows, training.rows, peers.rows, image_generation.rows, captioning.rows)  # memory first


def found_device(asked: str | None) -> str:
    """``asked`` if it is there; by default a GPU where there is one."""
    has_gpu = torch.cuda.is_available()
    if asked == "cuda" and not has_gpu:
        raise UserError("--device cuda: torch finds no GPU here; leave it out to measure on the CPU")
    return asked or ("cuda" if has_gpu else "cpu")


def measure(shape: Shape, names: tuple[str, ...], device: str, threads: int, seconds: float) -> Iterator[list[Row]]:
    """The rows of each table, as soon as they are there."""
    setting = setting_of(shape, names, device, threads, seconds)
    for rows in MEASUREMENTS:
        yield rows(setting)
        gc.collect()
        if device == "cuda":
            torch.cuda.empty_cache()  # for the processes that measure memory


def setting_of(shape: Shape, names: tuple[str, ...], device: str, threads: int, seconds: float) -> Setting:
    """Make torch ready, and return the setting."""
    quiet_libraries()
    torch.set_num_threads(threads)
    keep_freed_memory()
    settle = torch.cuda.synchronize if device == "cuda" else (lambda: None)  # a CPU has finished when the call returns
    return Setting(shape, names, device, threads, seconds, settle)
