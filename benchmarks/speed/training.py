"""A training step, in turns with the floor's products, the literal step and the single tower's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor
from torch.optim import AdamW

from architectures.transformer import FusionTransformer
from benchmarks.speed.floor import Floor
from benchmarks.speed.literal import EQUATIONS, MISSING
from benchmarks.speed.models import Batch, batch_of, by_blas, matmul_backend_of, model_of
from benchmarks.speed.necessary import LAYERS
from benchmarks.speed.paired import Paired, Ways
from benchmarks.speed.rows import Row, Setting, small
from benchmarks.speed.shapes import BASE
from benchmarks.speed.steps import Step, literal_loss, loss, mixed_loss, optimizer_of

Pass = Callable[[Batch], Tensor]  # to its loss

NO_FLOOR = "its FLOPs are not counted (LAYERS in benchmarks/speed/necessary.py), so it has no floor"


def rows(setting: Setting) -> list[Row]:
    """A step of every architecture."""
    return [row for group in setting.groups for row in _rows(setting, group)]


def _rows(setting: Setting, names: tuple[str, ...]) -> list[Row]:
    floor = Floor(setting.shape, setting.device)
    ways: Ways = {}
    warm_up: Ways = floor.ways("any", "before")
    trained = {}
    order = [name for name in names if name != BASE]
    order.insert(len(order) // 2, BASE)  # in the middle of a turn: near all that it is compared with
    for name in order:
        model = model_of(setting.shape, name, setting.device)
        optimizer = optimizer_of(model)
        passes = _passes(setting, name, model) if name in names else _ours(model)
        steps, small_steps = (
            _steps(name, model, optimizer, passes, batch_of(shape, setting.device))
            for shape in (setting.shape, small(setting.shape))
        )
        ours = {f"{name} ours": steps.pop(f"{name} ours")}
        ways |= floor.ways(name, "before") | ours | floor.ways(name, "after") | steps
        warm_up |= small_steps
        trained[name] = sum(p.numel() for p in model.parameters() if p.requires_grad)
    times = setting.in_turns(ways, warm_up)
    return [_row(setting, name, trained[name], times, floor) for name in names]


def _ours(model: FusionTransformer) -> dict[str, Pass]:
    return {"ours": partial(loss, model)}


def _passes(setting: Setting, name: str, model: FusionTransformer) -> dict[str, Pass]:
    """The ways of a step to its loss, on the same weights."""
    passes = _ours(model)
    if name in EQUATIONS:
        passes["literal"] = partial(literal_loss, model)
    if setting.shape.dtype == "float32":
        passes["bfloat16"] = partial(mixed_loss, model)
    if matmul_backend_of(setting.shape, setting.device) == "onednn":
        passes["BLAS"] = partial(loss, by_blas(model))
    return passes


def _steps(
    name: str, model: FusionTransformer, optimizer: AdamW, passes: dict[str, Pass], batch: Batch
) -> dict[str, Step]:
    """Steps of all ways, with the same moments."""
    return {f"{name} {kind}": Step(optimizer, partial(way, batch)) for kind, way in passes.items()}


def _row(setting: Setting, name: str, trained: int, times: Paired, floor: Floor) -> Row:
    ours, shape = f"{name} ours", setting.shape
    others = {"literal": f"{name} literal", BASE: f"{BASE} ours"}
    if f"{name} BLAS" in times.seconds:
        others["BLAS"] = f"{name} BLAS"
    is_counted = name in LAYERS
    over = {"floor": floor.under(name, trained, times, ours) if is_counted else None} | {
        other: times.ratio(ours, way) if way in times.seconds else None for other, way in others.items()
    }
    also = {"MFU": floor.utilisation(name, times, ours)} if is_counted else {}
    if shape.dtype == "float32":
        also["bfloat16/float32"] = times.ratio(f"{name} bfloat16", ours)
    facts = {"trained_parameters": trained} | floor.facts(name, times)
    remarks = [NO_FLOOR] * (not is_counted) + [MISSING] * (name not in EQUATIONS)
    median, turns = 1e3 * times.median(ours), len(times.seconds[ours])
    return Row(shape.name, name, "training step", median, "ms", over, turns, also, facts, tuple(remarks))
