"""One training step on given weights, in the product's way and literally."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from architectures.transformer import FusionTransformer
from benchmarks.literal import final_states
from benchmarks.models import Batch


def loss(model: FusionTransformer, batch: Batch) -> Tensor:
    """Both tasks' loss by the product's own pass."""
    (_, drawn), (_, told) = model.together([(batch.t2i, (False, True)), (batch.i2t, (False, True))])
    return _joint(model, batch, drawn, told)


def literal_loss(model: FusionTransformer, batch: Batch) -> Tensor:
    """The same number as the equations say it: every tower on every token, one dense mask, nothing left out."""
    drawn = final_states(model, batch.t2i)[1]
    told = final_states(model, batch.i2t)[1]
    return _joint(model, batch, drawn, told)


def _joint(model: FusionTransformer, batch: Batch, drawn: Tensor, told: Tensor) -> Tensor:
    image = model.velocity(drawn).square().mean()
    logits = model.logits(told[:, :-1])  # B n-1 V
    text = F.cross_entropy(logits.flatten(0, 1), batch.ids[batch.drawn :, 1:].flatten())
    return image + 0.2 * text


class Step:
    """A whole optimizer step: forward, backward, clipping, AdamW."""

    def __init__(self, model: FusionTransformer, batch: Batch, literal: bool = False) -> None:
        self.model, self.batch = model, batch
        self.loss = literal_loss if literal else loss
        self.trained = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trained, lr=1e-4, fused=True)

    def __call__(self) -> None:
        self.loss(self.model, self.batch).backward()
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
