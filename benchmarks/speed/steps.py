"""One training step on given weights, by the product and literally."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import AdamW

from architectures.transformer import FusionTransformer
from benchmarks.speed.literal import final_states
from benchmarks.speed.models import Batch


def loss(model: FusionTransformer, batch: Batch) -> Tensor:
    """Loss of both tasks, by the product's own pass."""
    (_, generated), (_, captions) = model.forward_many([(batch.t2i, (False, True)), (batch.i2t, (False, True))])
    return joint(model.velocity(generated), model.logits(captions[:, :-1]), batch)


def literal_loss(model: FusionTransformer, batch: Batch) -> Tensor:
    """The same loss by the literal equations: every tower on every token, one dense mask, nothing left out."""
    generated = final_states(model, batch.t2i)[1]
    captions = final_states(model, batch.i2t)[1]
    return joint(model.velocity(generated), model.logits(captions[:, :-1]), batch)


def mixed_loss(model: FusionTransformer, batch: Batch) -> Tensor:
    """`loss` in bfloat16, with weights in float32: train.precision=bfloat16."""
    with torch.autocast(model.device.type, torch.bfloat16):
        return loss(model, batch)


def joint(velocity: Tensor, logits: Tensor, batch: Batch) -> Tensor:
    """Joint loss of generated images, (B, C, h, w), and of each caption token but the first, (B, n-1, V)."""
    image = velocity.float().square().mean()
    text = F.cross_entropy(logits.float().flatten(0, 1), batch.ids[batch.t2i_rows :, 1:].flatten())
    return image + 0.2 * text


def optimizer_of(model: torch.nn.Module) -> AdamW:
    """AdamW over the parameters that are trained."""
    return AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4, fused=True)


class Step:
    """A whole optimizer step: forward, backward, clipping, AdamW."""

    def __init__(self, optimizer: AdamW, loss: Callable[[], Tensor]) -> None:
        self.optimizer, self.loss = optimizer, loss
        self.trained: list[Tensor] = optimizer.param_groups[0]["params"]

    def __call__(self) -> None:
        self.loss().backward()
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
