"""A training step of an architecture, measured in turns with the literal one and the single tower's."""

from __future__ import annotations

from typing import Any

from benchmarks.floor import floor_seconds, matmul_rate, memory_bandwidth, necessary_flops
from benchmarks.models import batch_of, model_of
from benchmarks.paired import in_turns
from benchmarks.shapes import BASE, Shape
from benchmarks.steps import Step

TURNS = 15


def step_times(shape: Shape, architecture: str, seconds: float) -> dict[str, Any]:
    """A training step of one architecture: seconds, and ratios with their quartiles."""
    batch = batch_of(shape)
    ours = Step(model_of(shape, architecture), batch)
    literal = Step(model_of(shape, architecture), batch, literal=True)
    base = Step(model_of(shape, BASE), batch)
    trained = sum(p.numel() for p in ours.trained)
    rate, bandwidth = matmul_rate(shape), memory_bandwidth()
    times = in_turns({"ours": ours, "literal": literal, "base": base}, TURNS, seconds)
    rate = max(rate, matmul_rate(shape))  # before and after: the floor is what the machine can do
    floor = floor_seconds(shape, architecture, trained, rate, bandwidth)
    return {
        "shape": shape.name,
        "architecture": architecture,
        "turns": len(times.seconds["ours"]),
        "ours_ms": 1e3 * times.median("ours"),
        "literal_ms": 1e3 * times.median("literal"),
        "floor_ms": 1e3 * floor,
        "over_floor": times.median("ours") / floor,
        "over_literal": times.ratio("ours", "literal"),
        "over_single_tower": times.ratio("ours", "base"),
        "necessary_gflop": necessary_flops(shape, architecture) / 1e9,
        "matmul_gflops": rate / 1e9,
    }
