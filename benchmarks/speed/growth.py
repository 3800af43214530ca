"""How a training step grows: one size at a time, ours and literal in turns, for every architecture.

The single tower's step at the start takes turns with each size, so that the curves do not bend with the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from benchmarks.speed.literal import EQUATIONS
from benchmarks.speed.models import batch_of, model_of
from benchmarks.speed.necessary import LAYERS, attention_share
from benchmarks.speed.paired import Ratio, Ways
from benchmarks.speed.rows import Setting, small
from benchmarks.speed.shapes import BASE, Shape
from benchmarks.speed.steps import Step, literal_loss, loss, optimizer_of

START = Shape("growth", 256, 4, 4, 4, 768, 1024, 16, 16, 64, 2, images=1)
SIZES: dict[str, list[Shape]] = {
    "image tokens": [replace(START, image_side=side) for side in (8, 11, 16, 23, 32)],
    "text tokens": [replace(START, text_tokens=tokens) for tokens in (32, 64, 128, 256, 512)],
    "layers": [replace(START, layers=layers) for layers in (1, 2, 4, 8, 16)],
}


@dataclass(frozen=True)
class Point:
    """One architecture's step at one size."""

    grown: str  # of SIZES
    size: int
    work: int  # tokens of the step times layers
    architecture: str
    ours: Ratio  # over the start
    literal: Ratio  # over the start
    over_literal: Ratio
    start_ms: float  # as measured beside this size
    attention_share: float | None  # of the necessary FLOPs, where they are counted


def points(setting: Setting) -> Iterator[list[Point]]:
    """Measure size by size. Architectures without a literal equation are left out."""
    names = [name for name in setting.architectures if name in EQUATIONS]
    for grown, shapes in SIZES.items():
        for shape in shapes:
            yield _points(replace(setting, shape=shape), grown, names)


def _points(setting: Setting, grown: str, names: list[str]) -> list[Point]:
    shape, device = setting.shape, setting.device
    start = model_of(START, BASE, device)
    first = Step(optimizer_of(start), partial(loss, start, batch_of(START, device)))
    sizes: tuple[Ways, Ways] = ({"start": first}, {"start": first})
    for name in names:
        model = model_of(shape, name, device)
        optimizer = optimizer_of(model)
        for ways, batch in zip(sizes, (batch_of(shape, device), batch_of(small(shape), device)), strict=True):
            for kind, way in (("ours", loss), ("literal", literal_loss)):
                ways[f"{name} {kind}"] = Step(optimizer, partial(way, model, batch))
    times = setting.in_turns(sizes[0], sizes[1])
    size = {"image tokens": shape.image_tokens, "text tokens": shape.text_tokens, "layers": shape.layers}[grown]
    work = shape.rows * (shape.image_tokens + shape.text_tokens) * shape.layers
    return [
        Point(
            grown,
            size,
            work,
            name,
            times.ratio(f"{name} ours", "start"),
            times.ratio(f"{name} literal", "start"),
            times.ratio(f"{name} ours", f"{name} literal"),
            1e3 * times.median("start"),
            attention_share(shape, name) if name in LAYERS else None,
        )
        for name in names
    ]
