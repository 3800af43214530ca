"""The language loss L_AR (paper, Eq. 1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.training.losses.base import Loss, Mean, Output

if TYPE_CHECKING:
    from architectures.transformer import FusionTransformer


class TextLoss(Loss):
    """Cross-entropy of the next token over scored text; padding does not count."""

    def measure(self, model: FusionTransformer, outputs: Sequence[Output]) -> Mean:
        import torch
        from torch.nn import functional as F

        logits, targets = [], []
        for output in outputs:
            for segment, states in output.scored("text"):
                following = segment.ids.shape[1] - 1
                positions = torch.arange(following, device=segment.ids.device)
                scored = positions < (segment.lengths - 1)[:, None]  # B n-1
                logits.append(model.logits(states[:, :following][scored]).float())  # scored V
                targets.append(segment.ids[:, 1:][scored])  # scored
        if not targets:
            return Mean(torch.zeros((), device=model.device), 0)
        total = F.cross_entropy(torch.cat(logits), torch.cat(targets), reduction="sum")
        return Mean(total, sum(map(len, targets)))
