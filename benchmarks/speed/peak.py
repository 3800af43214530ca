"""Peak memory of a training step. Each is taken in a process of its own: resident sets must not mix."""

from __future__ import annotations

import gc
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import torch

from bench.system.memory import keep_freed_memory, peak_memory_mb, reset_peak_memory
from benchmarks.speed.literal import EQUATIONS, MISSING
from benchmarks.speed.models import batch_of, model_of
from benchmarks.speed.rows import Row, Setting, small
from benchmarks.speed.shapes import BASE, Shape
from benchmarks.speed.steps import Step, literal_loss, loss, optimizer_of


def rows(setting: Setting) -> list[Row]:
    """Weights, gradients, moments and activations of every architecture's step, in MB."""
    asked = [(name, literal) for name in setting.architectures for literal in (False, True)[: 1 + (name in EQUATIONS)]]
    context = get_context("forkserver")  # imports the libraries once, and forks before they have computed anything
    context.set_forkserver_preload([__name__])
    at_once = 2 if setting.device == "cpu" else 1
    with ProcessPoolExecutor(at_once, context, max_tasks_per_child=1) as pool:
        given = [pool.submit(peak_mb, setting.shape, *each, setting.device, setting.threads) for each in asked]
        peaks = dict(zip(asked, (each.result() for each in given), strict=True))
    return [_row(setting.shape.name, name, peaks) for name in setting.architectures]


def _row(shape: str, name: str, peaks: dict[tuple[str, bool], float]) -> Row:
    ours = peaks[name, False]
    others = {"literal": peaks.get((name, True)), BASE: peaks.get((BASE, False))}
    over = {other: (ours / peak,) * 3 if peak else None for other, peak in others.items()}
    remarks = (MISSING,) * (name not in EQUATIONS)
    return Row(shape, name, "peak memory of a step", ours, "MB", over, 1, remarks=remarks)


def peak_mb(shape: Shape, architecture: str, literal: bool, device: str, threads: int) -> float:
    """Peak memory of a step, above what the process held before it made the model."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    reset_peak_memory()
    before = peak_memory_mb()
    model, batch = model_of(shape, architecture, device), batch_of(shape, device)
    way, optimizer = literal_loss if literal else loss, optimizer_of(model)
    few = batch_of(small(shape), device)
    Step(optimizer, partial(way, model, few))()  # makes the optimizer's moments
    gc.collect()
    reset_peak_memory()
    Step(optimizer, partial(way, model, batch))()
    return peak_memory_mb() - before
