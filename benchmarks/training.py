"""A training step, in turns with the floor's products, the literal step and the single tower's."""

from __future__ import annotations

from benchmarks.floor import Copy, Products, floor_seconds
from benchmarks.literal import EQUATIONS, MISSING
from benchmarks.models import batch_of, model_of
from benchmarks.necessary import LAYERS, necessary_flops
from benchmarks.paired import Paired, Ways, quartiles
from benchmarks.rows import Row, Setting, small
from benchmarks.shapes import BASE
from benchmarks.steps import Loss, Step, literal_loss, loss, mixed_loss, optimizer_of

NO_FLOOR = "its FLOPs are not counted (LAYERS in benchmarks/necessary.py), so it has no floor"


def rows(setting: Setting) -> list[Row]:
    """A step of every architecture."""
    return [row for group in setting.groups for row in _rows(setting, group)]


def _rows(setting: Setting, names: tuple[str, ...]) -> list[Row]:
    products, copy = Products(setting.shape, setting.device), Copy(setting.device)
    ways: Ways = {}
    warm_up: Ways = {"products": products, "copy": copy}
    trained = {}
    order = [name for name in names if name != BASE]
    order.insert(len(order) // 2, BASE)  # in the middle of a turn: near all that it is compared with
    for name in order:
        ways |= {f"{name} products": products, f"{name} copy": copy}  # beside every architecture's own step
        losses = _losses(setting, name) if name in names else {"ours": loss}
        trained[name] = _add_steps(setting, name, losses, ways, warm_up)
    times = setting.in_turns(ways, warm_up)
    return [_row(setting, name, trained[name], times, products.flops, copy.bytes) for name in names]


def _losses(setting: Setting, name: str) -> dict[str, Loss]:
    losses: dict[str, Loss] = {"ours": loss}
    if name in EQUATIONS:
        losses["literal"] = literal_loss
    if setting.shape.dtype == "float32":
        losses["bfloat16"] = mixed_loss
    return losses


def _add_steps(setting: Setting, name: str, losses: dict[str, Loss], ways: Ways, warm_up: Ways) -> int:
    """Steps on the same weights and moments; small ones to warm up. Returns the number of trained parameters."""
    batch = batch_of(setting.shape, setting.device)
    few = batch_of(small(setting.shape), setting.device)
    model = model_of(setting.shape, name, setting.device)
    optimizer = optimizer_of(model)
    for kind, way in losses.items():
        ways[f"{name} {kind}"] = Step(optimizer, lambda way=way: way(model, batch))  # type: ignore[misc]
        warm_up[f"{name} {kind}"] = Step(optimizer, lambda way=way: way(model, few))  # type: ignore[misc]
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _row(setting: Setting, name: str, trained: int, times: Paired, flops: int, copied: int) -> Row:
    shape, ours = setting.shape, f"{name} ours"
    seconds = {kind: times.seconds[f"{name} {kind}"] for kind in ("ours", "products", "copy")}
    rates = [flops / each for each in seconds["products"]]
    facts = {"trained_parameters": trained, "matmul_gflops": quartiles(rate / 1e9 for rate in rates)}
    floor, also = None, {}
    if name in LAYERS:
        needed = necessary_flops(shape, name)
        bandwidths = [copied / each for each in seconds["copy"]]
        floors = [floor_seconds(shape, name, trained, *each) for each in zip(rates, bandwidths, strict=True)]
        floor = quartiles(own / least for own, least in zip(seconds["ours"], floors, strict=True))
        also["MFU"] = quartiles(needed / rate / own for own, rate in zip(seconds["ours"], rates, strict=True))
        facts["necessary_gflop"] = needed / 1e9
    others = {"literal": f"{name} literal", BASE: f"{BASE} ours"}
    over = {"floor": floor} | {
        other: times.ratio(ours, way) if way in times.seconds else None for other, way in others.items()
    }
    if shape.dtype == "float32":
        also["bfloat16/float32"] = times.ratio(f"{name} bfloat16", ours)
    remarks = [NO_FLOOR] * (name not in LAYERS) + [MISSING] * (name not in EQUATIONS)
    median = 1e3 * times.median(ours)
    turns = len(seconds["ours"])
    return Row(shape.name, name, "training step", median, "ms", over, turns, also, facts, tuple(remarks))
