"""transfusion-pytorch, as it comes, at our width, depth, heads, MLP and tokens; and again at its parameters.

Its layers carry adaptive norms which are larger than the rest of them, so for the second it is our MLP that grows
until the parameters are equal. It wraps an image in words of its own; captions are shorter by as many. Both
sides score the images generated and the captions generated.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from bench.system.provenance import package_versions
from benchmarks.speed.models import Batch, batch_of, model_of
from benchmarks.speed.paired import Ratio, Ways
from benchmarks.speed.rows import Setting, small
from benchmarks.speed.shapes import BASE, Shape
from benchmarks.speed.steps import Step, loss, optimizer_of

PACKAGE = "transfusion-pytorch"
ABSENT = f"{PACKAGE} is not installed: pip install -e '.[peers]' -c constraints.txt"
ELSEWHERE = f"{PACKAGE} is compared on a CPU in float32 only"


@dataclass(frozen=True)
class Comparison:
    """Ours over theirs, both ways; the remark says what was compared, or why nothing was."""

    same_width: Ratio | None
    same_parameters: Ratio | None
    remark: str
    facts: dict[str, Any] = field(default_factory=dict)


def compare(setting: Setting) -> Comparison:
    """Compare steps on a third of the rows, to save time."""
    if find_spec("transfusion_pytorch") is None:
        return Comparison(None, None, ABSENT)
    if (setting.device, setting.shape.dtype) != ("cpu", "float32"):
        return Comparison(None, None, ELSEWHERE)
    part = replace(setting.shape, rows=max(2, setting.shape.rows // 3))
    theirs = model_like(part)
    wide = widened(part, parameters(theirs))
    ours = {"ours": model_of(part, BASE), "wide": model_of(wide, BASE)}
    models: dict[str, nn.Module] = {**ours, "theirs": theirs}
    optimizers = {name: optimizer_of(model) for name, model in models.items()}
    ways: list[Ways] = []
    for shape in (part, small(part)):
        batch, other = batch_of(shape), samples(batch_of(shortened(shape)))
        losses = {name: partial(loss, model, batch) for name, model in ours.items()}
        losses |= {"theirs": partial(their_loss, theirs, other)}
        ways.append({name: Step(optimizers[name], way) for name, way in losses.items()})
    times = setting.in_turns(ways[0], ways[1])
    version = package_versions((PACKAGE,))[PACKAGE]
    counts = {name: parameters(model) for name, model in models.items()}
    millions = {name: f"{count / 1e6:.2f}M" for name, count in counts.items()}
    tokens = part.rows * (part.image_tokens + part.text_tokens)
    remark = (
        f"{PACKAGE} {version} has {millions['theirs']} parameters where ours has {millions['ours']}, or "
        f"{millions['wide']} at equal size with an MLP of {wide.mlp_width}; {tokens} tokens each"
    )
    facts = {"parameters": counts, PACKAGE: version}
    return Comparison(times.ratio("ours", "theirs"), times.ratio("wide", "theirs"), remark, facts)


def model_like(shape: Shape) -> nn.Module:
    """A Transfusion with our width, depth, heads and MLP; everything else is its own default."""
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
    """Rows in Transfusion's form, each item with the weight of its loss, and their times (B, 1): 1 is clean."""
    rows: list[list[Any]] = []
    for row, (ids, latents) in enumerate(zip(batch.ids, batch.latents, strict=True)):
        is_t2i = row < batch.t2i_rows
        words, image = (ids, float(not is_t2i)), (0, latents, float(is_t2i))
        rows.append([words, image] if is_t2i else [image, words])
    return rows, 1 - batch.sigma[:, None]


def their_loss(model: nn.Module, given: tuple[list[list[Any]], Tensor]) -> Tensor:
    """Transfusion's own joint loss."""
    rows, times = given
    return model(rows, times=times)


def shortened(shape: Shape) -> Shape:
    """Shape with captions that leave room for a sequence's begin and end, and an image's begin, size and end; the last
    token is only predicted."""
    size = f"{shape.image_side},{shape.image_side}"
    return replace(shape, text_tokens=shape.text_tokens - (2 + 3 + len(size) - 1))


def widened(shape: Shape, total: int) -> Shape:
    """Shape with an MLP that gives our single tower ``total`` parameters."""
    missing = total - parameters(model_of(shape, BASE, "meta"))
    return replace(shape, mlp_width=shape.mlp_width + round(missing / (3 * shape.width * shape.layers)))


def parameters(model: nn.Module) -> int:
    """Number of all parameters, embeddings and heads included."""
    return sum(parameter.numel() for parameter in model.parameters())
