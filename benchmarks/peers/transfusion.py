"""transfusion-pytorch, as it comes, at our width, depth, heads, tokens and number of parameters.

Its layers carry adaptive norms which are larger than the rest of them, so at equal width and depth it is our MLP that
grows until the parameters are equal. It wraps an image in words of its own; captions are shorter by as many. Both
sides score the images that are drawn and the captions that are written.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from bench.provenance import package_versions
from benchmarks.models import Batch, batch_of, model_of
from benchmarks.paired import Ratio, Ways
from benchmarks.rows import Setting, small
from benchmarks.shapes import BASE, Shape
from benchmarks.steps import Step, loss, optimizer_of

PACKAGE = "transfusion-pytorch"
ABSENT = f"{PACKAGE} is not installed: pip install -e '.[peers]' -c constraints.txt"
ELSEWHERE = f"{PACKAGE} is compared on a CPU in float32 only"


@dataclass(frozen=True)
class Comparison:
    """Ours over theirs, the parameters of each; the remark says what was compared, or why nothing was."""

    ratio: Ratio | None
    remark: str
    facts: dict[str, Any] = field(default_factory=dict)


def compare(setting: Setting) -> Comparison:
    """Steps on half the rows, to save time."""
    if find_spec("transfusion_pytorch") is None:
        return Comparison(None, ABSENT)
    if (setting.device, setting.shape.dtype) != ("cpu", "float32"):
        return Comparison(None, ELSEWHERE)
    half = replace(setting.shape, rows=max(2, setting.shape.rows // 2))
    theirs = model_like(half)
    shape = widened(half, parameters(theirs))
    ours = model_of(shape, BASE)
    optimizers = optimizer_of(ours), optimizer_of(theirs)
    ways: list[Ways] = []
    for size in (shape, small(shape)):
        mine, yours = batch_of(size), samples(batch_of(shortened(size)))
        own = Step(optimizers[0], partial(loss, ours, mine))
        other = Step(optimizers[1], partial(their_loss, theirs, yours))
        ways.append({"ours": own, "theirs": other})
    times = setting.in_turns(ways[0], ways[1])
    version = package_versions((PACKAGE,))[PACKAGE]
    counts = {"ours": parameters(ours), "theirs": parameters(theirs)}
    tokens = shape.rows * (shape.image_tokens + shape.text_tokens)
    remark = (
        f"{PACKAGE} {version} has {counts['theirs'] / 1e6:.2f}M parameters at this width and depth; "
        f"ours, its MLP widened to {shape.mlp_width}, {counts['ours'] / 1e6:.2f}M; {tokens} tokens each"
    )
    return Comparison(times.ratio("ours", "theirs"), remark, {"parameters": counts, PACKAGE: version})


def model_like(shape: Shape) -> nn.Module:
    """With our width, depth, heads and MLP; everything else is its own default."""
    from transfusion_pytorch import Transfusion

    torch.manual_seed(0)
    transformer = {
        "dim": shape.width,
        "depth": shape.layers,
        "dim_head": shape.head_width,
        "heads": shape.heads,
        "ff_expansion_factor": 1.5 * shape.mlp_width / shape.width,
    }
    return Transfusion(
        num_text_tokens=shape.vocabulary,
        transformer=transformer,
        dim_latent=shape.channels,
        channel_first_latent=True,
        modality_default_shape=(shape.image_side, shape.image_side),
        prob_uncond=0.0,
    )


def samples(batch: Batch) -> tuple[list[list[Any]], Tensor]:
    """The rows in its form, each item with the weight of its loss, and their times (B, 1): 1 is clean."""
    rows: list[list[Any]] = []
    for row, (ids, latents) in enumerate(zip(batch.ids, batch.latents, strict=True)):
        is_drawn = row < batch.drawn
        words, image = (ids, float(not is_drawn)), (0, latents, float(is_drawn))
        rows.append([words, image] if is_drawn else [image, words])
    return rows, 1 - batch.sigma[:, None]


def their_loss(model: nn.Module, given: tuple[list[list[Any]], Tensor]) -> Tensor:
    """Its own joint loss."""
    rows, times = given
    return model(rows, times=times)


def shortened(shape: Shape) -> Shape:
    """With captions that leave room for a sequence's begin and end, and an image's begin, size and end; the last
    token is only predicted."""
    size = f"{shape.image_side},{shape.image_side}"
    return replace(shape, text_tokens=shape.text_tokens - (2 + 3 + len(size) - 1))


def widened(shape: Shape, total: int) -> Shape:
    """With an MLP that gives our single tower ``total`` parameters."""
    missing = total - parameters(model_of(shape, BASE, "meta"))
    return replace(shape, mlp_width=shape.mlp_width + round(missing / (3 * shape.width * shape.layers)))


def parameters(model: nn.Module) -> int:
    """All of them, embeddings and heads included."""
    return sum(parameter.numel() for parameter in model.parameters())
